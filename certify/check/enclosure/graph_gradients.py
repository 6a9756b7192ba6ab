"""The sublevel map of a graph: losses and gradients in balls, rows in chunks (L1, M6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module

from flint import arb, arb_mat, ctx

from certify.check.enclosure.gradients import lengths, losses, total_loss
from certify.check.enclosure.graph_passes import Kinks, Operators, Pass, Rows
from certify.check.enclosure.losses.base import Losses
from certify.check.kernel import PRECISIONS, NotSmooth
from certify.check.linalg.balls import ZERO, norm, root, squares
from certify.check.reading.graph import Graph, Node
from certify.check.reading.subject import Problem

ENTRIES = 400_000
"""Entries of the windows of all nodes that are held at a time."""


@dataclass(frozen=True)
class Totals:
    """What the passes of all rows come to.

    Attributes:
        losses: losses and slopes of the rows.
        kinks: the least distance from a kink.
        sums: `Σ_i ∂ℓ_i/∂θ` by node; empty where there is a kink.
        gradients: `|∂ℓ_i/∂x_i ∘ scale|` for every row; empty where there is a kink.
    """

    losses: Losses
    kinks: Kinks
    sums: dict[str, arb_mat]
    gradients: list[arb]


class GraphDescent:
    """Loss and gradients at the given weights: what :class:`certify.check.enclosure.gradients.Descent` is for a chain.

    Args:
        problem: a problem whose network is a graph.
        graph: that graph.
    """

    def __init__(self, problem: Problem, graph: Graph) -> None:
        self.problem, self.graph = problem, graph

    @cached_property
    def totals(self) -> Totals:
        """One forward and one backward pass over every row: in whole numbers where these say all, else in balls."""
        if ctx.prec <= PRECISIONS[0]:
            found = import_module("certify.check.enclosure.lanes.totals").in_lanes(self.problem, self.graph)
            if found is not None:
                return Totals(*found)
        problem, operators, kinks = self.problem, Operators(self.graph), Kinks()
        values: list[arb] = []
        slopes: Rows = []
        bends: list[arb] = []
        sums: dict[str, arb_mat] = {}
        gradients: list[arb] = []
        scale = None if problem.scale is None else [arb(v) for v in problem.scale]
        step = max(1, ENTRIES // operators.entries)
        for start in range(0, len(problem.features), step):
            rows = slice(start, start + step)
            passed = Pass(operators, problem.features[rows], start, kinks, not problem.moves.inputs)
            found = losses(problem, arb_mat(passed.outputs), rows)
            values, slopes, bends = values + found.values, slopes + found.slopes.tolist(), bends + found.bends
            if kinks.where:
                continue
            for row in passed.pull(found.slopes.tolist(), sums):
                gradients.append(norm(row if scale is None else [a * s for a, s in zip(row, scale, strict=True)]))
        if kinks.where:
            sums, gradients = {}, []
        return Totals(Losses(values, arb_mat(slopes), bends), kinks, sums, gradients)

    @property
    def kinks(self) -> Kinks:
        """The least distance from a kink; raises `NotSmooth` where one is not proved away from."""
        kinks = self.totals.kinks
        if kinks.where:
            raise NotSmooth(kinks.where, kinks.exact)
        return kinks

    @cached_property
    def loss(self) -> arb:
        """`L = (1/n) Σ ℓ_i + (λ/2)|w|²`, |w| over all parameters."""
        return total_loss(self.problem, self.totals.losses.values)

    @cached_property
    def room(self) -> arb:
        """`n(ℓ − L)`; the level must be stated."""
        assert self.problem.level is not None
        return (arb(self.problem.level) - self.loss) * len(self.problem.features)

    @cached_property
    def weight_gradient(self) -> arb:
        """`|∇_w L|` over all parameters; raises `NotSmooth`."""
        _ = self.kinks
        n, decay, total = len(self.problem.features), arb(self.problem.weight_decay), ZERO
        for node in self.graph.nodes:
            if node.name in self.totals.sums:
                G = self.totals.sums[node.name].tolist()
                total += squares([g / n + decay * w for row, at in zip(G, _parameters(node), strict=True)
                                  for g, w in zip(row, at, strict=True)])
        return root(total)

    @cached_property
    def row_sizes(self) -> list[arb]:
        """`n·|∇_{u_i} L|` for every row that may move: `|∂ℓ_i/∂x_i|`, `|f − y|` or `|ℓ_i|`; may raise `NotSmooth`."""
        return _SIZES[self.problem.parameter](self)

    @property
    def data_gradient(self) -> arb:
        """n times the dual norm of `∇_u L`."""
        return self.shared(self.row_sizes)

    def shared(self, sizes: list[arb]) -> arb:
        """The Euclidean norm of row sizes for a total budget, their sum for one a row."""
        return self.problem.budget.shared(sizes, self.problem.at_once)


def _parameters(node: Node) -> list[list[arb]]:
    """A node's parameters, arranged as their gradient: a row for each output channel, bias last."""
    if node.sequence:
        return [[arb(v)] for role in ("weight", "bias") for v in node.tensors.get(role, ())]
    q = node.shape[0]
    weight, bias = node.tensors.get("weight", ()), node.tensors.get("bias")
    each = len(weight) // q
    rows = [[arb(v) for v in weight[a * each:(a + 1) * each]] for a in range(q)]
    return rows if bias is None else [[*row, arb(b)] for row, b in zip(rows, bias, strict=True)]


def _of_features(at: GraphDescent) -> list[arb]:
    _ = at.kinks
    return [at.totals.gradients[i] for i in at.problem.moving]


_SIZES: dict[str, Callable[[GraphDescent], list[arb]]] = {
    "sample_weights": lambda at: [abs(at.totals.losses.values[i]) for i in at.problem.moving],
    "features": _of_features,
    "targets": lambda at: lengths(at.totals.losses.slopes, at.problem),
}
"""How much the loss of a row answers to it, by what moves."""
