"""Predictions: first-order changes, labels within a distance (P1, P2)."""
