"""Is a matrix nonsingular? An inverse in fixed point that is only proposed, and a product that judges it (W2).

With `‖XA − I‖ ≤ ε < 1` both are nonsingular, and `A⁻¹v` is as long as `Xv` up to the factors `1/(1 ± ε)`. How X was
found does not matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from random import Random

from flint import arb, arb_mat, ctx, fmpz, fmpz_mat

from certify.check.kernel import CHANCE
from certify.check.linalg.balls import ZERO
from certify.check.linalg.fixed import Fixed, banded, reach_of, scale
from certify.check.linalg.large.products import bands, whole

LEAF = 48
"""Below this many rows the proposal is flint's."""

TWICE = 2000
"""Up to so many rows a proposal that is no inverse is followed by another."""

LONG = 1 << 16
"""Bits of the number 1 in a product beyond which, or below 0, a proposal was made for another matrix."""

PROBED = 2000
"""Rows from which another process proposes and random probes judge, where they may: before, that takes no less time."""

ROOM = 10
"""Bits by which entries of the inverse may exceed the inverse of the largest entry before they take more room."""


@dataclass(frozen=True)
class Inverse:
    """An approximate inverse of every matrix of an enclosure.

    Attributes:
        X: exact; None where none was found, or it proves nothing.
        error: at least `‖XA − I‖` for every member A, exact; below 1 if X is there.
        defect: `2ε + ε²`, below 1: `‖XAAᵀXᵀ − I‖` is at most this, so `1 − defect ≤ |XAv|² ≤ 1 + defect` for `|v| = 1`.
    """

    X: Fixed | None = None
    error: arb = field(default_factory=lambda: arb(1))
    defect: arb = field(default_factory=lambda: arb(1))


def judged(A: Fixed, X: Fixed | None) -> Inverse:
    """What a proposal proves of the matrices in A: `‖XA − I‖ ≤ ‖XÂ − I‖ + ‖X‖r_A`."""
    if X is None or not A.radius.is_finite():
        return Inverse()
    bits = A.bits + X.bits
    if not 0 <= bits <= LONG:
        return Inverse()
    if A.shape[0] > PROBED and CHANCE.get() is not None:
        found = import_module("certify.check.linalg.probes").residual(X, A)
    else:
        found = reach_of(_left(X.mid, A.mid, fmpz(1) << bits)) * scale(bits)
    error = (found + X.reach * A.radius).upper()
    defect = (2 * error + error**2).upper()
    return Inverse(X, error, defect) if defect < 1 else Inverse()


def _left(X: fmpz_mat, A: fmpz_mat, one: fmpz) -> Iterator[fmpz_mat]:
    """`XA − one·I`, some rows at a time."""
    at = 0
    for band in banded(X):
        part = band * A
        for r in range(part.nrows()):
            part[r, at + r] -= one
        at += part.nrows()
        yield part


def proposed(A: Fixed, width: int) -> Fixed | None:
    """An approximate inverse of the middle, with about `width` bits; nothing is proved.

    The middle has about `width` bits too, or more where a number on its diagonal is far larger than all else.
    """
    if not A.radius.is_finite():
        return None
    longest = max(A.mid[j, j].bit_length() for j in range(A.shape[0]))
    bits = max(width, longest) + width - ROOM - A.bits
    if A.shape[0] > PROBED and CHANCE.get() is not None:
        told: list[Fixed] | None = import_module("certify.check.linalg.proposals").proposed("inverse", A, bits)
        if told is not None and _undoes(told[0].mid, A.mid, A.bits + told[0].bits):
            return told[0]
    X = _inverse(A.mid, A.bits, bits)
    if A.shape[0] <= TWICE and not _undoes(X, A.mid, A.bits + bits):
        X = _by_square(A.mid, A.bits, bits)
    return None if X is None else Fixed(X, bits, ZERO)


def _undoes(X: fmpz_mat | None, A: fmpz_mat, one: int) -> bool:
    """Whether `X(Av)` is about v for one vector, where `2^one` stands for 1; nothing is proved."""
    if X is None or not 0 <= one <= LONG:
        return False
    N, draw = A.nrows(), Random(0)
    v = fmpz_mat(N, 1, [draw.choice((-1, 1)) for _ in range(N)])
    off = X * (A * v) - v * (fmpz(1) << one)
    return sum([x * x for x in off.entries()], fmpz(0)) < fmpz(N) << max(0, 2 * one - 4)


def _by_square(A: fmpz_mat, a: int, x: int) -> fmpz_mat | None:
    """`(AᵀA)⁻¹Aᵀ`, with twice the bits on the way.

    A block of an indefinite matrix may be singular where the whole is not, and then there is no way by halves (at a
    saddle the first layer's may be 0). No block of the square is.
    """
    B = _inverse(A.transpose() * A, 2 * a, 2 * x)
    return None if B is None else _times(B, A.transpose(), a + x)


def _inverse(A: fmpz_mat, a: int, x: int) -> fmpz_mat | None:
    """An inverse with x bits from a symmetric matrix with a bits, by halves.

    With `A = [[P⁻¹, b], [bᵀ, d]]`, `V = Pb` and S the inverse of `d − bᵀV`: `[[P + VSVᵀ, −VS], [−SVᵀ, S]]`.
    """
    N = A.nrows()
    if N <= LEAF:
        return _leaf(A, a, x)
    m, half, rows = N // 2, (a + x) // 2, A.tolist()
    P = _inverse(fmpz_mat([row[:m] for row in rows[:m]]), a, x)
    if P is None:
        return None
    b, d = fmpz_mat([row[m:] for row in rows[:m]]), fmpz_mat([row[m:] for row in rows[m:]])
    del rows
    V = _times(P, b, a + x - half)
    S = _inverse(d - _times(b.transpose(), V, half), a, x)
    if S is None:
        return None
    right = _times(V, S, half)
    top = P + _times(right, V.transpose(), half)
    return fmpz_mat([u + v for u, v in zip(top.tolist(), (-right).tolist(), strict=True)]
                    + [u + v for u, v in zip((-right.transpose()).tolist(), S.tolist(), strict=True)])


def _times(A: fmpz_mat, B: fmpz_mat, drop: int) -> fmpz_mat:
    """`AB·2^−drop`, entries rounded down."""
    return fmpz_mat(A.nrows(), B.ncols(), [x >> drop for band in bands(A, B) for x in band])


def _leaf(A: fmpz_mat, a: int, x: int) -> fmpz_mat | None:
    with ctx.workprec(2 * abs(a + x) + 64):  # of a + x alone: each of them follows the unit that A is counted in
        try:
            X = arb_mat(A).inv()
        except ZeroDivisionError:
            return None
        X = (X + X.transpose()) * arb(0.5)  # what is not symmetric would grow from block to block
        up = scale(-(a + x))
        entries = [(v.mid() * up).floor().mid() for v in X.entries()]
        if not all(v.is_finite() for v in entries):
            return None
        return fmpz_mat(A.nrows(), A.ncols(), [whole(v) for v in entries])

