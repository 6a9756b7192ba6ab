"""D19: rows left out whose weights are balanced, by how many of each label go."""
