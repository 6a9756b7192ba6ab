"""Fully connected networks: rigorous passes and derivatives."""
