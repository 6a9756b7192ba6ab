"""Rules of predictions: first-order changes and labels within a distance (P1, P2)."""
