"""D19 for rows left out whose weights are balanced: a tree of boxes for each number of rows of each label."""

from certify.check.theorems.head.rows.by_counts.method import proved

__all__ = ["proved"]
