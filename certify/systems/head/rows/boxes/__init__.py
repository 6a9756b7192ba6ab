"""Trapping boxes for deleted rows of a logistic head (D5): what a box says, and its proof."""
