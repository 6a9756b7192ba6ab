"""What the data may do: the matrix `Q` of theorem M2, and the rows' sets of N1 and N2."""
