"""Losses of single samples and their derivatives, enclosed."""
