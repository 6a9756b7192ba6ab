"""Pairs of many rows of one output (V27): the m rows whose m largest entries of `|M|` add up to most, from above.

`M = WBW`, B within `δ/(1 − δ)` of `RᵀR` as it is the inverse of a matrix with `‖RKRᵀ − I‖ ≤ δ`, W diagonal. Entries
are whole numbers, of which the largest are found and added up exactly; one radius holds what every entry is off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from heapq import nlargest
from typing import TYPE_CHECKING, Protocol

from flint import arb, arb_mat, ctx, fmpz, fmpz_mat

from certify.check.linalg.balls import ONE, ZERO, largest, root
from certify.check.linalg.definite import quarters
from certify.check.linalg.fixed import Fixed, enclosed, norm_of, scale

if TYPE_CHECKING:
    from certify.check.linalg.large.whole_factor import WholeFactor

SPARED, WIDTH = 56, 90
"""Bits that numbers of an inverse lack of others, and those of the largest entry as a whole number."""


class Body(Protocol):
    """An ellipsoid around what a row can do to its one equation; one that is still does nothing."""

    @property
    def E(self) -> arb_mat: ...  # noqa: D102, N802
    @property
    def stretch(self) -> arb: ...  # noqa: D102
    @property
    def still(self) -> bool: ...  # noqa: D102


def most_of_bodies(
    R: arb_mat, bodies: Mapping[int, Body], spread: arb, count: int, whole: WholeFactor | None = None,
) -> arb:
    """The same with `w_i² = E_iτ_i` of every row that has a body, 0 of the others and of those that are still.

    By R in whole numbers where that is given, and then with what *its* defect leaves: that of another R, from which
    `spread` may come, says nothing of it.
    """
    weights = [ZERO] * R.nrows()
    for at, body in bodies.items():
        if not body.still:
            weights[at] = root(body.E[0, 0] * body.stretch)
    if whole is not None:
        return most_in_whole_numbers(*whole.weighed(weights), R.nrows(), whole.defect / (1 - whole.defect), count)
    return most_of_pairs(R, weights, spread, count)


def most_of_pairs(R: arb_mat, weights: Sequence[arb], spread: arb, count: int) -> arb:
    """At least the sum, over the `count` rows of which it is largest, of their `count` largest `|M_ij|`.

    Infinite, or no number, where it is not known.

    `|M_ij − M̂_ij| ≤ spread·√(M̂_iiM̂_jj)` for `M̂ = (RW)ᵀRW`, at most `spread` times the largest of its diagonal.

    Args:
        R: lower triangular, of two rows or more.
        weights: from 0 on, the diagonal of W.
        spread: `δ/(1 − δ)`.
        count: m.
    """
    rows = [[x * w for x, w in zip(row, weights, strict=True)] for row in R.tolist()]
    with ctx.workprec(ctx.prec - SPARED):
        M = squared(arb_mat(rows))
        diagonal = largest([M[j, j].abs_upper() for j in range(M.nrows())])
        return _added(enclosed(M, WIDTH), spread * diagonal, count)


def most_in_whole_numbers(
    values: Sequence[fmpz], bits: int, off: arb, rows: int, spread: arb, count: int,
) -> arb:
    """The same of `M̂ = TᵀT` for all T within `off`, in norm, of a T̂ of integers times `2^−bits`.

    `‖M̂ − T̂ᵀT̂‖ ≤ (2‖T̂‖ + off)off`, `‖T̂‖² ≤ |T̂ᵀT̂|_F`, and no entry of M̂ on its diagonal is larger than `(‖T̂‖ + off)²`.
    """
    T = fmpz_mat(rows, rows, values)
    found = Fixed(T.transpose() * T, 2 * bits, ZERO)
    size = norm_of(found).sqrt()
    return _added(replace(found, radius=((2 * size + off) * off).upper()), spread * (size + off) ** 2, count)


def _added(M: Fixed, off: arb, count: int) -> arb:
    """Of M within its radius in Frobenius norm, where every entry may be `off` larger."""
    sums = [sum(nlargest(count, map(abs, row)), fmpz(0)) for row in M.mid.tolist()]
    most = arb(sum(nlargest(count, sums), fmpz(0))) * scale(M.bits)
    return (most + min(count, M.shape[0]) ** 2 * (M.radius + off)).upper()


def squared(R: arb_mat) -> arb_mat:
    """`RᵀR` for a lower triangular R, of blocks: one of R is 0, and one of the product stands at two places."""
    P, _, Q, S = quarters(R * ONE)
    low = S.transpose() * Q
    left, right = P.transpose() * P + Q.transpose() * Q, S.transpose() * S
    return arb_mat([u + v for first, second in ((left, low.transpose()), (low, right))
                    for u, v in zip(first.tolist(), second.tolist(), strict=True)])
