"""Curves and smooth manifolds."""
