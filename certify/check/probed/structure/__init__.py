"""What moving features do to a critical point, by the structure of `C_i`: no matrix of p rows is made for each row."""
