"""Which entries of a row are one function of the weights (proofs/graph.md, G7): ties between these do not matter.

Two entries with equal names are equal for all weights near the given ones while the row stays as it is. A name is a
number given to what the entry is made of: the operation, its node and channel where it has parameters or constants, and
the names of what it reads. Name 0 is zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from certify.check.reading.data import Vector
from certify.check.reading.graph import Graph, Node

Names = list[int]


class Functions:
    """Names of all entries of one row, made node by node where they are asked for.

    Args:
        graph: the graph.
        row: the row, exact.
        tables: inputs of every window, by node, −1 for padding.
        choices: inputs that are copied, by node, −1 for a zero.
        still: entries that are 0 near the given weights, by node.
    """

    def __init__(self, graph: Graph, row: Vector, tables: Mapping[str, list[list[int]]],
                 choices: Mapping[str, list[int]], still: Mapping[str, list[bool]]) -> None:
        self._nodes = {node.name: node for node in graph.nodes}
        self._tables, self._choices, self._still = tables, choices, still
        self._known: dict[object, int] = {}
        self._names: dict[str, Names] = {graph.entry: [0 if v == 0 else self._name(("row", v)) for v in row]}

    def names(self, of: str) -> Names:
        """The names of a node's entries."""
        if of not in self._names:
            todo = [of]
            while todo:  # nodes lie deeper than calls may be nested
                missing = [name for name in self._nodes[todo[-1]].inputs if name not in self._names]
                if missing:
                    todo += missing
                    continue
                name = todo.pop()
                if name not in self._names:
                    found = self._made(self._nodes[name])
                    zeros = self._still.get(name) or [False] * len(found)
                    self._names[name] = [0 if zero else n for zero, n in zip(zeros, found, strict=True)]
        return self._names[of]

    def _name(self, what: object) -> int:
        return self._known.setdefault(what, len(self._known) + 1)

    def _made(self, node: Node) -> Names:
        x = self._names[node.inputs[0]]
        if node.sequence:  # nothing is said of sequences: every entry is by itself
            return [self._name((node.op, node.name, at)) for at in range(prod(node.shape))]
        if node.op == "flatten":
            return list(x)
        if node.op in ("subsample", "pad_channels"):
            return [x[j] if j >= 0 else 0 for j in self._choices[node.name]]
        if node.op == "add":
            return [self._name((node.op, a, b)) for a, b in zip(x, self._names[node.inputs[1]], strict=True)]
        if node.op == "max_pool":
            return [self._name((node.op, tuple(sorted(x[j] for j in window if j >= 0))))
                    for window in self._tables[node.name]]
        if node.op == "avg_pool":
            return [self._name((node.op, node.name, _read(x, window))) for window in self._tables[node.name]]
        if node.op == "batch_norm":
            places = node.shape[1] * node.shape[2]
            return [self._name((node.op, node.name, at // places, n)) for at, n in enumerate(x)]
        if node.op in ("conv2d", "linear"):
            windows = self._tables.get(node.name, [list(range(len(x)))])
            return [self._name((node.op, node.name, channel, _read(x, window)))
                    for channel in range(node.shape[0]) for window in windows]
        return [self._name((node.op, n)) for n in x]  # an activation


def _read(x: Sequence[int], window: Sequence[int]) -> tuple[int, ...]:
    return tuple(x[j] if j >= 0 else 0 for j in window)
