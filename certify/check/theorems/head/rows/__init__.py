"""Changed rows of a convex head (H1 to H9): one method a file, in balls."""
