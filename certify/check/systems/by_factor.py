"""Statements about an interpolation system from the factor R that proves `K ≻ 0`, without a factorisation of their own.

With `RKRᵀ = I + E`, `‖E‖ ≤ δ < 1` and R nonsingular, `cK − M ≻ 0` follows from `RMRᵀ ≺ c(1 − δ)I` by congruence. A few
vectors say how large eigenvalues are (W3).
"""

from __future__ import annotations

from flint import arb, arb_mat

from certify.check.linalg.definite import Truth
from certify.check.linalg.deflated import Largest
from certify.check.linalg.fixed import Fixed, enclosed, product
from certify.check.systems.interpolation import Interpolation
from certify.check.systems.point import Point


def rank_is_above(point: Point, least: float) -> bool:
    """Whether `K − least²·I ≻ 0` is proved."""
    at = point.of(Interpolation).definite
    return at.R is not None and point.of(_squared).by_vectors((1 - at.defect) / arb(least) ** 2) is Truth.PROVED


def modulus_is_below(point: Point, most: arb) -> bool:
    """Whether `most²K − Q ≻ 0` is proved."""
    at = point.of(Interpolation).definite
    return at.R is not None and point.of(_moved).by_vectors(most ** 2 * (1 - at.defect)) is Truth.PROVED


def _factor(point: Point) -> Fixed:
    R = point.of(Interpolation).definite.R
    assert R is not None
    return enclosed(R, point.width)


def _squared(point: Point) -> Largest:
    """`RRᵀ`."""
    R = point.of(_factor)
    return Largest(product(R, R.turned, point.width))


def _moved(point: Point) -> Largest:
    """`RQRᵀ`, Q with its blocks on the diagonal."""
    at = point.of(Interpolation)
    columns, k = at.inverse_columns, at.problem.block
    N = len(columns)
    rows = [[arb(0)] * N for _ in range(N)]
    for i, Q in at.moved.items():
        rows[i * k:i * k + k] = (arb_mat(Q) * arb_mat(columns[i * k:i * k + k])).tolist()
    return Largest(product(enclosed(arb_mat(rows), point.width).turned, point.of(_factor).turned, point.width))
