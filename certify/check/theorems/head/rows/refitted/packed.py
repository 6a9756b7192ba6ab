"""Many refits of a logistic head at once, in whole numbers: a number of every refit in 64 bits of one long integer.

Products of rows and weights, sums and comparisons are then single operations on long integers; the slope of a row is
looked up in a table. What this rounds is bounded in proofs/heads (D2, the checker's rounding).
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from functools import cache, cached_property
from itertools import chain
from math import isqrt
from operator import add, itemgetter, mul
from typing import NamedTuple

from flint import arb, arb_mat, fmpz_mat

from certify.check.linalg.balls import ZERO, largest, norm
from certify.check.theorems.head.rows.head import Head

Change = tuple[tuple[int, int], ...]

SLOT, HALF, LAST = 64, 1 << 63, 16
"""Bits of a number, its offset, and the largest output whose slope is in the table, on both sides."""
CELL, SLOPE, PHI = 14, 26, 21
"""Negative binary logarithms of the widths of a table's cell, of the units of slopes and of inputs."""
V = 32 + CELL - PHI
"""The same for the units of weights: outputs have their cell in the upper 32 bits."""
CELLS = 2 * LAST << CELL
ROOM = 1 << 61
"""What no number may reach."""
BALLS = tuple(2.0 ** (i / 2 - 8) for i in range(15))
"""Balls that are tried where the intercept is free."""
LEAST = 12
"""Units of curvature that the table may have too much, beyond its end as well."""
SHARE = 0.9
"""Of the curvature of all rows: those that make it up count, the largest first."""
SHORT = 1.5
"""Times the median length of inputs: only shorter ones count where the intercept is held, whose outputs move less."""
RADIUS, FINE = 20, 60
"""Negative binary logarithms of the units of radii and of reciprocal moduli."""


@cache
def table() -> list[int]:
    """`2^26/(1 + e^t)` at the middles of all cells, within 1.001 (proofs/heads)."""
    one = 1 << 60
    ratio, u = (integer((-arb(2) ** -CELL * half).exp() * one) for half in (1, arb(0.5)))
    upper = []
    for _ in range(CELLS // 2):
        upper.append((u << SLOPE) // (one + u))
        u = u * ratio >> 60
    return [(1 << SLOPE) - p for p in reversed(upper)] + upper


def integer(x: arb) -> int:
    """The largest whole number that is surely not above."""
    found = x.lower().floor().unique_fmpz()
    assert found is not None
    return int(found)


def above(x: arb) -> int:
    """A whole number that is surely not below."""
    return integer(x.upper()) + 1


def fits(head: Head) -> bool:
    """Whether this can be done in whole numbers: rows that count the same, the logistic loss and the cross-entropy."""
    finite = all(x.is_finite() for x in chain(head.sizes, head.lengths)) and head.n > 0 and head.m > 1
    known = head.loss.sigmoid or (head.loss.shifted and head.k > 1 and bool(head.codes.rows))
    small = all(x * 2**PHI < ROOM for x in chain(head.sizes, head.lengths))
    return head.weights is None and finite and known and small and sys.byteorder == "little"


class Refits(NamedTuple):
    """Refits of a batch: weights column by column and packed, radii in units of `2^−RADIUS`, the longest weights."""

    columns: list[list[int]]
    W: fmpz_mat
    radii: list[int | None]
    longest: arb


class Packed:
    """A logistic head in whole numbers.

    Args:
        head: the head.
    """

    def __init__(self, head: Head) -> None:
        self.head = head
        self.sign = [1 if y[0] > 0 else -1 for y in head.targets]
        rows, self.eta = rounded(head.rows)
        self.S = [[s * x for x in row] for s, row in zip(self.sign, rows, strict=True)]
        self.points, self.eta_points = rounded(head.evaluated.tolist())
        self.lengths = [above(size * 2**(32 + CELL - RADIUS)) for size in head.lengths]
        self.largest = largest([*head.sizes, *head.lengths])
        middle = sorted(map(float, head.sizes))[head.n // 2]
        self.short = [float(x) <= SHORT * middle for x in head.sizes]
        self.far = largest([x for x, ok in zip(head.sizes, self.short, strict=True) if ok])
        self.weight = sum(head.sizes, ZERO)
        self.stretch = stretch(head.phi)
        self.p = table()
        self.out = fmpz_mat(self.S)
        self.back = self.out.transpose()
        self.turned = [[x << SLOPE for x in row] for row in self.S] if head.relabels else []
        self.seen = fmpz_mat(self.points)

    @cached_property
    def inputs(self) -> fmpz_mat:
        """`(n, m − 1)` inputs without the intercept's."""
        return fmpz_mat([[s * x for x in row[:-1]] for s, row in zip(self.sign, self.S, strict=True)])

    def keep(self, changes: Sequence[Change], weights: Sequence[Sequence[float]], which: Sequence[int]) -> list[bool]:
        """Of changes of equally many rows: whether all of some points are proved to keep today's label after each.

        Args:
            changes: the changes.
            weights: floats near the refits.
            which: the points.
        """
        found = self.refits(changes, weights)
        return [False] * len(changes) if found is None else self._decided(found, which)

    def refits(self, changes: Sequence[Change], weights: Sequence[Sequence[float]]) -> Refits | None:
        """How near the refits of changes of equally many rows are; None where nothing is proved of any."""
        B, head, unit = len(changes), self.head, float(1 << V)
        try:
            columns = [[int(v * unit) for v in column] for column in zip(*weights, strict=True)]
        except (OverflowError, ValueError):  # infinite, or no number
            return None
        longest = norm([arb(max(map(abs, column))) for column in columns]) / 2**V
        mu = head.mu(len(changes[0]) if not head.relabels else 0)
        mu_units = integer(mu * 2**(PHI + SLOPE - V))
        room = arb(ROOM) / 2
        outputs = (self.largest + self.eta + self.eta_points + 1) * (longest + 1) + abs(arb(head.threshold))
        if not (mu > 0 and outputs * 2**(32 + CELL) < room and
                (self.weight + head.n * (self.eta + 1) + mu * longest) * 2**(PHI + SLOPE) < room):
            return None
        bias = HALF * sum(1 << SLOT * b for b in range(B))
        W = fmpz_mat([[packed(column, bias)] for column in columns])
        slopes = self._slopes(self.out * W, B, bias)
        G = [whole(p) for p in slopes]
        held = [0 if head.free_intercept and j == head.m - 1 else mu_units for j in range(head.m)]
        g = self._gradients(changes, slopes, fmpz_mat([[x] for x in G]), W, held, bias)
        radii = self._radii(g, numbers(sum(G), B), slopes, mu, longest, len(changes[0]))
        return Refits(columns, W, radii, longest)

    def _slopes(self, Z: fmpz_mat, B: int, bias: int) -> list[Sequence[int]]:
        """Of every row the slopes of all refits."""
        ones = bias // HALF
        shift, beyond = bias + (LAST << CELL << 32) * ones, ((1 << 32) - CELLS << 32) * ones
        found: list[Sequence[int]] = []
        for z in Z.entries():
            x = (int(z) + shift) ^ bias
            cells = array("I", x.to_bytes(B * SLOT // 8, "little"))[1::2]
            if x & beyond:  # some lie outside the table: there a slope is nearly that of its end
                cells = array("I", [c if c < CELLS else CELLS - 1 if c < 1 << 31 else 0 for c in cells])
            found.append(itemgetter(*cells, 0)(self.p)[:-1])
        return found

    def _gradients(self, changes: Sequence[Change], slopes: list[Sequence[int]], G: fmpz_mat, W: fmpz_mat,
                   held: list[int], bias: int) -> list[list[int]]:
        """`(B, m)` gradients in units of 2^−(PHI + SLOPE)."""
        R = [numbers(int(w) * h - int(r) + bias, len(changes)) for r, w, h in
             zip((self.back * G).entries(), W.entries(), held, strict=True)]
        rows = list(zip(*R, strict=True))
        found = []
        for b, change in enumerate(changes):
            row = map(HALF.__rsub__, rows[b])
            for i, _ in change:
                moved = self.turned[i] if self.head.relabels else map(slopes[i][b].__mul__, self.S[i])
                row = map(add, row, moved)
            found.append(list(row))
        return found

    def _radii(self, g: list[list[int]], total: list[int], slopes: list[Sequence[int]], mu: arb, longest: arb,
               changed: int) -> list[int | None]:
        """How far each refit may be, in units of 2^−RADIUS; None where nothing is proved."""
        n, wide = self.head.n, arb(2) ** -(CELL + 1) + self.eta * longest
        small = self.stretch * arb(n).sqrt() * arb(2) ** -22 + n * self.eta + 2 * longest * arb(2) ** (V - PHI - SLOPE)
        rest = above(small * 2**(PHI + SLOPE))
        # |e| ≤ w/2·√(e^w Σ p): in units of the gradient, for Σp in units of 2^-SLOPE
        each = above(self.stretch * wide / 2 * (wide / 2).exp() * 2**(PHI + SLOPE - SLOPE // 2))
        levels = [(above(arb(2) ** (RADIUS + FINE - PHI - SLOPE) / sigma), int(ball * 2**RADIUS))
                  for ball, sigma in self._moduli(slopes, mu, wide, changed)]
        found: list[int | None] = []
        for row, p in zip(g, total, strict=True):
            size = isqrt(sum(map(mul, row, row))) + 1 + rest + each * (isqrt(p + 2 * n) + 1)
            found.append(next((r for r, ball in ((((size * up) >> FINE) + 1, ball) for up, ball in levels)
                               if r < ball), None))
        return found

    def _moduli(self, slopes: list[Sequence[int]], mu: arb, wide: arb, changed: int) -> list[tuple[float, arb]]:
        """Balls about the weights, and the modulus on each."""
        if not self.head.free_intercept:
            return [(2.0**30, mu)]
        one = 1 << SLOPE
        first = [p[0] * (one - p[0]) if ok else 0 for p, ok in zip(slopes, self.short, strict=True)]
        left, D = SHARE * sum(first), [0] * len(first)
        for i in sorted(range(len(first)), key=first.__getitem__, reverse=True):
            D[i] = max(0, min(p * (one - p) for p in (min(slopes[i]), max(slopes[i]))) // one - LEAST)
            left -= first[i]
            if left <= 0:
                break
        # deleted rows drop out
        most = 0 if self.head.relabels else max(D) * changed
        s = arb(sum(D) - most) / one
        sums = (fmpz_mat([D]) * self.inputs).entries()
        t = norm([arb(x) for x in sums]) / (one << PHI) + sum(D) * self.eta / one + arb(most) / one * self.far
        found = []
        for ball in BALLS:
            low = s * (-(wide + ball * self.far)).exp()
            if low > 0:
                found.append((ball, mu * low / (mu + low + low * (t / s) ** 2)))
        return found

    def reach(self, radii: list[int | None]) -> tuple[list[bool], int]:
        """Which radii are small enough for products with points, and all of these as one integer."""
        most = ROOM // 4 // (max(self.lengths) + 1)
        good = [r is not None and r < most for r in radii]
        return good, sum((r if r is not None and ok else 0) << SLOT * b
                         for b, (r, ok) in enumerate(zip(radii, good, strict=True)))

    def _decided(self, found: Refits, which: Sequence[int]) -> list[bool]:
        """Whether the outputs of all points lie on today's side, for all weights within the radii."""
        B = len(found.radii)
        ones = sum(1 << SLOT * b for b in range(B))
        good, reach = self.reach(found.radii)
        bias, unit = HALF * ones, 2**(32 + CELL)
        slack = above(self.eta_points * found.longest * unit) + 4
        level = above(arb(self.head.threshold) * unit)
        X = (self.seen * found.W).entries()
        for j in which:
            sign = 1 if self.head.today[j] else -1
            left = (int(X[j]) - level * ones) * sign - self.lengths[j] * reach - slack * ones + bias
            if left & bias != bias:
                good = [ok and x >= HALF for ok, x in zip(good, numbers(left, B), strict=True)]
        return good


def rounded(rows: list[list[arb]]) -> tuple[list[list[int]], arb]:
    """Entries in units of 2^−PHI, and how far a row of these may be from the true one."""
    found = [[int(round(float(x.mid()) * 2.0**PHI)) for x in row] for row in rows]
    off = [norm([x - arb(c) / 2**PHI for x, c in zip(row, one, strict=True)]).upper()
           for row, one in zip(rows, found, strict=True)]
    return found, largest(off)


def stretch(phi: arb_mat) -> arb:
    """An upper bound of the spectral norm: `tr((φᵀφ)^16)^(1/16)` is one of its square."""
    power = phi.transpose() * phi
    for _ in range(4):
        power = power * power
    trace = sum((power[j, j] for j in range(power.nrows())), ZERO)
    # no entry may be known not to be 0
    return (trace.log() / 32).exp().upper() if trace > 0 else norm(phi.entries()).upper()


def packed(column: list[int], bias: int) -> int:
    """Numbers that may be negative, as one integer."""
    return int.from_bytes(array("Q", [v + HALF for v in column]).tobytes(), "little") - bias


def whole(p: Sequence[int]) -> int:
    """Numbers from 0 on, as one integer."""
    return int.from_bytes(array("Q", p).tobytes(), "little")


def numbers(whole: int, B: int) -> list[int]:
    """The numbers of an integer, lowest first."""
    return memoryview(whole.to_bytes(B * SLOT // 8, "little")).cast("Q").tolist()
