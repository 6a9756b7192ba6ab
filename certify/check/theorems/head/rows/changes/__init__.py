"""What may happen to the rows of a head, derived from the spec: one kind of change a file."""
