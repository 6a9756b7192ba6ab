"""Changed rows of a convex head (D1): one method a file, derived again in balls and whole numbers."""
