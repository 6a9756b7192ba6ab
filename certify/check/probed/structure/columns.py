"""`C_i` by its structure: of every layer `N ⊗ ã + δ ⊗ P`, where N and P are how `δ_h` and `a_{h−1}` move with x (H1).

With `J_h` how `z_h` moves with `z_1`, and `B_h` how `δ_h` moves with `z_h`: `N_h = B_hJ_hW_1`, `P_h = φ'∘J_{h−1}W_1`
above the first layer, and there `P_1 = I`, both with the features in their units.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flint import arb, arb_mat

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.enclosure.network import Forward, Parameters, backward
from certify.check.enclosure.objective import Objective
from certify.check.enclosure.units import extended
from certify.check.linalg.balls import ONE, ZERO
from certify.check.reading.subject import Problem

Rows = list[list[arb]]


@dataclass(frozen=True)
class Item:
    """One of the two parts of a layer, `K ⊗ v` (`inner`: v are the inputs) or `v ⊗ K` (v are the adjoints).

    Attributes:
        start, wide: where the layer's parameters begin, and how many a unit has.
        inner: which of both.
        left: rows of K.
        vectors: v of every moving row.
    """

    start: int
    wide: int
    inner: bool
    left: int
    vectors: Rows

    def place(self, x: int, u: int) -> int:
        """The parameter that belongs to row x of K and entry u of v."""
        return self.start + (x * self.wide + u if self.inner else u * self.wide + x)


@dataclass(frozen=True)
class Columns:
    """`C_i` of every moving row.

    Attributes:
        first: `v ⊗ I` of the first layer.
        items: the others.
        parts: of every moving row, item by item, L with `K = LW`.
        weights: `W = W_1`.
        parameters: p.
    """

    first: Item
    items: list[Item]
    parts: list[list[arb_mat]]
    weights: arb_mat
    parameters: int


def able(problem: Problem) -> bool:
    """Whether there are such columns: the first layer is free, and features count in no units of their own."""
    return 1 in problem.free and problem.scale is None


def columns(problem: Problem, parameters: Parameters, passed: Forward, terms: Objective) -> Columns:
    """At all points of the balls; only of what is :func:`able`."""
    adjoints = backward(problem, parameters, passed, terms.slopes)
    items, at = list[Item](), 0
    for h in problem.free:
        layer = problem.layers[h - 1]
        inputs, outer = extended(problem, h, passed).tolist(), adjoints.adjoints[h - 1].tolist()
        wide = len(inputs[0])
        items += [Item(at, wide, True, layer.outputs, [inputs[i] for i in problem.moving]),
                  Item(at, wide, False, layer.inputs, [outer[i] for i in problem.moving])]
        at += layer.outputs * wide
    slopes, bends = _by_rows(problem, adjoints.slopes), _bends(problem, parameters, passed, adjoints.adjoints)
    parts = [list(_parts(problem, parameters, [rows[i] for rows in slopes], [rows[i] for rows in bends],
                         terms.curvatures[i])) for i in problem.moving]
    return Columns(items.pop(1), items, parts, parameters.weights[0], at)


def _by_rows(problem: Problem, flats: tuple[list[arb], ...]) -> list[Rows]:
    """Of every hidden layer row by row."""
    return [[flat[at:at + layer.outputs] for at in range(0, len(flat), layer.outputs)]
            for flat, layer in zip(flats, problem.layers, strict=False)]


def _bends(problem: Problem, parameters: Parameters, passed: Forward, adjoints: tuple[arb_mat, ...]) -> list[Rows]:
    """`φ''∘W_{h+1}ᵀδ_{h+1}` of every hidden layer, row by row."""
    curvature = ACTIVATIONS[problem.activation].curvature
    pulled = [(V * W).entries() for V, W in zip(adjoints[1:], parameters.weights[1:], strict=True)]
    return _by_rows(problem, tuple([curvature(z) * b for z, b in zip(*pair, strict=True)]
                                   for pair in zip(passed.before, pulled, strict=True)))


def _parts(problem: Problem, parameters: Parameters, slopes: Rows, bends: Rows, M: arb_mat) -> Iterator[arb_mat]:
    """`B_hJ_h`, and above the first layer `φ'∘J_{h−1}`, of one row, by the free layers."""
    seconds = [M]
    for W, own, bend in zip(parameters.weights[:0:-1], reversed(slopes), reversed(bends), strict=True):
        turned = W * diagonal(own)
        seconds.insert(0, turned.transpose() * seconds[0] * turned + diagonal(bend))
    J = diagonal([ONE] * problem.layers[0].outputs)
    for h, (B, W) in enumerate(zip(seconds, parameters.weights, strict=True), 1):
        if h > 1:
            P = diagonal(slopes[h - 2]) * J
            J = W * P
        if h in problem.free:
            yield B * J
            if h > 1:
                yield P


def diagonal(values: list[arb]) -> arb_mat:
    """A diagonal matrix."""
    return arb_mat([[x if r == c else ZERO for c in range(len(values))] for r, x in enumerate(values)])
