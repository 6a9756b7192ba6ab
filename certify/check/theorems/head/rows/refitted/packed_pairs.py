"""Refits of a softmax head by D1f, many at once in whole numbers: they lie near the weights less half the pull."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import compress
from math import isqrt
from operator import mul

from flint import arb, fmpz_mat

from certify.check.linalg.balls import norm
from certify.check.theorems.head.rows.refitted.block import Block, ones
from certify.check.theorems.head.rows.refitted.held_pairs import PRODUCT, SHARE, PairForm, PairForms, squares_of
from certify.check.theorems.head.rows.refitted.packed import (
    CELL,
    HALF,
    PHI,
    ROOM,
    SLOPE,
    SLOT,
    V,
    above,
    integer,
    whole,
)
from certify.check.theorems.head.rows.refitted.packed import numbers as unpacked
from certify.check.theorems.head.rows.refitted.packed_held import CORRECTED, NEAR, OUT, PULL
from certify.check.theorems.head.rows.refitted.packed_softmax import LEAST, PackedSoftmax


@dataclass(frozen=True)
class Pulls:
    """Gradients of a block.

    Attributes:
        across: of every weight all changes' in one integer, in units of `2^−PULL`.
        error: what gradients err by, as vectors.
        products: of every pair those of the probabilities of all rows, from below, in units of `2^−PRODUCT`.
        fade: a factor on these.
        lost: places of changes of which nothing is said.
    """

    across: list[int]
    error: arb
    products: list[list[int]]
    fade: arb
    lost: set[int]


class PackedPairs:
    """D1f for a softmax head in whole numbers.

    Attributes:
        summed: lengths within which refits are looked for from sums.

    Args:
        packed: the head.
    """

    summed = CORRECTED

    def __init__(self, packed: PackedSoftmax) -> None:
        self.packed, self.head = packed, packed.head
        self.forms = PairForms(packed.head)
        self.widest = max((sum(map(abs, row)) for row in packed.points), default=0)
        self.known: dict[tuple[int, ...], fmpz_mat] = {}

    def keep(self, block: Block, which: Sequence[int], reaches: Sequence[float] = CORRECTED,
             elsewhere: Collection[int] = (), again: bool = True) -> list[bool]:
        """Whether all of some points are proved to keep today's label after each change of a block.

        Args:
            block: changes of equally many rows, and weights in units of `2^−V`.
            which: the points.
            reaches: lengths within which refits are looked for.
            elsewhere: numbers of changes that are not judged here, but have a part in the curvature of the block.
            again: whether what is left is tried once more, with forms that are found without a guess.
        """
        packed, B, head = self.packed, block.size, self.head
        mu = head.mu(0 if head.relabels else len(block.changes[0]))
        longest = arb(block.longest()) / 2**V
        outputs = 2 * (packed.largest + packed.eta + packed.eta_points + 1) * (longest + 1)
        strength = 3 * packed.weight + 2 * head.n * (packed.eta + 1) + mu * longest
        if not (mu > 0 and outputs * 2**OUT < arb(ROOM) / 8 and strength * 2**(PHI + SLOPE) < arb(ROOM) / 2):
            return [False] * B
        found = self.pulls(block, longest, mu, elsewhere)
        done, guess, before = [number in elsewhere for number in block.numbers], list[float](), 1.0
        # the shortest has the largest form, and decides most; what it moves is a guess for the others
        for reach, cold in ((x, cold) for cold in ((False, True) if again else (False,)) for x in sorted(reaches)):
            if all(done):
                break
            start = [] if cold else [x * reach / before for x in guess]
            form = self.forms.hold(found.products, found.fade, mu, reach, start, not cold)
            if form is not None:
                guess, before = form.moves, reach
                new = self._within(form, block, found, which, longest)
                done = [a or b for a, b in zip(done, new, strict=True)]
        return done

    def pulls(self, block: Block, longest: arb, mu: arb, elsewhere: Collection[int]) -> Pulls:
        """At the weights of a block; the slope of a changed row is less by 1 at the new label, not at its own."""
        packed, head, B, unit = self.packed, self.head, block.size, ones(block.size)
        k, m, n = head.k, head.m, head.n
        W = fmpz_mat([[block.columns[a * m + j] for a in range(k)] for j in range(m)])
        slopes, lost = packed._slopes((packed.out * W).tolist(), B, unit)
        wide = arb(k - 1).sqrt() * arb(2) ** -(CELL + 1) + packed.eta * longest
        products, missed = self._least(slopes, lost)
        if not head.relabels:
            self._delete(slopes, block)
        G = [[whole(s) for s in row] for row in slopes]
        for (row, code), marks in block.marks().items() if head.relabels else ():
            G[row][head.codes.label[row]] += marks << SLOPE
            G[row][code] -= marks << SLOPE
        R = (packed.back * fmpz_mat(G)).tolist()
        held = integer(mu * 2**(PHI + SLOPE - V))
        across = []
        for a in range(k):
            for j in range(m):
                decay = 0 if head.free_intercept and j == m - 1 else held
                column = int(R[j][a]) - packed.taken[a][j] * unit + block.columns[a * m + j] * decay
                across.append(_cut(column, unit, PHI + SLOPE - PULL))
        if elsewhere:  # their pulls count as 0
            gone = whole([number in elsewhere for number in block.numbers])
            across = [(x + HALF * unit & ~(gone * ((1 << SLOT) - 1)) | gone * HALF) - HALF * unit for x in across]
        flat = k * arb(2) ** -21
        # a row's slopes move by at most ½ or 2(1 − its own probability) times what its outputs are off
        ends = [(2 * (arb(x) / 2**SLOPE + wide + flat)).min(arb(0.5)) for x in missed]
        error = packed.stretch * (wide * norm(ends) + arb(n).sqrt() * flat) + 2 * n * packed.eta
        error += 2 * longest * arb(2) ** (V - PHI - SLOPE) + arb(k * m).sqrt() * arb(2) ** -PULL
        return Pulls(across, error.upper(), products, (-2 * wide).exp().lower(), lost)

    def _delete(self, slopes: list[list[list[int]]], block: Block) -> None:
        """Rows that a change deletes pull nothing: they are as if their own labels were certain."""
        label = self.head.codes.label
        for b, change in enumerate(block.changes):
            for i, _ in change:
                for a, s in enumerate(slopes[i]):
                    s[b] = 1 << SLOPE if a == label[i] else 0

    def _least(self, slopes: list[list[list[int]]], lost: set[int]) -> tuple[list[list[int]], list[int]]:
        """The least products, and the most that a row's own probability is from 1."""
        one = 1 << SLOPE
        if lost:
            keep = [b not in lost for b in range(len(slopes[0][0]))]
            slopes = [[list(compress(s, keep)) or [0] for s in row] for row in slopes]
        products = [[max(0, min(map(mul, row[a], row[b])) - (LEAST + 1) * one) for row in slopes]
                    for a, b in self.forms.pairs]
        return products, [one - min(row[own]) for row, own in zip(slopes, self.head.codes.label, strict=True)]

    def _within(self, form: PairForm, block: Block, found: Pulls, which: Sequence[int], longest: arb) -> list[bool]:
        packed, head, B, unit = self.packed, self.head, block.size, ones(block.size)
        k, m, bias = head.k, head.m, HALF * unit
        root, turned = fmpz_mat(form.root), fmpz_mat([list(column) for column in zip(*form.root, strict=True)])
        most = max(max(max(part) - HALF, HALF - min(part)) for part in (unpacked(x + bias, B) for x in found.across))
        sides = form.root, zip(*form.root, strict=True)
        rows, columns = (max(sum(map(abs, row)) for row in table) for table in sides)
        if rows * most >= ROOM:
            return [False] * B
        y = [_cut(int(x), unit, form.unit) for x in (root * fmpz_mat([[x] for x in found.across])).entries()]
        lists = [unpacked(x + bias, B) for x in y]
        most = max(max(max(part) - HALF, HALF - min(part)) for part in lists)
        if columns * most >= ROOM or self.widest * (columns * most >> form.unit + PULL - V) >= ROOM // 8:
            return [False] * B
        lists = [[x - HALF for x in part] for part in lists]
        lengths = [isqrt(sum(map(mul, row, row))) + 1 for row in zip(*lists, strict=True)]
        cut, spare = arb(k * m).sqrt() + 1, 1 + 2 * form.off
        slack = form.size * found.error * spare * 2**PULL  # of the error of pulls
        limit = integer((arb(form.reach) * 2**PULL - slack) / spare - cut)
        # ½·length·(1 + off), what pulls err by, and what was cut off
        times, more = above(spare * spare * 2**20), above((slack + 2 * cut) * 2**(NEAR - PULL)) + 2
        near = [(length * times >> 21 + PULL - NEAR) + more for length in lengths]
        good = [length < limit and b not in found.lost for b, length in enumerate(lengths)]
        if not head.relabels:
            kept = [(1 << SHARE) - sum(form.shares[i] for i, _ in change) for change in block.changes]
            room, less = integer(arb(form.reach) * 2**PULL / spare), above(slack / spare + cut)
            good = [ok and x > 0 and length < (room * x >> SHARE) - less
                    for ok, x, length in zip(good, kept, lengths, strict=True)]
            near = [(y * ((2 << 2 * SHARE) // x + 1 - (1 << SHARE)) >> SHARE) + 1 if ok else 0
                    for y, x, ok in zip(near, kept, good, strict=True)]
        half = [_cut(int(x), unit, form.unit + PULL + 1 - V)
                for x in (turned * fmpz_mat([[x] for x in y])).entries()]
        middle = fmpz_mat([[block.columns[a * m + j] - half[a * m + j] for a in range(k)] for j in range(m)])
        step = columns * most * arb(2) ** -(form.unit + PULL) * arb(k * m).sqrt()
        slip = above(2 * packed.eta_points * (longest + step + 1) * 2**OUT) + 2 * (self.widest << OUT - PHI - V) + 8
        if slip >= ROOM:  # it would reach into the next number
            return [False] * B
        return self._labels(form, good, near, middle, which, slip)

    def _labels(self, form: PairForm, good: list[bool], near: list[int], middle: fmpz_mat, which: Sequence[int],
                slip: int) -> list[bool]:
        """Whether today's labels of points have the largest outputs within the radii."""
        packed, head, B = self.packed, self.head, len(good)
        unit = ones(B)
        bias = HALF * unit
        X = (fmpz_mat([packed.points[j] for j in which]) * middle).tolist()
        for own in sorted({head.today[j] for j in which}):
            mine = [i for i, j in enumerate(which) if head.today[j] == own]
            others = [a for a in range(head.k) if a != own]
            squares = self._squares(tuple(which[i] for i in mine))
            away = form.far(squares, [(own, a) for a in others], packed.eta_points, PHI)
            for other, lengths in zip(others, away, strict=True):
                far = [(x >> form.unit + PHI + NEAR - OUT) + 1 for x in lengths]
                widest = max(far)
                good = [ok and y * widest < ROOM // 4 for ok, y in zip(good, near, strict=True)]
                reach = whole([y if ok else 0 for y, ok in zip(near, good, strict=True)])
                for i, x in zip(mine, far, strict=True):
                    left = int(X[i][own]) - int(X[i][other]) - x * reach - slip * unit + bias
                    if left & bias != bias:
                        good = [ok and y >= HALF for ok, y in zip(good, unpacked(left, B), strict=True)]
        return good

    def _squares(self, which: tuple[int, ...]) -> fmpz_mat:
        """Products of entries of some points, made once for as long as the same are asked about."""
        if which not in self.known:
            if len(self.known) > self.head.k:
                self.known.clear()
            self.known[which] = squares_of([self.packed.points[j] for j in which])
        return self.known[which]


def _cut(column: int, unit: int, down: int) -> int:
    """Numbers over `2^down`, cut off."""
    return ((column + HALF * unit) >> down & ((1 << SLOT - down) - 1) * unit) - (HALF >> down) * unit


assert PRODUCT == 2 * SLOPE
