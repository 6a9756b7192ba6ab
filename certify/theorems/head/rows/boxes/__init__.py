"""Trapping boxes for deleted rows of a logistic head, and the tree over them (D5, D6)."""
