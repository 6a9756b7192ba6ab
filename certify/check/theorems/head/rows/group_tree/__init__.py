"""D21: any k groups of rows deleted, by one step for each group and a tree over the groups that pull most."""

from certify.check.theorems.head.rows.group_tree.method import proved

__all__ = ["proved"]
