"""D17 derived again: choices of two and three more deleted rows, each looked at by itself."""

from certify.check.theorems.head.rows.by_choice.method import proved

__all__ = ["proved"]
