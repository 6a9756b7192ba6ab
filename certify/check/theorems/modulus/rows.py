"""The modulus of every row of an interpolation system alone (M4; V12, V13)."""

from __future__ import annotations

from functools import partial

from flint import arb, arb_mat

from certify.check.kernel import Finding, judged
from certify.check.linalg.definite import Truth, definiteness
from certify.check.reading.certificate import Claim
from certify.check.reading.subject import Problem
from certify.check.rule import Refutable, Rule, Side, check_refutable, check_rows, expect_rows, interpolating, modulus
from certify.check.systems.interpolation import Interpolation, hypotheses, kernel_definite
from certify.check.systems.point import Ladder, Point
from certify.check.theorems.modulus.kernel import shown_root


def check_form(claim: Claim[Refutable], problem: Problem) -> None:
    """V8: both ends of every row, and no other witness than two equal rows."""
    check_refutable(claim, problem)
    check_rows(claim, problem)


def check_ends(claim: Claim[Refutable], ladder: Ladder, side: Side) -> None:
    """Both ends of every row, each by its rule."""
    place = {row: at for at, row in enumerate(ladder.problem.kept)}
    expect_rows(claim, ladder, lambda _, row, end: partial(row_upper, number=place[row], upper=end),
                lambda _, row, end: partial(row_lower, number=place[row], lower=end))


def row_upper(point: Point, number: int, upper: float) -> Finding:
    """V12: `λ_max(G_iᵀ(K⁻¹)_ii G_i) ≤ upper²` for the kept row at position `at`; needs K ≻ 0.

    With `P = R_iᵀR_i` and ε the defect it is enough that `upper²(1 − ε)P − PQ_iP ≻ 0`, for one output that
    `Q_i P ≤ upper²(1 − ε)`; it is wrong if `upper²(1 + ε)P − PQ_iP` takes a negative value.
    """
    at = point.of(Interpolation)
    Q = at.moved[number]
    definite = kernel_definite(point)
    if definite.truth is not Truth.PROVED:
        return Finding(Truth.UNDECIDED, definite.found)
    if all(x == 0 for row in Q for x in row):
        return Finding(Truth.PROVED, "κ_i = 0")
    P, defect, square = at.inverse_block(number), at.definite.defect, arb(upper) ** 2
    if len(Q) == 1:
        value = Q[0][0] * P[0, 0]
        return judged(value <= square * (1 - defect), value > square * (1 + defect),
                      f"κ_i is {shown_root(value)} up to a factor 1 ± {defect.str(2, radius=False)}")
    PQP = P * arb_mat(Q) * P
    proved = definiteness(square * (1 - defect) * P - PQP).truth is Truth.PROVED
    wrong = not proved and definiteness(square * (1 + defect) * P - PQP).truth is Truth.DISPROVED
    return judged(proved, wrong, _direction_words(proved, wrong, point))


def row_lower(point: Point, number: int, lower: float) -> Finding:
    """V13: `κ_i ≥ lower`: a negative value of `lower²(1 + ε)P − PQ_iP`, for one output `Q_i P ≥ lower²(1 + ε)`.

    Where K ≻ 0 is not proved, a negative value of `lower²K_ii − Q_i` is enough (M2 with z in row i alone).
    """
    if lower == 0:
        return Finding(Truth.PROVED, "κ_i ≥ 0")
    at, square = point.of(Interpolation), arb(lower) ** 2
    Q = at.moved[number]
    if at.definite.truth is not Truth.PROVED:
        alone = definiteness(square * at.kernel_block(number) - arb_mat(Q)).truth is Truth.DISPROVED
        return judged(alone, False, kernel_definite(point).found)
    P, defect = at.inverse_block(number), at.definite.defect
    if len(Q) == 1:
        value = Q[0][0] * P[0, 0]
        return judged(value >= square * (1 + defect), value < square * (1 - defect),
                      f"κ_i is {shown_root(value)} up to a factor 1 ± {defect.str(2, radius=False)}")
    PQP = P * arb_mat(Q) * P
    proved = definiteness(square * (1 + defect) * P - PQP).truth is Truth.DISPROVED
    wrong = not proved and definiteness(square * (1 - defect) * P - PQP).truth is Truth.PROVED
    return judged(proved, wrong, _direction_words(proved, wrong, point))


def _direction_words(proved: bool, wrong: bool, point: Point) -> str:
    if proved:
        return "proved"
    return "the contrary is proved" if wrong else f"not proved at {point.precision} bits"


RULE = Rule(interpolating("M4"), modulus, check_form, check_ends, hypotheses, Refutable)
