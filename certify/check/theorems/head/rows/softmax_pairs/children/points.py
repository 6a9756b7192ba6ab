"""D16: rooms of evaluation rows at a child, and what steps take of them. Class by class one number a point."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import repeat
from math import inf, ldexp, sqrt
from operator import add, lt, mul, sub

from flint import arb_mat, fmpz_mat

from certify.check.theorems.head.rows.pair_tree.numbers import UP
from certify.check.theorems.head.rows.softmax_pairs.centre import Centre
from certify.check.theorems.head.rows.softmax_pairs.data import Data
from certify.check.theorems.head.rows.softmax_pairs.metric import Blocks
from certify.check.theorems.head.rows.softmax_pairs.moved import Cut

KEPT = 40_000_000
"""Numbers that are kept of what steps take, at most; others are found again."""


class Pushes:
    """What steps take of the differences of outputs of points, today's class less each other one.

    Args:
        data: the head.
    """

    def __init__(self, data: Data) -> None:
        self.data = data
        t = data.points
        whole, units = t.alone
        self.matrix = fmpz_mat(whole).transpose()
        self.units = [ldexp(1.0, e) for e in units]
        self.loose = [(sqrt(t.p) * x + 2.0**-50 * norm) * UP for x, norm in zip(self.units, t.norms, strict=True)]
        self.known: dict[int, array[float]] = {}

    def of(self, row: int, cut: Cut) -> array[float]:
        """Those of the root's step of a row: kept, where there is room."""
        if row in self.known:
            return self.known[row]
        found = self.found(cut)
        if (len(self.known) + 1) * len(found) <= KEPT:
            self.known[row] = found
        return found

    def found(self, cut: Cut) -> array[float]:
        """By class and point at least what a step takes, never below 0.

        A point in whole numbers is off by half a unit an entry, of a difference of two rows of a step; doubles round.
        """
        d = self.data
        k, p = d.k, d.p
        lines = [list(map(float, map(int, row))) for row in (
            fmpz_mat([cut.whole[a * p : a * p + p] for a in range(k)]) * self.matrix).tolist()]
        mine, one, found = [lines[own][j] for j, own in enumerate(d.today)], ldexp(1.0, cut.unit), array("d")
        scale, loose = [x * one for x in self.units], [x * cut.size * UP for x in self.loose]
        for line in lines:
            found.extend([y if x <= 0.0 else x * UP + y for x, y in zip(
                map(mul, map(sub, line, mine), scale), loose, strict=True)])
        return found


class Points:
    """Rooms at a child.

    Attributes:
        live: the points in question.
        room, seen: by class and point what is left at the centre, rounded down, and `|x ⊗ (e_q − e_r)|_*`; of those
            that are not in question, and of today's classes, infinitely much and nothing.
        least: the least of their quotients.
    """

    def __init__(self, c: Centre, blocks: Blocks, live: Sequence[int]) -> None:
        data = c.data
        k, p = data.k, data.p
        self.live, self.count, self.k = list(live), data.points.n, k
        V = arb_mat([c.weights[a * p : a * p + p] for a in range(k)])
        outputs = (data.points.exact * V.transpose()).tolist()
        self.room, self.seen = array("d", [inf]) * (k * self.count), array("d", [0.0]) * (k * self.count)
        for j in self.live:
            own = data.today[j]
            for a in range(k):
                if a != own:
                    gap = outputs[j][own] - outputs[j][a]
                    self.room[a * self.count + j] = (float(gap.lower()) - abs(float(gap.mid())) * (UP - 1.0)) / UP**3
                    self.seen[a * self.count + j] = blocks.seen(j, own, a)
        pairs = [(x, y) for x, y in zip(self.room, self.seen, strict=True) if y != 0.0]
        self.least = min((x / y / UP if 0.0 < x < inf and 0.0 < y < inf else -1.0 for x, y in pairs), default=inf)

    def open(self, share: float, push: array[float] | None = None) -> list[int]:
        """The points that a choice is not proved to leave their label."""
        if not share < inf:
            return self.live
        if push is None and share < self.least:
            return []
        taken = map(mul, self.seen, repeat(share))
        left = list(map(lt, taken if push is None else map(add, taken, push), self.room))
        if all(left):
            return []
        return [j for j in self.live if not all(left[j :: self.count])]
