"""Upper bounds of the rows of every layer's Jacobian, one point after the other, by exact products of whole numbers."""

from __future__ import annotations

from collections.abc import Sequence
from operator import mul

from flint import arb, arb_mat, fmpz, fmpz_mat

from certify.check.linalg.balls import ZERO
from certify.check.linalg.fixed import Fixed, cut, enclosed, scale


def row_norms(
    first: arb_mat, weights: Sequence[arb_mat], slopes: Sequence[Sequence[Sequence[arb]]], points: int,
    width: int,
) -> list[list[arb]]:
    """For every layer and point at least the lengths of the rows of `W_h D_{h−1} ⋯ D_1 W_1`, point by point.

    Args:
        first: `W_1`, the features counted in their units.
        weights: `W_2` and so on.
        slopes: per hidden layer and point the diagonal of `D_h`.
        points: how many there are.
        width: bits of the largest entry of a factor. With 26 all products are small numbers, and with 60 products of
            matrices are still quick.
    """
    start, later = enclosed(first, width), [enclosed(W, width) for W in weights]
    lengths = [x.upper() for x in _lengths(start)]
    found = [lengths * points, *(list[arb]() for _ in weights)]
    for at in range(points):
        M, size = start, start.size
        for h, (W, D) in enumerate(zip(later, slopes, strict=True)):
            M = _after(W, D[at], M, size, width)
            own = _lengths(M)
            size = sum((x * x for x in own), ZERO).sqrt().upper()
            found[h + 1] += own
    return found


def _after(W: Fixed, slopes: Sequence[arb], M: Fixed, size: arb, width: int) -> Fixed:
    """`W diag(d) M`, with `|M̂|_F` at most `size`; d is drawn into the factor with fewer entries."""
    d = enclosed(arb_mat(1, len(slopes), list(slopes)), width)
    if W.shape[0] < M.shape[1]:
        return _times(M.turned, size, d, W.turned, W.size, width).turned
    return _times(W, W.reach, d, M, size, width)


def _times(A: Fixed, reach: arb, d: Fixed, B: Fixed, size: arb, width: int) -> Fixed:
    """`A diag(d) B`, with `‖Â‖` and `|B̂|_F` at most `reach` and `size`.

    `|dB − d̂B̂|_F ≤ |d − d̂||B̂|_F + (|d̂| + |d − d̂|)r_B` with the largest entries of d, and what is cut off; then as of
    any product.
    """
    values, wide = d.mid.entries(), B.shape[1]
    most = arb(max((abs(x) for x in values), default=fmpz(0))) * scale(d.bits)
    reached, lost = most * size, d.radius * size + (most + d.radius) * B.radius
    bits = d.bits + B.bits
    drop = max(0, bits - _fitting(reached, width))
    scaled = [x * s >> drop for s, row in zip(values, B.mid.tolist(), strict=True) for x in row]
    if drop:
        short = cut((len(values), wide), bits - drop)
        reached, lost = reached + short, lost + short
    radius = A.radius * (reached + lost) + reach * lost
    return Fixed(A.mid * fmpz_mat(len(values), wide, scaled), A.bits + bits - drop,
                 radius.upper() if radius.is_finite() else arb("inf"))


def _fitting(top: arb, width: int) -> int:
    """Bits of the fraction of numbers up to that with about so many bits."""
    if not (top > 0 and top.is_finite()):
        return width
    man, exp = top.upper().man_exp()
    return width - int(exp) - int(man).bit_length()


def _lengths(M: Fixed) -> list[arb]:
    """At least the length of every row, for every member."""
    wide, values = M.shape[1], M.mid.entries()
    return [(arb(sum(map(mul, row, row), fmpz(0))).sqrt() * scale(M.bits) + M.radius).upper()
            for row in (values[at:at + wide] for at in range(0, len(values), wide))]
