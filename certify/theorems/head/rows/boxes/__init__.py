"""Trapping boxes for deleted rows of a logistic head, and the tree over them (H5, H6)."""
