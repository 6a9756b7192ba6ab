"""Exact rational vectors and polyhedra."""
