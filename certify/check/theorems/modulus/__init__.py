"""Rules of moduli and of first-order distances (M2, M4, M5, M6, N1 to N4)."""
