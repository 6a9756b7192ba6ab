"""Derivatives of the training loss and of the outputs."""
