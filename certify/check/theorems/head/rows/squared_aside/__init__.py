"""D4e: any m rows deleted from a squared-loss head, many rows set aside together, derived again."""

from certify.check.theorems.head.rows.squared_aside.sets import proved

__all__ = ["proved"]
