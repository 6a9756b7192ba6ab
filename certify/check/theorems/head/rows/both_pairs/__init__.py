"""D1c for one row deleted and one other relabelled: every choice near the sum of the refits after either."""

from certify.check.theorems.head.rows.both_pairs.method import proved

__all__ = ["proved"]
