"""Rules of excess and Hausdorff distance on a window (S14)."""
