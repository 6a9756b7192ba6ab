"""Trapping boxes for deleted rows of a logistic head (H5): what a box says, and its proof."""
