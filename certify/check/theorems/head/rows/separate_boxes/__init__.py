"""D34: heads whose outputs are fitted apart, by a box for each output and one sum over the rows that change."""

from certify.check.theorems.head.rows.separate_boxes.method import proved

__all__ = ["proved"]
