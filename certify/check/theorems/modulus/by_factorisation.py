"""V10 by a factorisation of `upper²K − Q`, where no factor of K decides it."""

from __future__ import annotations

from importlib import import_module

from flint import arb, arb_mat

from certify.check.kernel import Finding
from certify.check.linalg.definite import MANY, Truth, definiteness
from certify.check.systems.interpolation import Interpolation
from certify.check.systems.point import Point
from certify.check.theorems.modulus.kernel import quotient


def beyond(point: Point, each: arb, near: bool) -> Finding:
    """Whether `each²K − Q ≻ 0`, maybe `near` a singular matrix."""
    at = point.of(Interpolation)
    matrix = _scaled_difference(at, each ** 2)
    if matrix.nrows() >= MANY and import_module("certify.check.linalg.cholesky").proved(matrix, near):
        return Finding(Truth.PROVED, "upper²K − Q ≻ 0 is proved")
    found = definiteness(matrix, sharp=False)
    if found.truth is Truth.DISPROVED:
        assert found.v is not None
        return Finding(Truth.DISPROVED, f"a vector proves lip S > {quotient(at, found.v.entries())}")
    words = "is proved" if found.truth is Truth.PROVED else f"is not proved at {point.precision} bits"
    return Finding(found.truth, f"upper²K − Q ≻ 0 {words}")


def _scaled_difference(at: Interpolation, square: arb) -> arb_mat:
    """`square·K − Q`."""
    k, rows = at.problem.block, (at.kernel * square).tolist()
    for i, Q in at.moved.items():
        for a in range(k):
            for b in range(k):
                rows[i * k + a][i * k + b] -= Q[a][b]
    return arb_mat(rows)
