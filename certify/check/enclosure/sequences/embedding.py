"""A table of vectors read by whole numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from certify.check.enclosure.sequences.base import Operation, Values
from certify.check.linalg.balls import ZERO
from certify.format.refusal import Invalid


class Embedding(Operation):
    """Row `x_t` of the table; a number that is no row is refused."""

    def value(self, inputs: Sequence[Values]) -> tuple[Values, Any]:
        """As written."""
        width = self.node.shape[1]
        rows = []
        for x in inputs[0]:
            row = x.unique_fmpz() if x.is_exact() and x.is_integer() else None
            if row is None or not 0 <= row < len(self.weight) // width:
                raise Invalid("data file", f"a feature is {x.str(6, radius=False)}",
                              f"node {self.node.name} needs whole numbers from 0 to {len(self.weight) // width - 1}")
            rows.append(int(row))
        return [v for row in rows for v in self.weight[row * width:(row + 1) * width]], rows

    def pull(self, v: Values, kept: Any) -> tuple[Sequence[Values], Values]:
        """To the rows that were read; the tokens themselves do not move."""
        width, gradient = self.node.shape[1], [ZERO] * len(self.weight)
        for token, row in enumerate(kept):
            for j in range(width):
                gradient[row * width + j] += v[token * width + j]
        return [[ZERO] * len(kept)], gradient


OWN = Embedding
