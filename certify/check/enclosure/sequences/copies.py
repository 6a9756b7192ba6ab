"""Other shapes, swapped axes and slices: every entry is one of the input."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from certify.check.enclosure.sequences.base import Operation, Values
from certify.check.linalg.balls import ZERO
from certify.check.reading.graph import Node


def sources(node: Node) -> list[int]:
    """The entry of the input that each entry of the value is."""
    if node.op == "reshape":
        return list(range(math.prod(node.shape)))
    if node.op == "transpose":
        rows, columns = node.before
        return [i * columns + j for j in range(columns) for i in range(rows)]
    axis, start, stop = (node.record[key] for key in ("axis", "start", "stop"))
    inner = math.prod(node.before[axis + 1:])
    return [(outer * node.before[axis] + at) * inner + j for outer in range(math.prod(node.before[:axis]))
            for at in range(start, stop) for j in range(inner)]


class Copies(Operation):
    """Entries by their places."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.sources = sources(node)

    def value(self, inputs: Sequence[Values]) -> tuple[Values, Any]:
        """Exact."""
        return [inputs[0][j] for j in self.sources], None

    def pull(self, v: Values, kept: Any) -> tuple[Sequence[Values], Values]:
        """Back to their places."""
        back = [ZERO] * math.prod(self.node.before)
        for a, j in zip(v, self.sources, strict=True):
            back[j] = a
        return [back], []


OWN = Copies
