"""Vertices of the balls of the norms 1 and inf, and boxes around the latter: what one row may do alone (N4; V53, V54).

A convex form over `|u|_q ≤ 1` is largest at a vertex of the ball: the unit vectors, or all sign vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from flint import arb, arb_mat

from certify.check.kernel import DIGITS, Finding, judged
from certify.check.linalg.balls import ONE, ZERO, largest
from certify.check.linalg.definite import Truth
from certify.check.reading.arrays import Array
from certify.check.reading.certificate import Claim
from certify.check.reading.subject import Problem
from certify.check.rule import check_rows, check_there
from certify.check.theorems.modulus.set_quantities import Shaped

FEW = 6
"""Numbers of one row up to which all sign vectors are gone through."""

Vectors = list[list[arb]]


def movable(problem: Problem) -> list[int]:
    """The numbers of one row that may change: features with a unit, all targets, the one sample weight."""
    return problem.moves.movable(problem.layers[0].inputs, problem.outputs, problem.scale)


def needs_array(problem: Problem, by_hessian: bool) -> bool:
    """Whether signs and weights have to be stated: norm inf, more than `FEW` numbers, and no formula.

    Args:
        problem: the problem.
        by_hessian: whether the claim rests on the Hessian; else one equation a row leaves a formula.
    """
    return problem.row_norm.boxed and len(movable(problem)) > FEW and (by_hessian or problem.block > 1)


def check_form(claim: Claim[Shaped], problem: Problem, by_hessian: bool) -> None:
    """V8: both ends of every row; the array of signs and weights with an upper end that needs it.

    Raises:
        Invalid: the claim has another form.
    """
    check_there(claim, "array", claim.witness.array, claim.upper is not None and needs_array(problem, by_hessian))
    check_rows(claim, problem)


def vertices(problem: Problem) -> Vectors:
    """Vertices of the ball, one of each pair ±u, in the numbers that may change; the others stay 0."""
    columns = movable(problem)
    width, found = problem.moves.width(problem.layers[0].inputs, problem.outputs), []
    assert len(columns) == 1 or not problem.row_norm.round  # a Euclidean ball has no vertices
    some = ([[ONE, *map(arb, rest)] for rest in product((1, -1), repeat=len(columns) - 1)] if problem.row_norm.boxed
            else [[ONE if a == b else ZERO for b in columns] for a in columns])
    for values in some:
        u = [ZERO] * width
        for a, v in zip(columns, values, strict=True):
            u[a] = v
        found.append(u)
    return found


def stated(shape: Array, at: int) -> list[arb]:
    """The weights of a row: the sizes of what is stated."""
    d = shape.shape[1]
    return [abs(arb(v)) for v in shape.values[at * d:at * d + d]]


def signs(problem: Problem, shape: Array, at: int) -> list[arb]:
    """The change of a row: the signs of what is stated in the numbers that may change; the others stay 0.

    They have to: motions that are known up to a matrix count with the length of the change.
    """
    d, may = shape.shape[1], set(movable(problem))
    return [ZERO if a not in may else ONE if v > 0 else -ONE for a, v in enumerate(shape.values[at * d:at * d + d])]


def stretch(w: Sequence[arb]) -> arb:
    """`Σ w_a⁻²`."""
    return sum((1 / (v * v) for v in w), ZERO)


def times(G: Vectors, u: Sequence[arb]) -> list[arb]:
    """`Gu`, without the products by an exact 0."""
    return [sum((g * v for g, v in zip(row, u, strict=True) if v != 0), ZERO) for row in G]


def form(M: arb_mat, u: Sequence[arb]) -> arb:
    """`uᵀMu`, without the products by an exact 0."""
    at = [a for a, v in enumerate(u) if not v == 0]
    return sum((u[a] * M[a, b] * u[b] for a in at for b in at), ZERO)


def at_most(values: Sequence[arb], square: arb, defect: arb) -> Finding:
    """Whether every value, up to a factor 1 ± defect, is at most the square."""
    proved = all(v <= square * (1 - defect) for v in values)
    wrong = any(v > square * (1 + defect) for v in values)
    return _found(proved, wrong, values)


def at_least(values: Sequence[arb], square: arb, defect: arb) -> Finding:
    """Whether some value, up to a factor 1 ± defect, is at least the square."""
    proved = any(v >= square * (1 + defect) for v in values)
    wrong = all(v < square * (1 - defect) for v in values)
    return _found(proved, wrong, values)


def _found(proved: bool, wrong: bool, values: Sequence[arb]) -> Finding:
    return judged(proved, wrong, f"the row's changes give {largest(values).sqrt().str(DIGITS, radius=False)}")


def boxed(truth: Truth, precision: int) -> Finding:
    """A matrix that is not definite disproves the weights, not the claim."""
    proved = truth is Truth.PROVED
    words = "the weights prove it" if proved else f"the weights do not prove it at {precision} bits"
    return Finding(Truth.PROVED if proved else Truth.UNDECIDED, words)
