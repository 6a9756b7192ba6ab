"""Fully connected networks: layers, rigorous forward and backward passes, tangent kernel."""
