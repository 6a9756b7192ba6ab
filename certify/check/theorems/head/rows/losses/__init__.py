"""Losses of a convex head, one file each: the slope and a floor of the curvature of one row, in balls."""
