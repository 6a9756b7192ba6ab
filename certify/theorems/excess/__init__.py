"""Excess and Hausdorff distance on a window (S14)."""
