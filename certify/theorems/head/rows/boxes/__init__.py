"""Trapping boxes for deleted or relabelled rows of a head of one output, and the tree over them (D5, D6)."""
