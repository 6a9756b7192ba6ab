"""What the last layer of a graph reads: the features that all before it makes of a row, in balls (D1g, V23).

Kinks and ties on the way do no harm: nothing is differentiated, and the ball of a maximum holds it either way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flint import arb, ctx

from certify.check.enclosure.graph_passes import Kinks, Operators, Pass
from certify.check.reading.data import Vector
from certify.check.reading.graph import Graph

ENTRIES = 400_000
"""Entries of the windows of all nodes that are held at a time."""
LEAST, SPARE = 128, 64
"""Bits that are taken for the precision at hand where that is less, so that most rules share one pass; and bits beyond
it: what the passes through a deep graph lose of them is not missed."""


class FrozenPart:
    """The features of rows, each made once for a precision.

    Args:
        graph: whose output is a linear node.
    """

    def __init__(self, graph: Graph) -> None:
        last = next(node for node in graph.nodes if node.name == graph.output)
        self.read = last.inputs[0]
        self.graph = replace(graph, nodes=tuple(node for node in graph.nodes if node is not last), output=self.read)
        self._known: dict[int, dict[Vector, list[arb]]] = {}

    def __call__(self, points: Sequence[Vector]) -> list[list[arb]]:
        """Balls around the features of rows."""
        with ctx.workprec(max(ctx.prec, LEAST) + SPARE):
            known = self._known.setdefault(ctx.prec, {})
            new = [point for point in dict.fromkeys(points) if point not in known]
            operators = Operators(self.graph)
            step = max(1, ENTRIES // operators.entries)
            for start in range(0, len(new), step):
                some = new[start:start + step]
                passed = Pass(operators, some, start, Kinks())
                known.update(zip(some, passed.values[self.read], strict=True))
        return [known[point] for point in points]
