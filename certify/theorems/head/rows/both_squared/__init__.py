"""Rows deleted and others relabelled at once in a squared-loss head (D32)."""
