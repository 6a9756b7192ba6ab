"""Training rows by how much hangs on each: every row left out by itself, enclosed, and named with its data."""
