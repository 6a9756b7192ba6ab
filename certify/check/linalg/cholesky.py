"""Is a matrix of many rows positive definite? From an exact L alone, without its inverse: it is if `A − LLᵀ ≻ 0`.

L is a Cholesky factor of `A − cI`, found by halves; so that `A − LLᵀ` is near cI. Numbers are whole multiples of one
unit, which products take least time of. How L was found does not matter.
"""

from __future__ import annotations

from functools import cache

from flint import arb, arb_mat, ctx

from certify.check.linalg.balls import ZERO
from certify.check.linalg.definite import frobenius, inverse_factor, quarters
from certify.check.linalg.fixed import filled

LEAF = 16
"""Rows of which balls say the factor."""

PLACES, FEWER = (68, 80), 64
"""Bits after the point that are tried, where the largest number on the diagonal is near 1, and of balls too wide for
these. 64 leave the `rank` of some fits open that 68 decide; 76 take half as long again."""

LARGEST, ROOM, APART = 60, 2, 1
"""Binary digits before the point, at most, those by which c exceeds what L is expected to lack, and those by which the
roots of the diagonal may differ before rows are brought to one size."""


def proved(A: arb_mat, near: bool = False) -> bool:
    """Whether every symmetric matrix in A, maybe `near` a singular one, is proved to be positive definite."""
    scaled = _brought_to_one(A)
    if scaled is None:
        return False
    wide = 4 * frobenius(scaled - scaled.mid())
    narrow = [places for places in PLACES[near:] if wide < _shift(scaled, places)]
    return any(_proved(scaled, places) for places in narrow or [FEWER])


def _shift(A: arb_mat, places: int) -> arb:
    """The c of :func:`_proved`: each entry of `LLᵀ` lacks some √N units."""
    return (arb(A.nrows()) ** 1.5).ceil().mid() * arb(2) ** (ROOM - places)


def _proved(scaled: arb_mat, places: int) -> bool:
    """`M = LLᵀ + cI + E` with `‖E‖ < c` for every symmetric M, in A or in DAD for a diagonal D.

    `‖E‖ ≤ |E|_F ≤ 2|lower blocks of E|_F`, as E is symmetric.
    """
    c = _shift(scaled, places)
    a, _, low, d = quarters(scaled)
    with ctx.workprec(2 * places + LARGEST):
        a = _less(a, c)
        first = factor(cut(a, places), places, True)
        if first is None or first[1] is None:
            return False
        L, X = first[0], cut(low * first[1].transpose(), places)
        rest = _less(d - X * X.transpose(), c)
        second = factor(cut(rest, places), places, False)
        if second is None:
            return False
        return bool(2 * frobenius(a - L * L.transpose(), low - X * L.transpose(),
                                  rest - second[0] * second[0].transpose()) < c)


def _less(M: arb_mat, c: arb) -> arb_mat:
    """`M − cI`."""
    for j in range(M.nrows()):
        M[j, j] -= c
    return M


def _brought_to_one(A: arb_mat) -> arb_mat | None:
    """The matrix, rows and columns times powers of two if the diagonal asks for it; None if that is not positive."""
    sizes = []
    for j in range(A.nrows()):
        x = A[j, j].mid()
        if not (x > 0 and x.is_finite()):
            return None
        mantissa, exponent = x.man_exp()
        sizes.append((mantissa.bit_length() + int(exponent)) // 2)
    if max(sizes) - min(sizes) <= APART:
        return A * arb(2) ** (-2 * max(sizes))
    units = [arb(2) ** -size for size in sizes]
    return arb_mat([[x * (u * v) for x, v in zip(row, units, strict=True)]
                    for row, u in zip(A.tolist(), units, strict=True)])


def factor(A: arb_mat, places: int, inverted: bool) -> tuple[arb_mat, arb_mat | None] | None:
    """L with `LLᵀ ≈ A`, and its inverse where that is wanted; exact, and nothing is proved of them."""
    if A.nrows() <= LEAF:
        R = inverse_factor(A)
        if R is None:
            return None
        L = R.inv().mid()
        return (cut(L, places), cut(R, places)) if frobenius(L, R).is_finite() else None
    a, _, low, d = quarters(A)
    first = factor(a, places, True)
    if first is None or first[1] is None:
        return None
    P = first[1]
    X = cut(low * P.transpose(), places)
    second = factor(cut(d - X * X.transpose(), places), places, inverted)
    if second is None:
        return None
    L = _joined(first[0], X, second[0])
    if not inverted or second[1] is None:
        return L, None
    return L, _joined(P, cut(cut(second[1] * X, places) * P * -1, places), second[1])


def cut(M: arb_mat, places: int) -> arb_mat:
    """The middles as whole multiples of `2^−places`: added to a number so large that its last bit is one."""
    high = _high(M.nrows(), M.ncols())
    with ctx.workprec(LARGEST + 2 + places):
        lifted = (M + high).mid()
    with ctx.workprec(LARGEST + 4 + places):
        return lifted - high


@cache
def _high(rows: int, columns: int) -> arb_mat:
    """A number everywhere whose last bit, of so many more, is a unit; nobody changes it."""
    return filled((rows, columns), arb(3) * arb(2) ** LARGEST)


def _joined(a: arb_mat, low: arb_mat, d: arb_mat) -> arb_mat:
    """A matrix from its lower blocks."""
    zeros = [ZERO] * d.nrows()
    return arb_mat([row + zeros for row in a.tolist()]
                   + [left + right for left, right in zip(low.tolist(), d.tolist(), strict=True)])
