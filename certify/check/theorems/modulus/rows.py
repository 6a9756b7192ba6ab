"""The modulus of every row of an interpolation system alone (M4; V12, V13)."""

from __future__ import annotations

from functools import partial
from importlib import import_module

from flint import arb, arb_mat

from certify.check.kernel import Finding, judged
from certify.check.linalg.definite import MANY, Truth, definiteness
from certify.check.reading.certificate import Claim
from certify.check.reading.subject import Problem
from certify.check.rule import Side, check_rows, expect_rows
from certify.check.systems.interpolation import PROBED, Interpolation, Refutable, check_refutable, kernel_definite, rule
from certify.check.systems.point import Ladder, Point
from certify.check.theorems.modulus.kernel import shown_root

LEAST = 0.01
"""The value of the hypothesis `rank` from which few bits are tried: with a smaller one K is too near a singular one."""


def check_form(claim: Claim[Refutable], problem: Problem) -> None:
    """V8: both ends of every row, and no other witness than two equal rows."""
    check_refutable(claim, problem)
    check_rows(claim, problem)


def check_ends(claim: Claim[Refutable], ladder: Ladder, side: Side) -> None:
    """Both ends of every row, each by its rule; of many equations by a proposed inverse first (W8)."""
    place, rules = {row: at for at, row in enumerate(ladder.problem.kept)}, (row_upper, row_lower)
    stated = max((h.value for h in claim.hypotheses if h.name == "rank" and isinstance(h.value, float)), default=0.0)
    if stated >= LEAST and MANY <= ladder.problem.interpolation_rows <= PROBED:
        rules = import_module("certify.check.probed.inverse_blocks").tried_first(rules, compared)
    expect_rows(claim, ladder, lambda _, row, end: partial(rules[0], number=place[row], end=end),
                lambda _, row, end: partial(rules[1], number=place[row], end=end))


def row_upper(point: Point, number: int, end: float) -> Finding:
    """V12: `λ_max(G_iᵀ(K⁻¹)_ii G_i) ≤ end²` for the kept row at position `number`; needs K ≻ 0."""
    at, definite = point.of(Interpolation), kernel_definite(point)
    if definite.truth is not Truth.PROVED:
        return Finding(Truth.UNDECIDED, definite.found)
    return compared(point, number, arb(end) ** 2, True, at.inverse_block(number), at.definite.defect)


def row_lower(point: Point, number: int, end: float) -> Finding:
    """V13: `κ_i ≥ end`; where K ≻ 0 is not proved, by a negative value of `end²K_ii − Q_i` (M2 with z in row i)."""
    at, square = point.of(Interpolation), arb(end) ** 2
    if end == 0:
        return Finding(Truth.PROVED, "κ_i ≥ 0")
    if at.definite.truth is not Truth.PROVED:
        above = import_module("certify.check.systems.near.in_balls").is_beyond_row(at, number, square)
        return judged(above, False, kernel_definite(point).found)
    return compared(point, number, square, False, at.inverse_block(number), at.definite.defect)


def compared(point: Point, number: int, square: arb, above: bool, P: arb_mat, defect: arb) -> Finding:
    """Whether `square` is at least κ_i² (`above`), or at most, with `P/(1 + ε) ⪯ (K⁻¹)_ii ⪯ P/(1 − ε)`, ε the defect.

    It is at least that where `square(1 − ε)P − PQ_iP ≻ 0`, for one output where `Q_i P ≤ square(1 − ε)`; and at most,
    where `square(1 + ε)P − PQ_iP` takes a negative value.
    """
    Q, low, high = arb_mat(point.of(Interpolation).moved[number]), square * (1 - defect), square * (1 + defect)
    if above and all(x == 0 for x in Q.entries()):
        return Finding(Truth.PROVED, "κ_i = 0")
    if Q.nrows() == 1:
        value = Q[0, 0] * P[0, 0]
        return judged(*((value <= low, value > high) if above else (value >= high, value < low)),
                      f"κ_i is {shown_root(value)} up to a factor 1 ± {defect.str(2, radius=False)}")
    PQP = P * Q * P
    small = definiteness(low * P - PQP).truth is Truth.PROVED
    large = not small and definiteness(high * P - PQP).truth is Truth.DISPROVED
    said = (small, large) if above else (large, small)
    return judged(*said, "proved" if said[0] else "the contrary is proved" if said[1] else
                  f"not proved at {point.precision} bits")


RULE = rule("M4", check_form, check_ends, Refutable)
