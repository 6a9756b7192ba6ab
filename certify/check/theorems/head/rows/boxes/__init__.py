"""Trapping boxes and the tree over them in whole numbers and balls (D5, D6)."""
