"""Trapping boxes and the tree over them in whole numbers and balls (H5, H6)."""
