"""D12 derived again: single refits and what pairs of them leave, at the nodes of a tree of hot rows."""

from certify.check.theorems.head.rows.pair_tree.method import proved

__all__ = ["proved"]
