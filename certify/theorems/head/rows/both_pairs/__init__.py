"""One row deleted and one other relabelled, as certificates state it: every choice near a sum of two refits (D1c)."""
