"""What the last layer of a graph reads: the features that all before it makes of a row, in balls (M3, V23).

Kinks and ties on the way do no harm: nothing is differentiated, and the ball of a maximum holds it either way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from math import hypot

from flint import arb, arb_mat, ctx

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

    def at(self, points: Sequence[Vector]) -> list[list[arb]]:
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

    def matrix(self, points: Sequence[Vector]) -> arb_mat:
        """The same as a matrix."""
        return arb_mat(self.at(points)) if points else arb_mat(0, self.width)

    @cached_property
    def width(self) -> int:
        """Number of features."""
        last = self.graph.nodes[-1:] or ()
        found = next((node for node in last if node.name == self.read), None)
        return found.shape[0] if found else self.graph.shape[0]

    def longest(self, points: Sequence[Vector]) -> float:
        """The length of the longest row of features, about."""
        return max(hypot(*(float(x.mid()) for x in row)) for row in self.at(points))
