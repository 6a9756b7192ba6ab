"""D4e: any m rows deleted from a squared-loss head, where many rows are set aside together."""

from certify.theorems.head.rows.squared_aside.method import SquaredAside

__all__ = ["SquaredAside"]
