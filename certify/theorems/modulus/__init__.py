"""Moduli and first-order distances (M2, M4, M5, N1 to N4)."""
