"""D17: what three steps do together: third differences of slopes, and second ones of the rows that are out."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import accumulate
from math import inf, sqrt

from certify.check.theorems.head.rows.by_choice.pieces import Pieces
from certify.check.theorems.head.rows.pair_tree.numbers import UP, products

EACH, TOGETHER = 160, 16
"""Steps of which triples are formed with each; and how many of the others count as one there."""


class Triples:
    """Distances of choices of three columns, the far one as often as it may be.

    Args:
        p: the numbers.
    """

    def __init__(self, p: Pieces) -> None:
        self.p, self.f = p, len(p.rows)
        self.group = [a if a < EACH else EACH + (a - EACH) // TOGETHER for a in range(self.f + 1)]
        starts = [a for a, g in enumerate(self.group) if a == 0 or g != self.group[a - 1]]
        ends = [*starts[1:], self.f + 1]
        whole = ([*line, x] if line else [] for line, x in zip(p.lines, p.virtual, strict=True))
        self.lines = [array("d", [max(line[a:b]) for a, b in zip(starts, ends, strict=True)] if line else ())
                      for line in whole]
        self.known: tuple[int, list[list[float]]] = -1, []
        self.most: list[array[float]] = []
        there = p.taken.there
        self.own = [there[a][a] for a in range(self.f + 1)]
        self.shared = [array("d", [(x + row[a]) * UP for x, row in zip(there[a], there, strict=True)])
                       for a in range(self.f + 1)]
        self.columns = [array("d", column) for column in zip(*p.bent, strict=True)]
        t, tables = p.taken, (p.pair, p.bent, self.columns, p.taken.across, self.shared)
        self.later = [[_later(line) for line in table] for table in tables]
        self.last = [_later(line) for line in (p.alone, t.own, t.share, self.own)]

    def _thirds(self, g: int) -> list[list[float]]:
        """`⟨h_g, h_a, h_b⟩` of a group with all pairs of groups from it on."""
        if self.known[0] != g:
            p, count = self.p, self.group[-1] + 1 - g
            some = [self.lines[j][g:] for j in p.light], [self.lines[j][g:] for j in p.heavy]
            light = [p.third[j] * line[0] / sqrt(p.low[j]) * UP for j, line in zip(p.light, some[0], strict=True)]
            heavy = [p.third[j] * line[0] * p.long[j] * UP for j, line in zip(p.heavy, some[1], strict=True)]
            try:
                both = zip(products(some[0], light, count, True), products(some[1], heavy, count, False), strict=True)
                found = [[(x + y) * UP for x, y in zip(one, other, strict=True)] for one, other in both]
            except (OverflowError, ValueError):  # a product is infinite, or no number
                found = [[inf] * count] * count
            # a largest one passes over what is no number
            self.known = g, [line if all(x < inf for x in line) else [inf] * count for line in found]
            self.most = [_later(line) for line in self.known[1]]
        return self.known[1]

    def third(self, i: int, j: int, l: int) -> float:
        """What three steps do to the slopes of all rows beyond what pairs do."""
        g = self.group[i]
        return self._thirds(g)[self.group[j] - g][self.group[l] - g]

    def below(self, i: int, j: int, least: float) -> bool:
        """Whether the distances of all choices that :meth:`with_two` looks at are below a number.

        They rise in all that they are made of, so the largest of each in the place of the third column's will do.
        """
        p, t, A, B, start = self.p, self.p.taken, self.p.alone, self.p.bent, min(j + 1, self.f)
        P, C, V, O, S = ((table[i][start], table[j][start]) for table in self.later)
        a, own, y, d = (line[start] for line in self.last)
        g = self.group[i]
        self._thirds(g)
        third, x = self.most[self.group[j] - g][self.group[start] - g], t.across[i][j]
        left = A[i] + A[j] + p.pair[i][j] + p.fixed + a + sum(P) + third
        left += B[i][j] * C[0] + B[j][i] * C[1] + V[0] * V[1]
        lever = max(t.own[i] + x + O[0], t.own[j] + x + O[1], own + sum(O)) * UP
        both = self.own[i] + self.own[j] + self.shared[i][j] + d + sum(S)
        return p.distance(left * UP, lever, (t.share[i] + t.share[j] + y) * UP, both * UP) * UP < least

    def with_two(self, i: int, j: int) -> tuple[int, list[float]]:
        """Distances of the choices of two columns i ≤ j and a third each, from that column on that is said."""
        p, t, A, B, start = self.p, self.p.taken, self.p.alone, self.p.bent, min(j + 1, self.f)
        O, S, x = t.across, self.shared, t.across[i][j]
        base, one, other = A[i] + A[j] + p.pair[i][j] + p.fixed, t.own[i] + x, t.own[j] + x
        share, both = t.share[i] + t.share[j], self.own[i] + self.own[j] + S[i][j]
        g, bij, bji, distance = self.group[i], B[i][j], B[j][i], p.distance
        third = self._thirds(g)[self.group[j] - g]
        each = zip(A[start:], p.pair[i][start:], p.pair[j][start:], [third[x - g] for x in self.group[start:]],
                   B[i][start:], B[j][start:], self.columns[i][start:], self.columns[j][start:], O[i][start:],
                   O[j][start:], t.own[start:], t.share[start:], S[i][start:], S[j][start:], self.own[start:],
                   strict=True)
        return start, [distance((base + a + pi + pj + q + bij * bil + bji * bjl + bli * blj) * UP,
                                max(one + oi, other + oj, own + oi + oj) * UP, (share + y) * UP,
                                (both + d + si + sj) * UP)
                       for a, pi, pj, q, bil, bjl, bli, blj, oi, oj, own, y, si, sj, d in each]




def _later(line: Sequence[float]) -> array[float]:
    """The largest of each number and those after it."""
    return array("d", [*accumulate(reversed(line), max)][::-1])
