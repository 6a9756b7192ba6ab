"""A value times a number of the file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flint import arb

from certify.check.enclosure.sequences.base import Operation, Values


class Times(Operation):
    """Entry by entry; the number is exact."""

    def value(self, inputs: Sequence[Values]) -> tuple[Values, Any]:
        """As written."""
        return [arb(self.node.record["factor"]) * x for x in inputs[0]], None

    def pull(self, v: Values, kept: Any) -> tuple[Sequence[Values], Values]:
        """The same."""
        return [[arb(self.node.record["factor"]) * a for a in v]], []


OWN = Times
