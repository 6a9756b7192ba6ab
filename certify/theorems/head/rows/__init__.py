"""Heads on fixed features under discrete changes of the rows: one method a file."""
