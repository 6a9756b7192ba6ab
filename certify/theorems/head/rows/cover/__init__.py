"""Covers of a hyperplane by cells that hold no refit which flips (D8)."""
