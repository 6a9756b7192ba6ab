"""Heads on fixed features under discrete changes of the rows: the checker's own derivations."""
