"""What may happen to the rows of a head: one kind of change a file."""
