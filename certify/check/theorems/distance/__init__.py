"""Rules of distances at finite size (Q4, Q7, Q8)."""
