"""D32: rows deleted and others relabelled at once in a squared-loss head, derived again; it needs no arrays."""

from certify.check.theorems.head.rows.both_squared.method import proved

__all__ = ["proved"]
