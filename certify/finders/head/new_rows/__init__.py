"""New rows that flip predictions, and weights that they cannot make dear. Nothing is trusted."""
