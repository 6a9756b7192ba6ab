"""The mean of the tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from certify.check.enclosure.sequences.base import Operation, Values
from certify.check.linalg.balls import ZERO


class MeanTokens(Operation):
    """`(1/t) Σ x_t`."""

    def value(self, inputs: Sequence[Values]) -> tuple[Values, Any]:
        """As written."""
        tokens, width = self.node.before
        return [sum(inputs[0][j::width], ZERO) / tokens for j in range(width)], None

    def pull(self, v: Values, kept: Any) -> tuple[Sequence[Values], Values]:
        """A share for every token."""
        tokens = self.node.before[0]
        return [[a / tokens for a in v] * tokens], []


OWN = MeanTokens
