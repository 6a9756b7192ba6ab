"""The persistence radius (M6, P3)."""
