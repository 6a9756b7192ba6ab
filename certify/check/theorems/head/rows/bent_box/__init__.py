"""D24: one box of all choices whose slabs are bounded to second order, derived again."""

from certify.check.theorems.head.rows.bent_box.method import proved

__all__ = ["proved"]
