"""D20: wrong labels of rows that may carry weights, by the sum of a linear step for each."""

from certify.check.theorems.head.rows.label_sums.method import proved

__all__ = ["proved"]
