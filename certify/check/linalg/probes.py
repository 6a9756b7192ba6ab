"""How large can a matrix be that is known by what it does to random vectors? Decided up to a stated probability.

The vectors are drawn from the operating system after everything else is fixed (W4 of proofs/critical.md). A bound is
wrong with a probability below 2^-71, whatever the matrix; `CHANCE` counts them, and of 128 all hold but with 2^-64.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from flint import arb, fmpz, fmpz_mat

from certify.check.kernel import CHANCE
from certify.check.linalg.balls import ZERO, largest
from certify.check.linalg.fixed import Fixed, longest, scale

DRAWN, ROOM, BYTES = 16, 40, 6
"""Vectors, and bits of their entries beside the sign, of which so many bytes are drawn."""

SHARE, LEAST = 5, 16
"""Some vector sees `2^−5` of its largest entry of any direction: by less a direction is missed by one of them with a
probability of √2 times that. With `2^−t`, t up to 12, fewer vectors do, and bounds are larger by as much."""

MATRICES = 1 << 32
"""Up to so many matrices may be bounded at once."""

MOST, WIDEST = 128, 1 << 24
"""Bounds in one check, and rows, up to which the probability is the stated one."""

PLACES, TRIES, WIDER = 80, 200, 1 + 2.0**-6
"""Bits that are kept between two steps, and tries for a bound, each wider by such a factor."""

ROUNDS = 4
"""Steps for a residual, of which each is two."""

Image = tuple[fmpz_mat, int, arb]
Apply = Callable[[fmpz_mat], Image]
"""From integers V to integers, bits and an error: every column of EV is the integers times `2^−bits`, but for that."""


def may_draw(rows: int) -> bool:
    """Whether one more bound may rest on chance."""
    said = CHANCE.get()
    return said is not None and len(said) < MOST and rows <= WIDEST


def together(matrices: int, share: int = SHARE) -> int:
    """Vectors for bounds of so many matrices at once, together as one by 16: the least k with `N·2^76 ≤ 2^(k(t − ½))`.

    Args:
        matrices: N.
        share: t, from `SHARE` to `LEAST`.

    >>> together(1), together(571), together(MATRICES)
    (17, 19, 24)
    >>> together(1, 9), together(571, 12)
    (9, 8)
    """
    if not SHARE <= share <= LEAST:
        raise AssertionError(f"nothing is known of vectors that see a share of 2^-{share}")
    return -(-(152 + (matrices**2 - 1).bit_length()) // (2 * share - 1))


def drawn(rows: int, vectors: int = DRAWN) -> fmpz_mat:
    """Integers from `−2^40` to `2^40 − 1`, each as likely."""
    raw = os.urandom(rows * vectors * BYTES)
    mask, low = (1 << ROOM + 1) - 1, 1 << ROOM
    return fmpz_mat(rows, vectors, [(int.from_bytes(raw[i:i + BYTES], "little") & mask) - low
                                  for i in range(0, len(raw), BYTES)])


def bound_of(
    what: str, rows: int, apply: Apply, steps: int = 1, share: int = SHARE, enough: arb = ZERO,
) -> arb:
    """An upper bound of `‖E‖`, exact; of a symmetric E also by more steps, which is sharper.

    For the direction u in which E is longest some drawn v has `|⟨u, v⟩| ≥ s` (s = 2^35), but with a probability below
    `(√2(2^-5 + √rows/2^40))^16`. Then `|Ev| ≥ ‖E‖s`. With steps `y_i = Ey_{i-1} + δ_i`, `|δ_i| ≤ d_i`, E symmetric:
    `|y_k| ≥ |⟨u, y_k⟩| ≥ τ^k(s − Σ τ^-i d_i)` for `τ ≤ ‖E‖`, if that is positive: a τ for which it is false is a bound.
    Infinite where none may be had.

    Args:
        what: E in words.
        rows: of E.
        apply: gives what E does.
        steps: how often at most: for that u and v the bound of every k holds.
        share: t: beyond `SHARE` fewer vectors, with `s = 2^(40 − t)`, which do where a bound need not be near.
        enough: a bound with which it may end, from the second step on.
    """
    said = CHANCE.get()
    if said is None or not may_draw(rows):
        return arb("inf")
    said.append(what)
    y, bits = drawn(rows, DRAWN if share == SHARE else together(1, share)), 0
    least = arb(2) ** (ROOM - share)
    lost: list[arb] = []
    for step in range(steps):
        y, more, error = apply(y)
        error, bits = error * scale(bits), bits + more
        if step == steps - 1 or (enough > 0 and step > 0):
            found = _beyond((_longest(y) * scale(bits)).upper(), least, [*lost, error.upper()])
            if step == steps - 1 or found < enough:
                return found
        y, drop = shortened(y, PLACES)
        bits -= drop
        error += arb(rows).sqrt() * scale(bits) if drop else ZERO
        lost.append(error.upper())
    raise AssertionError("a bound has a step")


def _longest(y: fmpz_mat) -> arb:
    """The length of the longest column."""
    return largest([arb(sum([x * x for x in column], fmpz(0))) for column in y.transpose().tolist()]).sqrt()


def residual(X: Fixed, A: Fixed) -> arb:
    """An upper bound of `‖XÂ − I‖` for the middles, exact: the root of one of `EᵀE`; infinite where none may be had."""
    rows = A.shape[0]
    if not may_draw(rows):
        return arb("inf")
    turned, over, bits = X.mid.transpose(), A.mid.transpose(), A.bits + X.bits
    one = fmpz(1) << bits

    def square(y: fmpz_mat) -> Image:
        y = X.mid * (A.mid * y) - y * one
        return over * (turned * y) - y * one, 2 * bits, ZERO

    return bound_of("XA − I", rows, square, ROUNDS).sqrt().upper()


def _beyond(longest: arb, least: arb, lost: list[arb]) -> arb:
    """The τ of :func:`bound_of`, near the smallest: looked for from `longest`, then from where errors take a half."""
    steps = len(lost)
    if longest == 0 and all(d == 0 for d in lost):
        return ZERO
    first = (longest / least).root(steps)
    halves = largest([(2 * steps * d / least).root(i + 1) for i, d in enumerate(lost)])
    for start in (first, first.max(halves)):
        tau = (start * (1 + arb(2) ** -20)).upper()
        for _ in range(TRIES):
            left = least - sum((d / tau ** (i + 1) for i, d in enumerate(lost)), ZERO)
            if left > 0 and longest < tau ** steps * left:
                return tau
            tau = (tau * WIDER).upper()
    return arb("inf")


def shortened(M: fmpz_mat, places: int) -> tuple[fmpz_mat, int]:
    """Entries of about so many bits, rounded down, and how many were cut off."""
    values = M.entries()
    drop = max(0, longest(values) - places)
    return (fmpz_mat(M.nrows(), M.ncols(), [x >> drop for x in values]) if drop else M), drop
