"""Refits by D1c, many at once in whole numbers: the refit lies near the weights less half the pull."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import isqrt
from operator import mul

from flint import arb, fmpz_mat

from certify.check.theorems.head.rows.changes.base import DELETED
from certify.check.theorems.head.rows.refitted.block import Block, ones
from certify.check.theorems.head.rows.refitted.held import FINE, PARTS, Held, hold
from certify.check.theorems.head.rows.refitted.packed import (
    CELL,
    HALF,
    LEAST,
    PHI,
    ROOM,
    SLOPE,
    SLOT,
    Packed,
    V,
    above,
    integer,
    numbers,
    whole,
)

SUMMED, CORRECTED = (1.5,), (1.5, 0.3)
"""Lengths within which refits are looked for, one after the other: from sums, and from corrected ones."""

PULL, OUT, NEAR = 24, 32 + CELL, 26
"""Negative binary logarithms of the units of pulls, outputs and radii."""


@dataclass(frozen=True)
class Pulls:
    """Gradients of a block.

    Attributes:
        across: of every input all changes' in one integer, in units of `2^−PULL`.
        error: what gradients err by, as vectors.
        least: curvatures of the rows from below, in units of `2^−SLOPE`.
        fade: a factor on these.
    """

    across: list[int]
    error: arb
    least: list[int]
    fade: arb


class PackedHeld:
    """D1c for a logistic head in whole numbers.

    Attributes:
        summed: lengths within which refits are looked for from sums.

    Args:
        packed: the head.
        shares: of rows in averages.
    """

    summed = SUMMED

    def __init__(self, packed: Packed, shares: list[list[int]]) -> None:
        self.packed, self.head, self.shares = packed, packed.head, shares
        self.rows = [[s * x for x in row] for s, row in zip(packed.sign, packed.S, strict=True)]
        self.points = fmpz_mat(packed.points).transpose()
        self.widths = [sum(map(abs, row)) for row in packed.points]

    def keep(self, block: Block, which: Sequence[int], reaches: Sequence[float] = CORRECTED,
             elsewhere: Collection[int] = ()) -> list[bool]:
        """Whether all of some points are proved to keep today's label after each change of a block.

        Args:
            block: changed labels and deleted rows, and weights in units of `2^−V`.
            which: the points.
            reaches: lengths within which refits are looked for.
            elsewhere: numbers of changes that are not judged here, but have a part in the curvature of the block.
        """
        packed, B, head = self.packed, block.size, self.head
        mu, longest = head.mu(), arb(block.longest()) / 2**V
        outputs = 2 * (packed.largest + packed.eta + packed.eta_points + 1) * (longest + 1) + abs(arb(head.threshold))
        strength = packed.weight + head.n * (packed.eta + 1) + mu * longest
        if not (mu > 0 and outputs * 2**OUT < arb(ROOM) / 8 and strength * 2**(PHI + SLOPE) < arb(ROOM) / 2):
            return [False] * B
        W = fmpz_mat([[column] for column in block.columns])
        if elsewhere:
            longest = arb(block.longest(elsewhere)) / 2**V
        found = self.pulls(block, W, longest, mu, elsewhere)
        done = [False] * B
        for reach in reaches:
            form = hold(head, found.least, found.fade / 2**SLOPE, self.shares, self.rows, PHI, packed.eta, mu, reach)
            if form is not None:
                new = self._within(form, W, found, which, longest, B)
                done = [a or b for a, b in zip(done, new, strict=True)]
            if all(done):
                break
        return done

    def cut(self, column: int, unit: int, down: int = PHI + SLOPE - PULL) -> int:
        """Numbers over `2^down`, cut off; by default gradients in units of `2^−PULL`."""
        return ((column + HALF * unit) >> down & ((1 << SLOT - down) - 1) * unit) - (HALF >> down) * unit

    def held(self, mu: arb) -> list[int]:
        """μ of every column in units of gradients over those of weights, 0 without decay."""
        units = integer(mu * 2**(PHI + SLOPE - V))
        return [0 if self.head.free_intercept and j == self.head.m - 1 else units for j in range(self.head.m)]

    def _within(self, form: Held, W: fmpz_mat, found: Pulls, which: Sequence[int], longest: arb, B: int) -> list[bool]:
        packed, head, unit = self.packed, self.head, ones(B)
        bias = HALF * unit
        most = max(max(max(part) - HALF, HALF - min(part)) for part in (numbers(x + bias, B) for x in found.across))
        rows, across = (max(sum(map(abs, row)) for row in table) for table in (form.parts, form.inverse))
        if max(rows, across) * most >= ROOM:
            return [False] * B
        pull = fmpz_mat([[x] for x in found.across])
        half = [self.cut(int(x), unit, PULL + FINE + 1 - V) for x in (fmpz_mat(form.inverse) * pull).entries()]
        step = max(max(max(part) - HALF, HALF - min(part)) for part in (numbers(x + bias, B) for x in half))
        long = max(self.widths[j] for j in which)
        if long * step >= ROOM // 8:
            return [False] * B
        size = arb(most) / 2**PULL * arb(head.m).sqrt()
        slack = found.error * form.per_error + form.slip * size
        lists = [map(HALF.__rsub__, numbers(int(x) + bias, B)) for x in (fmpz_mat(form.parts) * pull).entries()]
        lengths = [isqrt(sum(map(mul, row, row))) + 1 for row in zip(*lists, strict=True)]
        limit = integer((arb(form.reach) - slack) * 2**(PULL + PARTS))
        extra = above(slack * 2**NEAR) + 2
        near = [(length >> 1 + PULL + PARTS - NEAR) + extra for length in lengths]
        far = [(x >> PARTS + PHI + NEAR - OUT) + 1 for x in form.far(self.points, PHI, packed.eta_points, head.lengths)]
        widest = max(far[j] for j in which)  # one that is not asked about may be as far as it is
        good = [length < limit and y * widest < ROOM // 4 for length, y in zip(lengths, near, strict=True)]
        reach = whole([y if ok else 0 for y, ok in zip(near, good, strict=True)])
        middle = fmpz_mat([[int(w) - x] for w, x in zip(W.entries(), half, strict=True)])
        X = (fmpz_mat([packed.points[j] for j in which]) * middle).entries()
        rounded = long << OUT - PHI - V  # a unit of each weight
        slip = above(packed.eta_points * (longest + form.largest * size + 1) * 2**OUT) + rounded + 8
        if slip >= ROOM:  # it would reach into the next number: features of a network may be known this badly
            return [False] * B
        level = arb(head.threshold) * 2**OUT
        for j, x in zip(which, X, strict=True):
            left = int(x)
            left = left - above(level) * unit if head.today[j] else integer(level) * unit - left
            left += bias - far[j] * reach - slip * unit
            if left & bias != bias:
                good = [ok and x >= HALF for ok, x in zip(good, numbers(left, B), strict=True)]
        return good

    def pulls(self, block: Block, W: fmpz_mat, longest: arb, mu: arb, elsewhere: Collection[int]) -> Pulls:
        """At `(m, 1)` weights of a block; a row with another label has slope `p − 1` instead of p, a deleted one 0.

        A row that one change of the block deletes has no curvature in any of them.
        """
        packed, B, n = self.packed, block.size, self.head.n
        unit = ones(B)
        slopes = packed._slopes(packed.out * W, B, HALF * unit)
        G = [whole(p) for p in slopes]
        total = max(numbers(sum(G), B))
        marked = block.marks()
        gone = {row: marks for (row, code), marks in marked.items() if code == DELETED}
        for row, marks in gone.items():  # first, while all of its numbers are slopes
            G[row] -= G[row] & marks * ((1 << SLOT) - 1)
        for (row, code), marks in marked.items():
            if code != DELETED:
                G[row] -= marks << SLOPE
        R = (packed.back * fmpz_mat([[x] for x in G])).entries()
        across = [self.cut(int(w) * h - int(r), unit) for r, w, h in zip(R, W.entries(), self.held(mu), strict=True)]
        if elsewhere:  # their pulls count as 0
            away = whole([number in elsewhere for number in block.numbers])
            across = [(x + HALF * unit & ~(away * ((1 << SLOT) - 1)) | away * HALF) - HALF * unit for x in across]
        wide = arb(2) ** -(CELL + 1) + packed.eta * longest
        small = packed.stretch * arb(n).sqrt() * arb(2) ** -22 + n * packed.eta
        small += 2 * longest * arb(2) ** (V - PHI - SLOPE)
        shift = arb(self.head.m).sqrt() * arb(2) ** -PULL
        root = (arb(total + 2 * n) / 2**SLOPE).sqrt()
        least = [0 if i in gone else
                 max(0, min(p * ((1 << SLOPE) - p) for p in (min(row), max(row))) // (1 << SLOPE) - LEAST)
                 for i, row in enumerate(slopes)]
        error = small + shift + packed.stretch * wide / 2 * (wide / 2).exp() * root
        return Pulls(across, error.upper(), least, (-wide).exp().lower())
