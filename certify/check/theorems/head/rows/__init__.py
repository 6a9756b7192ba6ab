"""Changed rows of a convex head (H1 to H8): one method a file, in balls."""
