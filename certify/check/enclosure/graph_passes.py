"""A graph in ball arithmetic: value and adjoint of every node for some rows (M6, V23).

Every number is a ball that contains the exact value, at the current precision of python-flint. A `still` entry is 0 for
all weights and data near the given ones: an inactive relu, a padded channel, and what is made of such entries alone by
operations without bias. Its slope and its ties do not matter (proofs/graph.md, G4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from math import prod
from typing import TYPE_CHECKING, Any

from flint import arb, arb_mat

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.enclosure.graph_twins import Functions
from certify.check.linalg.balls import ONE, ZERO
from certify.check.reading.data import Vector
from certify.check.reading.graph import Graph, Node

if TYPE_CHECKING:
    from certify.check.enclosure.sequences.base import Operation

HELD = 8
"""Entries that an operation on sequences keeps for one entry of its value, about."""

Rows = list[list[arb]]
Still = list[list[bool]]


@dataclass
class Kinks:
    """How far the pre-activations and maxima of all rows are from kinks.

    Attributes:
        where: the first unit that is not proved away from a kink; "" if none.
        exact: whether it lies exactly there.
        low, high: lower and upper bound of the least distance.
    """

    where: str = ""
    exact: bool = False
    low: arb = field(default_factory=lambda: arb("inf"))
    high: arb = field(default_factory=lambda: arb("inf"))

    def see(self, distance: arb, where: str) -> None:
        """Take note of a signed distance from a kink; it must be proved not to be 0."""
        size = abs(distance)
        low, high = size.lower(), size.upper()
        self.low = low if low < self.low else self.low
        self.high = high if high < self.high else self.high
        if not (distance > 0 or distance < 0) and not self.where:
            self.where, self.exact = where, bool(distance == 0)


def window_table(node: Node) -> list[list[int]]:
    """Inputs read at each output place, within one channel or over all: `(places, taps)`, −1 for padding.

    Of a convolution a row holds the taps of all input channels; of pooling there is a row for each channel and place.
    """
    c, h, w = node.before
    oh, ow = node.shape[1:]
    (kh, kw), (sy, sx), (py, px) = node.kernel, node.stride, node.padding

    def taps(channel: int, oy: int, ox: int) -> list[int]:
        ys, xs = (oy * sy - py + a for a in range(kh)), [ox * sx - px + b for b in range(kw)]
        return [(channel * h + y) * w + x if 0 <= y < h and 0 <= x < w else -1 for y in ys for x in xs]

    places = [(oy, ox) for oy in range(oh) for ox in range(ow)]
    if node.op == "conv2d":
        return [[j for channel in range(c) for j in taps(channel, *place)] for place in places]
    return [taps(channel, *place) for channel in range(c) for place in places]


def choice_table(node: Node) -> list[int]:
    """The input that each entry of `subsample` or `pad_channels` copies, −1 for a zero."""
    c, h, w = node.before
    if node.op == "subsample":
        return [(k * h + y) * w + x for k in range(c) for y in range(0, h, node.stride[0])
                for x in range(0, w, node.stride[1])]
    return [-1] * (node.front * h * w) + list(range(c * h * w)) + [-1] * (node.back * h * w)


class Operators:
    """Kernels and tables of every node, made once for a precision.

    Args:
        graph: the graph.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.tables = {node.name: window_table(node) for node in graph.nodes
                       if node.op in ("conv2d", "avg_pool", "max_pool")}
        self.choices = {node.name: choice_table(node) for node in graph.nodes
                        if node.op in ("subsample", "pad_channels")}
        self.entries = sum(len(table) * len(table[0]) for table in self.tables.values()) + 1
        self.entries += sum(HELD * prod(node.shape) for node in graph.nodes if node.sequence)
        self.kernels: dict[str, arb_mat] = {}
        self.inverses: dict[str, list[arb]] = {}
        self.sequences: dict[str, Operation] = {}
        for node in graph.nodes:
            if node.sequence:
                self.sequences[node.name] = import_module("certify.check.enclosure.sequences.base").operation(node)
            elif node.op in ("conv2d", "linear"):
                W = node.tensors["weight"]
                self.kernels[node.name] = arb_mat(node.shape[0], len(W) // node.shape[0], [arb(v) for v in W])
            if node.op == "batch_norm":
                self.inverses[node.name] = [1 / (arb(v) + arb(node.eps)).sqrt() for v in node.tensors["var"]]


class Pass:
    """The forward pass of some rows, and what the backward pass needs of it.

    Args:
        operators: kernels and tables.
        points: the rows.
        first: number of the first row, for messages.
        kinks: told of every kink that is near.
        fixed: whether the rows stay as they are, so that ties of one function of the weights are none (G7).
    """

    def __init__(self, operators: Operators, points: Sequence[Vector], first: int, kinks: Kinks,
                 fixed: bool = False) -> None:
        self.operators, self.first, self.kinks, self.fixed, self.points = operators, first, kinks, fixed, points
        graph = operators.graph
        self.values: dict[str, Rows] = {graph.entry: [[arb(v) for v in point] for point in points]}
        self.still: dict[str, Still] = {}
        self.windows: dict[str, arb_mat] = {}
        self.slopes: dict[str, Rows] = {}
        self.winners: dict[str, list[list[int]]] = {}
        self.normed: dict[str, Rows] = {}
        self.kept: dict[str, list[Any]] = {}
        for node in graph.nodes:
            self.values[node.name] = self._value(node)

    @property
    def outputs(self) -> Rows:
        """The outputs."""
        return self.values[self.operators.graph.output]

    def _value(self, node: Node) -> Rows:
        x = self.values[node.inputs[0]]
        if node.sequence:
            made = self.operators.sequences[node.name]
            found = [made.value(row) for row in zip(*(self.values[name] for name in node.inputs), strict=True)]
            self.kept[node.name] = [kept for _, kept in found]
            return [value for value, _ in found]
        if node.op in ACTIVATIONS:
            return self._activated(node, x)
        if node.op in ("conv2d", "linear"):
            return self._product(node, x)
        if node.op == "batch_norm":
            return self._normalised(node, x)
        if node.op == "max_pool":
            return self._largest(node, x)
        if node.op == "avg_pool":
            taps, table = node.kernel[0] * node.kernel[1], self.operators.tables[node.name]
            self._still_windows(node, table, 1)
            return [[sum((row[j] for j in window if j >= 0), ZERO) / taps for window in table] for row in x]
        if node.op == "add":
            return self._sum(node, x, self.values[node.inputs[1]])
        if node.name in self.operators.choices:
            chosen = self.operators.choices[node.name]
            self.still[node.name] = [[j < 0 or row[j] for j in chosen] for row in self._still(node)]
            return [[row[j] if j >= 0 else ZERO for j in chosen] for row in x]
        if node.inputs[0] in self.still:  # flatten
            self.still[node.name] = self.still[node.inputs[0]]
        return x

    def _still(self, node: Node) -> Still:
        x = self.values[node.inputs[0]]
        return self.still.get(node.inputs[0]) or [[False] * len(row) for row in x]

    def _sum(self, node: Node, x: Rows, y: Rows) -> Rows:
        """A sum; it is still where both terms are."""
        a, b = (self.still.get(name) for name in node.inputs)
        if a is not None and b is not None:
            self.still[node.name] = [[u and v for u, v in zip(r, s, strict=True)] for r, s in zip(a, b, strict=True)]
        return [[u + v for u, v in zip(r, s, strict=True)] for r, s in zip(x, y, strict=True)]

    def _product(self, node: Node, x: Rows) -> Rows:
        """Windows times the kernel, plus bias."""
        table = self.operators.tables.get(node.name, [list(range(len(x[0])))])
        places, q = len(table), node.shape[0]
        flat = [row[j] if j >= 0 else ZERO for row in x for window in table for j in window]
        self.windows[node.name] = P = arb_mat(len(x) * places, len(table[0]), flat)
        y = (P * self.operators.kernels[node.name].transpose()).entries()
        bias = [arb(v) for v in node.tensors["bias"]] if "bias" in node.tensors else None
        if bias is None:
            self._still_windows(node, table, q)
        size = places * q
        rows = [[y[at + p * q + a] for a in range(q) for p in range(places)] for at in range(0, len(x) * size, size)]
        if bias is None:
            return rows
        shifts = [b for b in bias for _ in range(places)]
        return [[u + b for u, b in zip(row, shifts, strict=True)] for row in rows]

    def _still_windows(self, node: Node, table: list[list[int]], q: int) -> None:
        """Without bias, a window of still entries and padding alone gives 0 whatever the kernel."""
        if node.inputs[0] in self.still or any(all(j < 0 for j in window) for window in table):
            self.still[node.name] = [[all(j < 0 or row[j] for j in window) for window in table] * q
                                     for row in self._still(node)]

    def _activated(self, node: Node, x: Rows) -> Rows:
        phi = ACTIVATIONS[node.op]
        if not phi.kinked:
            self.slopes[node.name] = [[phi.slope(z) for z in row] for row in x]
            return [[phi.value(z) for z in row] for row in x]
        before = self._still(node)
        values, slopes, still = [], [], []
        for i, (row, zeros) in enumerate(zip(x, before, strict=True)):
            for j, (z, zero) in enumerate(zip(row, zeros, strict=True)):
                if not zero:
                    self.kinks.see(z, f"the input of unit {j} of node {node.name} at row {self.first + i}")
            values.append([ZERO if zero else phi.value(z) for z, zero in zip(row, zeros, strict=True)])
            slopes.append([ZERO if zero else phi.slope(z) for z, zero in zip(row, zeros, strict=True)])
            still.append([zero or (node.op == "relu" and bool(z < 0)) for z, zero in zip(row, zeros, strict=True)])
        self.slopes[node.name], self.still[node.name] = slopes, still
        return values

    def _largest(self, node: Node, x: Rows) -> Rows:
        values, winners, still = [], [], []
        for i, (row, zeros) in enumerate(zip(x, self._still(node), strict=True)):
            won, most, idle, names = [], [], [], None
            for place, window in enumerate(self.operators.tables[node.name]):
                there = [j for j in window if j >= 0]
                best = max(there, key=lambda j: float(row[j].mid()))
                won.append(best)
                value, zero = row[best], zeros[best]
                for j in there:
                    if j == best or (zeros[j] and zeros[best]):
                        continue
                    gap = row[best] - row[j]
                    if self.fixed and not gap > 0:
                        names = names or self._functions(i).names(node.inputs[0])
                        if names[j] == names[best]:
                            continue
                    if not gap > 0:  # the loss is claimed all the same, and the maximum need not be 0
                        gap, value, zero = gap if gap == 0 else gap.union(ZERO), value.max(row[j]), False
                    self.kinks.see(gap, f"the gap of place {place} of node {node.name} at row {self.first + i}")
                most.append(value)
                idle.append(zero)
            winners.append(won)
            values.append(most)
            still.append(idle)
        self.winners[node.name], self.still[node.name] = winners, still
        return values

    def _functions(self, i: int) -> Functions:
        """What the entries of a row are made of, as far as the pass has come."""
        still = {name: rows[i] for name, rows in self.still.items()}
        return Functions(self.operators.graph, self.points[i], self.operators.tables, self.operators.choices, still)

    def _normalised(self, node: Node, x: Rows) -> Rows:
        c, places = node.shape[0], node.shape[1] * node.shape[2]
        mean, inverse = [arb(v) for v in node.tensors["mean"]], self.operators.inverses[node.name]
        gamma = [arb(v) for v in node.tensors.get("weight", (1.0,) * c)]
        beta = [arb(v) for v in node.tensors.get("bias", (0.0,) * c)]
        of = [k for k in range(c) for _ in range(places)]
        normed = [[(v - mean[k]) * inverse[k] for v, k in zip(row, of, strict=True)] for row in x]
        self.normed[node.name] = normed
        return [[v * gamma[k] + beta[k] for v, k in zip(row, of, strict=True)] for row in normed]

    def pull(self, seeds: Rows, sums: dict[str, arb_mat]) -> Rows:
        """Adjoints of the rows' inputs; adds each node's `Σ_i ∂ℓ_i/∂θ` to `sums`.

        Args:
            seeds: adjoints of the outputs.
            sums: parameter gradients by node: a row for each output channel, bias last.
        """
        graph = self.operators.graph
        adjoints = {graph.output: seeds}
        for node in reversed(graph.nodes):
            v = adjoints.pop(node.name)
            backs = self._sequence(node, v, sums) if node.sequence else [self._pulled(node, v, sums)] * len(node.inputs)
            for name, back in zip(node.inputs, backs, strict=True):
                known = adjoints.get(name)
                adjoints[name] = back if known is None else [
                    [a + b for a, b in zip(r, s, strict=True)] for r, s in zip(known, back, strict=True)]
        return adjoints[graph.entry]

    def _sequence(self, node: Node, v: Rows, sums: dict[str, arb_mat]) -> list[Rows]:
        """Adjoints of the inputs of an operation on sequences; its sums are a column."""
        found = [self.operators.sequences[node.name].pull(row, kept)
                 for row, kept in zip(v, self.kept[node.name], strict=True)]
        if node.parameters:
            total = arb_mat([[sum(parts, ZERO)] for parts in zip(*(gradient for _, gradient in found), strict=True)])
            sums[node.name] = sums[node.name] + total if node.name in sums else total
        return [[backs[at] for backs, _ in found] for at in range(len(node.inputs))]

    def _pulled(self, node: Node, v: Rows, sums: dict[str, arb_mat]) -> Rows:
        if node.op in ACTIVATIONS:
            return [[a * s for a, s in zip(r, t, strict=True)] for r, t in zip(v, self.slopes[node.name], strict=True)]
        if node.op in ("conv2d", "linear"):
            return self._product_back(node, v, sums)
        if node.op == "batch_norm":
            return self._normalised_back(node, v, sums)
        if node.op in ("add", "flatten"):
            return v
        size = len(self.values[node.inputs[0]][0])
        if node.op == "max_pool":
            return [_scattered(row, won, size) for row, won in zip(v, self.winners[node.name], strict=True)]
        if node.op == "avg_pool":
            table, taps = self.operators.tables[node.name], node.kernel[0] * node.kernel[1]
            spread = [j for window in table for j in window]
            return [_scattered([a / taps for a in row for _ in range(taps)], spread, size) for row in v]
        return [_scattered(row, self.operators.choices[node.name], size) for row in v]

    def _product_back(self, node: Node, v: Rows, sums: dict[str, arb_mat]) -> Rows:
        q, P = node.shape[0], self.windows[node.name]
        places = len(v[0]) // q
        V = arb_mat(len(v) * places, q, [row[a * places + p] for row in v for p in range(places) for a in range(q)])
        G = V.transpose() * P
        if "bias" in node.tensors:
            column = (V.transpose() * arb_mat(len(v) * places, 1, [ONE] * (len(v) * places))).entries()
            G = arb_mat([[*row, b] for row, b in zip(G.tolist(), column, strict=True)])
        sums[node.name] = sums[node.name] + G if node.name in sums else G
        back = (V * self.operators.kernels[node.name]).entries()
        size = len(self.values[node.inputs[0]][0])
        table = self.operators.tables.get(node.name)
        each = len(back) // len(v)
        rows = [back[at:at + each] for at in range(0, len(back), each)]
        if table is None:
            return rows
        spread = [j for window in table for j in window]
        return [_scattered(row, spread, size) for row in rows]

    def _normalised_back(self, node: Node, v: Rows, sums: dict[str, arb_mat]) -> Rows:
        c, places = node.shape[0], node.shape[1] * node.shape[2]
        inverse = self.operators.inverses[node.name]
        gamma = [arb(u) for u in node.tensors.get("weight", (1.0,) * c)]
        found = []
        for k in range(c):
            at = slice(k * places, (k + 1) * places)
            a, x = ([u for row in rows for u in row[at]] for rows in (v, self.normed[node.name]))
            product = sum((p * r for p, r in zip(a, x, strict=True)), ZERO)
            found.append([*([product] if "weight" in node.tensors else []),
                          *([sum(a, ZERO)] if "bias" in node.tensors else [])])
        if node.parameters:
            G = arb_mat(found)
            sums[node.name] = sums[node.name] + G if node.name in sums else G
        factors = [g * s for g, s in zip(gamma, inverse, strict=True) for _ in range(places)]
        return [[a * s for a, s in zip(row, factors, strict=True)] for row in v]


def _scattered(row: list[arb], table: Sequence[int], size: int) -> list[arb]:
    """Sums of the entries that go to each input; −1 is dropped."""
    found: list[arb | None] = [None] * size
    for a, j in zip(row, table, strict=True):
        if j >= 0:
            known = found[j]
            found[j] = a if known is None else known + a
    return [ZERO if a is None else a for a in found]
