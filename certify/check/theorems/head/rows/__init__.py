"""Which predictions of a convex head stay under every change of at most m rows, derived again: one method a file."""
