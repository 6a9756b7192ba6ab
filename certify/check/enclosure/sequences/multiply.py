"""The product of two values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from certify.check.enclosure.sequences.base import Operation, Values


class Multiply(Operation):
    """Entry by entry."""

    def value(self, inputs: Sequence[Values]) -> tuple[Values, Any]:
        """As written."""
        return [x * y for x, y in zip(*inputs, strict=True)], tuple(inputs)

    def pull(self, v: Values, kept: Any) -> tuple[Sequence[Values], Values]:
        """Times the other."""
        return [[a * other for a, other in zip(v, kept[at], strict=True)] for at in (1, 0)], []


OWN = Multiply
