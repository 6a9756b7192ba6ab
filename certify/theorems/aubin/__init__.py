"""Explicit radii of the Aubin property (Q1, Q5)."""
