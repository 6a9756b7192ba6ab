"""Rules of the persistence radius (P3)."""
