"""Distances at finite size (F1, Q4, Q7, Q8)."""
