"""One row whose change is measured in the norm 1 or inf, at a critical point (M5e; V53, V54).

`κ_i² = max |A⁻¹C_iu|²` over `|u|_q ≤ 1`.
"""

from __future__ import annotations

from functools import partial

from flint import arb, arb_mat

from certify.check.kernel import Finding
from certify.check.linalg.balls import ZERO
from certify.check.linalg.definite import Truth, definiteness
from certify.check.linalg.small import by_floats
from certify.check.reading.arrays import Array
from certify.check.reading.certificate import Claim
from certify.check.reading.subject import Problem
from certify.check.rule import Rule, Side, expect_rows, modulus
from certify.check.systems.critical import stationary
from certify.check.systems.critical_cases import HYPOTHESES, in_turn, nonsingular, theorem_of
from certify.check.systems.point import Ladder, Point
from certify.check.theorems.modulus.set_quantities import Shaped, signed_shape
from certify.check.theorems.modulus.vertices import (
    at_least,
    at_most,
    boxed,
    check_form,
    form,
    movable,
    signs,
    stated,
    stretch,
    vertices,
)


def check_ends(claim: Claim[Shaped], ladder: Ladder, side: Side) -> None:
    """Both ends of every row, each by its rule.

    Raises:
        Invalid: one cannot be re-derived.
    """
    shape = None if claim.witness.array is None else signed_shape(claim, ladder.problem, side)
    expect_rows(claim, ladder, lambda number, _, end: partial(row_upper, number=number, upper=end, shape=shape),
                lambda number, _, end: partial(row_lower, number=number, lower=end, shape=shape))


def row_upper(point: Point, number: int, upper: float, shape: Array | None) -> Finding:
    """V53, critical: `κ_i ≤ upper` for the moving row at that place.

    With `G = (XC_i)ᵀ(XC_i)` and a slack ε: every vertex u has `uᵀGu ≤ upper²(1 − ε)`; or, with the weights w,
    `diag(upper²(1 − ε)/(τw²)) − G ≻ 0`.
    """
    definite = nonsingular(point)
    if definite.truth is not Truth.PROVED:
        return definite
    problem, square = point.problem, arb(upper) ** 2

    def judge(grams: list[arb_mat]) -> Finding:
        G, defect = grams[number], _slack(point, upper, number)
        if defect < 1 and all(x == 0 for x in G.entries()):
            return Finding(Truth.PROVED, "the row has no effect")
        if shape is None:
            return at_most([form(G, u) for u in vertices(problem)], square, defect)
        w = stated(shape, problem.moving[number])
        each = square * (1 - defect) / stretch(w)
        rows = [[(each / (w[a] * w[a]) if a == b else ZERO) - x for b, x in enumerate(row)]
                for a, row in enumerate(G.tolist())]
        left = arb_mat(rows)
        return boxed(Truth.PROVED if by_floats.proved(left) else definiteness(left).truth, point.precision)

    return in_turn(point.of(stationary).grams(), judge)


def row_lower(point: Point, number: int, lower: float, shape: Array | None) -> Finding:
    """V54, critical: `κ_i ≥ lower`: some vertex, or the stated signs, has `uᵀGu ≥ lower²(1 + ε)`."""
    if lower == 0:
        return Finding(Truth.PROVED, "a modulus is not negative")
    definite = nonsingular(point)
    if definite.truth is not Truth.PROVED:
        return definite
    problem = point.problem
    units = vertices(problem) if shape is None else [signs(problem, shape, problem.moving[number])]
    return in_turn(point.of(stationary).grams(), lambda grams: at_least(
        [form(grams[number], u) for u in units], arb(lower) ** 2, _slack(point, lower, number)))


def _slack(point: Point, end: float, number: int) -> arb:
    """That of the end, where motions may be off by a matrix: a change is up to `longest` long."""
    problem = point.problem
    return point.of(stationary).slack(arb(end) / problem.row_norm.longest(len(movable(problem))), number)


def _form(claim: Claim[Shaped], problem: Problem) -> None:
    check_form(claim, problem, by_hessian=True)


RULE = Rule(theorem_of, modulus, _form, check_ends, lambda claim, problem: HYPOTHESES, Shaped)
