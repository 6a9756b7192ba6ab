"""D16 in whole numbers and doubles that bound: any one or two rows deleted from a softmax head."""

from __future__ import annotations

from certify.check.theorems.head.rows.softmax_pairs.method import proved

__all__ = ["proved"]
