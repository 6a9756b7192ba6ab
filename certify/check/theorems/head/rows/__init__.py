"""Changed rows of a convex head (D1 to D9): one method a file, in balls."""
