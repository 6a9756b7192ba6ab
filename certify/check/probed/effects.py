"""What every moving row does to predictions, proposed by another process and judged by one pass (W6).

With `Y = JX`, a row y_j for each prediction, `S_i ≈ YC_i` is proposed for every row. Along `w = Yᵀu` one pass gives all
`C_iᵀw`, so `uᵀ(YC_i − S_i)`; of random u these bound how far every S_i is from the truth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flint import arb, arb_mat, ctx

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.enclosure.hessian import Curvature
from certify.check.kernel import CHANCE
from certify.check.linalg.balls import ZERO, norm
from certify.check.linalg.fixed import Fixed, scale
from certify.check.linalg.probes import MATRICES, ROOM, SHARE, drawn, may_draw, together
from certify.check.probed.answer import Effects, asked_effects
from certify.check.probed.products import products
from certify.check.probed.rows import longest
from certify.check.reading.subject import Problem
from certify.check.systems.critical import Stationary

LEAST, LARGEST = 10**9, 1 << 31
"""Products of two numbers for all rows from which it takes less time, and bytes beyond which nothing is asked."""


@dataclass(frozen=True)
class Effect:
    """What one row does.

    Attributes:
        values: for each y_j exact numbers near `C_iᵀy_j`, one a feature.
        off: at least how far they are from it, in Euclidean length, for every y_j.
        size: at least `|C_i|_F`.
    """

    values: list[list[arb]]
    off: arb
    size: arb


def effects(at: Stationary, Y: Fixed) -> Iterator[Effect] | None:
    """Of every moving row in turn; None where nothing is proposed, or this is not for the problem.

    Args:
        at: a point where features move.
        Y: the vectors y_j, a row each.
    """
    said, objective = CHANCE.get(), at.curvature.objective
    if said is None or not _suited(at.problem, Y.shape[0]):
        return None
    told = asked_effects(at.problem, at.parameters, at.passed, objective, Y)
    if told is None:
        return None
    said.append("S − YC")  # both are fixed now
    return _judged(at, Y, told)


def _suited(problem: Problem, count: int) -> bool:
    """Whether the pass is for the problem, and takes less time than products with C."""
    numbers = len(problem.moving) * len(problem.features[0]) * count
    return (problem.moves.inputs and problem.graph is None and problem.lengths.plain
            and ACTIVATIONS[problem.activation].third is not None and 0 < len(problem.moving) < MATRICES
            and may_draw(count) and numbers * problem.parameters > LEAST and 8 * numbers <= LARGEST)


def _judged(at: Stationary, Y: Fixed, told: Effects) -> Iterator[Effect]:
    """`‖S_i − YC_i‖` by vectors that are drawn here, and the rest of Y by its radius."""
    problem, least = at.problem, arb(2) ** ROOM * SHARE
    count = together(len(problem.moving))
    u = drawn(Y.shape[0], count)
    w = arb_mat(Y.mid.transpose() * u) * scale(Y.bits)
    forms = products(problem, at.parameters, at.passed, at.curvature.objective, w).forms.tolist()
    for number, i in enumerate(problem.moving):
        S, bits = told.row(number), told.bits[number]
        seen = arb_mat(S * u) * scale(bits) - arb_mat(forms[i * count:(i + 1) * count]).transpose()
        size = _size(at.curvature, i)
        yield Effect((arb_mat(S.transpose()) * scale(bits)).tolist(),
                     (longest(seen) / least + size * Y.radius).upper(), size)


def _size(curvature: Curvature, i: int) -> arb:
    """At least `|C_i|_F`: in layer h it is `δ̇_h[r, j]ã[s] + δ_h[r]ȧ[s, j]`."""
    total = ZERO
    with ctx.workprec(curvature.width):
        moves = curvature.feature_tangents(i)
        for h, turned in moves.adjoints.items():
            inputs, deltas = curvature.factors(h, [i])
            total += (norm(turned.entries()) * (inputs.size + inputs.radius)
                      + (deltas.size + deltas.radius) * norm(moves.inputs[h].entries())) ** 2
        return total.sqrt().upper()
