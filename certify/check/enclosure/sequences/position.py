"""A sum with a parameter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from certify.check.enclosure.sequences.base import Operation, Values


class Position(Operation):
    """`x + P`."""

    def value(self, inputs: Sequence[Values]) -> tuple[Values, Any]:
        """As written."""
        return [x + p for x, p in zip(inputs[0], self.weight, strict=True)], None

    def pull(self, v: Values, kept: Any) -> tuple[Sequence[Values], Values]:
        """The same for both."""
        return [v], v


OWN = Position
