"""Many refits of a softmax head at once, in whole numbers: as :mod:`packed`, with a table of exponentials."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from functools import cache, cached_property
from itertools import chain
from math import isqrt
from operator import add, itemgetter, mul

from flint import arb, fmpz, fmpz_mat

from certify.check.linalg.balls import ZERO, largest, norm
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.refitted.packed import (
    BALLS,
    CELL,
    CELLS,
    FINE,
    HALF,
    LAST,
    PHI,
    RADIUS,
    ROOM,
    SHORT,
    SLOPE,
    SLOT,
    Change,
    V,
    above,
    integer,
    numbers,
    packed,
    rounded,
    stretch,
    whole,
)

UNIT = 36
"""Negative binary logarithm of the unit of exponentials."""
LEAST = 16
"""Units of a probability that may be too much."""


@cache
def exponentials() -> list[int]:
    """`2^36 e^t` at the middles of all cells, within one and a part of 2^40 (proofs/heads)."""
    found: list[list[int]] = []
    for sign in (-1, 1):
        ratio, u = (integer((sign * arb(2) ** -CELL * half).exp() * 2**62) for half in (1, arb(0.5)))
        side = []
        for _ in range(CELLS // 2):
            side.append(u >> 62 - UNIT)
            u = u * ratio >> 62
        found.append(side)
    return found[0][::-1] + found[1]


class PackedSoftmax:
    """A softmax head in whole numbers.

    Args:
        head: the head.
    """

    def __init__(self, head: Head) -> None:
        self.head = head
        self.rows, self.eta = rounded(head.rows)
        self.points, self.eta_points = rounded(head.evaluated.tolist())
        root = arb(2).sqrt()
        self.lengths = [above(root * size * 2**(32 + CELL - RADIUS)) for size in head.lengths]
        self.largest = largest([*head.sizes, *head.lengths])
        middle = sorted(map(float, head.sizes))[head.n // 2]
        self.short = [float(x) <= SHORT * middle for x in head.sizes]
        self.far = largest([x for x, ok in zip(head.sizes, self.short, strict=True) if ok])
        self.weight = sum(head.sizes, ZERO)
        self.stretch = stretch(head.phi)
        self.table = exponentials()
        self.out, self.seen = fmpz_mat(self.rows), fmpz_mat(self.points)
        self.back = self.out.transpose()
        self.moved = [[x << SLOPE for x in row] for row in self.rows]
        self.taken = [[0] * head.m for _ in range(head.k)]
        for row, own in zip(self.moved, head.codes.label, strict=True):
            self.taken[own] = list(map(add, self.taken[own], row))

    @cached_property
    def inputs(self) -> fmpz_mat:
        """`(n, m − 1)` inputs without the intercept's."""
        return fmpz_mat([row[:-1] for row in self.rows])

    def keep(self, changes: Sequence[Change], weights: Sequence[Sequence[float]], which: Sequence[int]) -> list[bool]:
        """Of changes of equally many rows: whether all of some points are proved to keep today's label after each.

        Args:
            changes: the changes.
            weights: floats near the refits.
            which: the points.
        """
        B, head, unit = len(changes), self.head, float(1 << V)
        try:
            columns = [[int(v * unit) for v in column] for column in zip(*weights, strict=True)]
        except (OverflowError, ValueError):  # infinite, or no number
            return [False] * B
        longest = norm([arb(max(map(abs, column))) for column in columns]) / 2**V
        mu = head.mu(len(changes[0]) if not head.relabels else 0)
        mu_units = integer(mu * 2**(PHI + SLOPE - V))
        outputs = 2 * (self.largest + self.eta + self.eta_points + 1) * (longest + 1)
        if not (mu > 0 and outputs * 2**(32 + CELL) < ROOM // 2 and
                (self.weight + head.n * (self.eta + 1) + mu * longest) * 2**(PHI + SLOPE) < ROOM // 2):
            return [False] * B
        ones = sum(1 << SLOT * b for b in range(B))
        bias, m = HALF * ones, head.m
        W = fmpz_mat([[packed(columns[a * m + j], bias) for a in range(head.k)] for j in range(m)])
        slopes, lost = self._slopes((self.out * W).tolist(), B, ones)
        held = [0 if head.free_intercept and j == m - 1 else mu_units for j in range(m)]
        G = fmpz_mat([[whole(s) for s in row] for row in slopes])
        g = self._gradients(changes, slopes, (self.back * G).tolist(), W.tolist(), held, bias)
        radii = self._radii(g, slopes, mu, longest, len(changes[0]))
        return self._decided(W, [None if b in lost else r for b, r in enumerate(radii)], which, longest, B, ones)

    def _slopes(self, Z: list[list[fmpz]], B: int, ones: int) -> tuple[list[list[list[int]]], set[int]]:
        """Of every row the probabilities of all classes and refits; and the refits that reach above the table."""
        shift, beyond = (HALF + (LAST << CELL << 32)) * ones, ((1 << 32) - CELLS << 32) * ones
        bias, one, k = HALF * ones, 1 << UNIT, self.head.k
        found: list[list[list[int]]] = []
        lost: set[int] = set()
        for row, own in zip(Z, self.head.codes.label, strict=True):
            z, e = [int(x) for x in row], []
            others = [a for a in range(k) if a != own]
            for a in others:
                x = (z[a] - z[own] + shift) ^ bias
                cells = array("I", x.to_bytes(B * SLOT // 8, "little"))[1::2]
                if x & beyond:  # what lies below the table is nearly 0
                    lost.update(b for b, c in enumerate(cells) if CELLS <= c < 1 << 31)
                    cells = array("I", [c if c < CELLS else 0 for c in cells])
                e.append(itemgetter(*cells, 0)(self.table)[:-1])
            total = [one + x for x in e[0]]
            for more in e[1:]:
                total = list(map(add, total, more))
            s = [[(one << SLOPE) // t for t in total]] * k
            for a, x in zip(others, e, strict=True):
                s[a] = [(y << SLOPE) // t for y, t in zip(x, total, strict=True)]
            found.append(s)
        return found, lost

    def _gradients(self, changes: Sequence[Change], slopes: list[list[list[int]]], R: list[list[fmpz]],
                   W: list[list[fmpz]], held: list[int], bias: int) -> list[list[int]]:
        """`(B, km)` gradients in units of 2^−(PHI + SLOPE)."""
        B, k = len(changes), self.head.k
        parts = []
        for a in range(k):
            columns = [numbers(int(r[a]) + int(w[a]) * h + bias, B)
                       for r, w, h in zip(R, W, held, strict=True)]
            taken = [-HALF - x for x in self.taken[a]]
            parts.append([list(map(add, row, taken)) for row in zip(*columns, strict=True)])
        label = self.head.codes.label
        for b, change in enumerate(changes):
            for i, code in change:
                if self.head.relabels:
                    parts[label[i]][b] = list(map(add, parts[label[i]][b], self.moved[i]))
                    parts[code][b] = [x - y for x, y in zip(parts[code][b], self.moved[i], strict=True)]
                    continue
                for a in range(k):
                    times = (1 << SLOPE if a == label[i] else 0) - slopes[i][a][b]
                    parts[a][b] = list(map(add, parts[a][b], map(times.__mul__, self.rows[i])))
        return [list(chain.from_iterable(part[b] for part in parts)) for b in range(B)]

    def _radii(self, g: list[list[int]], slopes: list[list[list[int]]], mu: arb, longest: arb,
               changed: int) -> list[int | None]:
        """How far each refit may be, in units of 2^−RADIUS; None where nothing is proved."""
        n, k = self.head.n, self.head.k
        wide = arb(k - 1).sqrt() * arb(2) ** -(CELL + 1) + self.eta * longest
        each = wide / 2 + k * arb(2) ** -21
        small = self.stretch * arb(n).sqrt() * each + 2 * n * self.eta + 2 * longest * arb(2) ** (V - PHI - SLOPE)
        rest = above(small * 2**(PHI + SLOPE))
        levels = [(above(arb(2) ** (RADIUS + FINE - PHI - SLOPE) / sigma), int(ball * 2**RADIUS))
                  for ball, sigma in self._moduli(slopes, mu, wide, changed)]
        found: list[int | None] = []
        for row in g:
            size = isqrt(sum(map(mul, row, row))) + 1 + rest
            found.append(next((r for r, ball in ((((size * up) >> FINE) + 1, ball) for up, ball in levels)
                               if r < ball), None))
        return found

    def _moduli(self, slopes: list[list[list[int]]], mu: arb, wide: arb, changed: int) -> list[tuple[float, arb]]:
        """Balls about the weights, and the modulus on each."""
        if not self.head.free_intercept:
            return [(2.0**30, mu)]
        one = 1 << SLOPE
        D = [max(0, min(map(min, row)) - LEAST) if ok else 0 for row, ok in zip(slopes, self.short, strict=True)]
        most = 0 if self.head.relabels else max(D) * changed
        s = arb(sum(D) - most) / one
        sums = (fmpz_mat([D]) * self.inputs).entries()
        t = norm([arb(x) for x in sums]) / (one << PHI) + sum(D) * self.eta / one + arb(most) / one * self.far
        found = []
        for ball in BALLS:
            low = s * (-2 * (wide + ball * self.far)).exp()
            if low > 0:
                found.append((ball, mu * low / (mu + low + low * (t / s) ** 2)))
        return found

    def _decided(self, W: fmpz_mat, radii: list[int | None], which: Sequence[int], longest: arb, B: int,
                 ones: int) -> list[bool]:
        """Whether today's labels have the largest outputs of all points, for all weights within the radii."""
        most = ROOM // 4 // (max(self.lengths) + 1)
        good = [r is not None and r < most for r in radii]
        reach = sum((r if r is not None and ok else 0) << SLOT * b
                    for b, (r, ok) in enumerate(zip(radii, good, strict=True)))
        bias = HALF * ones
        slack = above(2 * self.eta_points * longest * 2**(32 + CELL)) + 4
        X = (self.seen * W).tolist()
        for j in which:
            x, own, off = [int(y) for y in X[j]], self.head.today[j], self.lengths[j] * reach + slack * ones - bias
            for a in range(self.head.k):
                left = x[own] - x[a] - off
                if a != own and left & bias != bias:
                    good = [ok and y >= HALF for ok, y in zip(good, numbers(left, B), strict=True)]
        return good
