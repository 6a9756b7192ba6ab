"""Trapping boxes for deleted or relabelled rows of a head of one output (D5): what a box says, and its proof."""
