"""Ellipsoids around what the change of one row may do, and sums over the rows that move at once (N1, N2, M5e)."""

from __future__ import annotations

from dataclasses import dataclass

from flint import arb, arb_mat

from certify.check.linalg.balls import ONE, ZERO, largest, squares
from certify.check.reading.arrays import Array
from certify.check.words.row_norms.base import RowNorm

Rows = list[list[arb]]

SQUARINGS = 48
"""2^48 steps of power iteration."""


@dataclass(frozen=True)
class Ellipsoid:
    """`R_i ⊂ √stretch·{E^½v : |v| ≤ 1}`; `still` where R_i is {0}, exactly, whatever E is stated to be."""

    E: arb_mat
    stretch: arb
    still: bool


def ellipsoid(G: Rows, q: RowNorm, at: int, shape: Array | None) -> Ellipsoid:
    """An ellipsoid around `{Gu : |u|_q ≤ 1}` (see :func:`certify.check.theorems.modulus.row_budgets.ellipsoids`).

    Args:
        G: k rows.
        q: the norm of u.
        at: the row's place in the array.
        shape: the array of the side file, or None.
    """
    still, k = all(x == 0 for row in G for x in row), len(G)
    if k == 1:
        D = q.dual(G[0])
        return Ellipsoid(arb_mat([[D * D]]), ONE, still)
    if shape is None:
        M = arb_mat(G)
        return Ellipsoid(M * M.transpose(), ONE, still)
    if q.boxed:
        d = len(G[0])
        w = [arb(v) for v in shape.values[at * d:at * d + d]]
        M = arb_mat([[g * v for g, v in zip(row, w, strict=True)] for row in G])
        return Ellipsoid(M * M.transpose(), sum((1 / (v * v) for v in w), ZERO), still)
    C = arb_mat(k, k, [arb(v) for v in shape.values[at * k * k:(at + 1) * k * k]])
    return Ellipsoid(C * C.transpose(), _reach(C, arb_mat(G)), still)


def _reach(C: arb_mat, G: arb_mat) -> arb:
    """`max_a |C⁻¹g_a|²`, infinite where C is not proved nonsingular."""
    try:
        T = C.solve(G)
    except ZeroDivisionError:
        return arb("inf")
    return largest([squares(column) for column in T.transpose().tolist()])


def top_eigenvalue(M: arb_mat) -> arb:
    """About the largest eigenvalue of a matrix whose eigenvalues are real and not negative, by squaring it."""
    grown = M
    for _ in range(SQUARINGS):
        scale = largest([abs(x) for x in grown.entries()]).mid()
        if not scale > 0:
            return ZERO
        grown = (grown / scale).mid()
        grown = (grown * grown).mid()
    columns = grown.transpose().tolist()
    v = max(columns, key=lambda column: largest([abs(x) for x in column]).mid())
    at = max(range(len(v)), key=lambda a: abs(v[a].mid()))
    return ((M * arb_mat([[x] for x in v]))[at, 0] / v[at]).mid()


def largest_sum(values: list[arb], count: int) -> arb:
    """Upper bound of the sum of the `count` largest; infinite where a value is not known, whatever its rank."""
    if not all(v.is_finite() for v in values):
        return arb("inf")
    return sum(sorted((v.upper() for v in values), reverse=True)[:count], ZERO)
