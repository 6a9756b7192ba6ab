"""Is a small symmetric matrix positive definite? A factor in doubles that is only proposed, and one exact product.

With D diagonal, powers of two, and c > 0: if `‖DMD − cI − LLᵀ‖ < c` for every M of the balls, `DMD ≻ 0`, so `M ≻ 0`.
Nothing is asked of L: that of the doubles nearest to the middles.
"""

from __future__ import annotations

from math import isfinite, sqrt
from operator import mul

from flint import arb, arb_mat, fmpz_mat

from certify.check.linalg.balls import ZERO
from certify.check.linalg.definite import frobenius

FRACTION, SHIFT = 52, 44
"""Bits of the fraction of L, whose entries are no larger than about 1, and of c."""

APART = 1
"""Binary digits by which the roots of the diagonal may differ before rows are brought to one size."""


def proved(A: arb_mat) -> bool:
    """Whether every symmetric matrix in the balls is proved positive definite; false proves nothing.

    >>> proved(arb_mat([[2, 1], [1, 2]])), proved(arb_mat([[1, 1], [1, 1]])), proved(arb_mat([[2, "nan"], ["nan", 2]]))
    (True, False, False)
    """
    N = A.nrows()
    sizes = [A[j, j].mid() for j in range(N)]
    if not all(x > 0 and x.is_finite() for x in sizes):
        return False
    halves = [(int(e) + m.bit_length()) // 2 for m, e in (x.man_exp() for x in sizes)]
    B = _scaled(A, halves) if max(halves) - min(halves) > APART else A * arb(2) ** (-2 * max(halves))
    c = 2.0**-SHIFT
    L = _factor([list(map(float, row[:i])) for i, row in enumerate(B.mid().tolist(), 1)], c)
    if L is None:
        return False
    whole = fmpz_mat([[round(x * 2.0**FRACTION) for x in row] + [0] * (N - len(row)) for row in L])
    square = arb_mat(whole * whole.transpose()) * arb(2) ** (-2 * FRACTION)
    own = arb_mat(N, N, [arb(c) if i == j else ZERO for i in range(N) for j in range(N)])
    return bool(frobenius(B - own - square) < c)


def _scaled(A: arb_mat, halves: list[int]) -> arb_mat:
    """Rows and columns times powers of two."""
    units = [arb(2) ** -half for half in halves]
    return arb_mat([[x * u * v for x, v in zip(row, units, strict=True)]
                    for row, u in zip(A.tolist(), units, strict=True)])


def _factor(B: list[list[float]], c: float) -> list[list[float]] | None:
    """The rows of L with `LLᵀ ≈ B − cI` up to the diagonal; None where a pivot is not positive, or not finite.

    What is not finite beside a pivot makes it so, or makes it not positive.
    """
    L = list[list[float]]()
    for row in B:
        own: list[float] = []
        for x, other in zip(row, L, strict=False):
            own.append((x - sum(map(mul, own, other))) / other[-1])
        left = row[-1] - c - sum(map(mul, own, own))
        if not left > 0 or not isfinite(left):
            return None
        L.append([*own, sqrt(left)])
    return L
