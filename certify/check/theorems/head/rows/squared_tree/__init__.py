"""D4d: any m rows deleted from a squared-loss head, by trees that many points share, derived again."""

from certify.check.theorems.head.rows.squared_tree.trees import proved

__all__ = ["proved"]
