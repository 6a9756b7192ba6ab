"""One row whose change is measured in the norm 1 or inf, of an interpolation system (N4; V53, V54).

`κ_i² = max uᵀG_iᵀ(K⁻¹)_iiG_iu` over `|u|_q ≤ 1`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from flint import arb, arb_mat

from certify.check.kernel import Finding
from certify.check.linalg.definite import Truth, definiteness
from certify.check.reading.arrays import Array
from certify.check.reading.certificate import Claim
from certify.check.reading.subject import Problem
from certify.check.rule import Side, expect_rows
from certify.check.systems.interpolation import Interpolation, Refutable, check_refutable, kernel_definite, rule
from certify.check.systems.point import Ladder, Point
from certify.check.theorems.modulus.set_quantities import Shaped, signed_shape
from certify.check.theorems.modulus.vertices import (
    Vectors,
    at_least,
    at_most,
    boxed,
    check_form,
    form,
    signs,
    stated,
    stretch,
    times,
    vertices,
)


@dataclass(frozen=True)
class Alone(Shaped, Refutable):
    """Signs and weights of every row; or two equal rows."""


def check_ends(claim: Claim[Alone], ladder: Ladder, side: Side) -> None:
    """Both ends of every row, each by its rule.

    Raises:
        Invalid: one cannot be re-derived.
    """
    place = {row: at for at, row in enumerate(ladder.problem.kept)}
    shape = None if claim.witness.array is None else signed_shape(claim, ladder.problem, side)
    expect_rows(claim, ladder, lambda _, row, end: partial(row_upper, at=place[row], upper=end, shape=shape),
                lambda _, row, end: partial(row_lower, at=place[row], lower=end, shape=shape))


def row_upper(point: Point, at: int, upper: float, shape: Array | None) -> Finding:
    """V53, interpolation: `κ_i ≤ upper` for the kept row at that position; needs K ≻ 0.

    With P and ε as in V12: every vertex u has `|G_iu|_P² ≤ upper²(1 − ε)`; or, with the weights w,
    `upper²(1 − ε)P − PG_i diag(τw²)G_iᵀP ≻ 0`, `τ = Σ w_a⁻²`.
    """
    known = point.of(Interpolation)
    G = known.effects[at]
    definite = kernel_definite(point)
    if definite.truth is not Truth.PROVED:
        return Finding(Truth.UNDECIDED, definite.found)
    if all(x == 0 for row in G for x in row):
        return Finding(Truth.PROVED, "κ_i = 0")
    P, defect, square = known.inverse_block(at), known.definite.defect, arb(upper) ** 2
    if shape is None:
        return at_most(_values(point, at, G, P), square, defect)
    w = stated(shape, at)
    scaled = arb_mat([[g * v for g, v in zip(row, w, strict=True)] for row in G])
    PQP = P * scaled * scaled.transpose() * P * stretch(w)
    return boxed(definiteness(square * (1 - defect) * P - PQP).truth, point.precision)


def row_lower(point: Point, at: int, lower: float, shape: Array | None) -> Finding:
    """V54, interpolation: `κ_i ≥ lower`: some vertex, or the stated signs, has `|G_iu|_P² ≥ lower²(1 + ε)`."""
    if lower == 0:
        return Finding(Truth.PROVED, "κ_i ≥ 0")
    definite = kernel_definite(point)
    if definite.truth is not Truth.PROVED:
        return Finding(Truth.UNDECIDED, definite.found)
    known = point.of(Interpolation)
    P, defect, G = known.inverse_block(at), known.definite.defect, known.effects[at]
    values = _values(point, at, G, P) if shape is None else [form(P, times(G, signs(point.problem, shape, at)))]
    return at_least(values, arb(lower) ** 2, defect)


def _values(point: Point, at: int, G: Vectors, P: arb_mat) -> list[arb]:
    """`|G_iu|_P²` of which the largest counts: with one equation `|g|_{q*}²P`, else at every vertex; once a row."""

    def found() -> list[arb]:
        problem = point.problem
        if len(G) > 1:
            return [form(P, times(G, u)) for u in vertices(problem)]
        value = problem.row_norm.dual(G[0])
        return [value * value * P[0, 0]]

    return point.once(("one_row", at), found)


def _form(claim: Claim[Alone], problem: Problem) -> None:
    check_form(claim, problem, by_hessian=False)
    check_refutable(claim, problem)


RULE = rule("N4", _form, check_ends, Alone)
