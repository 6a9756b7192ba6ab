"""Rules of a strongly convex last layer at finite size (Q6, P4)."""
