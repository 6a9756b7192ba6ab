"""D4d: any m rows deleted from a squared-loss head, by one tree of deletions that many points share."""

from certify.theorems.head.rows.squared_tree.method import SquaredTree

__all__ = ["SquaredTree"]
