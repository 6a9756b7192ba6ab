"""Scores of all sets of a node, and what is left: sets with a score that is not negative (D7)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import nlargest
from itertools import combinations
from math import inf, isfinite
from operator import add, itemgetter

from flint import arb, arb_mat

from certify.check.linalg.balls import ZERO, squares
from certify.check.theorems.head.rows.energy.duals import Duals
from certify.check.theorems.head.rows.energy.families import Family
from certify.check.theorems.head.rows.energy.forms import products
from certify.check.theorems.head.rows.energy.lines import Lines

LOW = -inf
SHARES = (0.0, 0.5, 1.0)
"""Of what an item adds by itself: the part that is counted with its pairs."""


@dataclass(frozen=True)
class Scores:
    """`base + Σ single + Σ pair` over the k items of a set, the empty one last and repeated.

    Attributes:
        base: shared by all, with room for rounding.
        single: of every item.
        pair: of every two; −inf for two alternatives of one row, and of an alternative with itself; none if k is 1.
        k: items of a set.
    """

    base: float
    single: Sequence[float]
    pair: list[Sequence[float]]
    k: int
    _rests: dict[int, list[float]] = field(default_factory=dict, repr=False)

    def within(self, kept: list[int]) -> Scores:
        """Some of the alternatives."""
        at = [*kept, len(self.single) - 1]
        if len(at) == 1:
            return Scores(self.base, self.single[-1:], [self.pair[-1][-1:]] if self.pair else [], self.k)
        some = itemgetter(*at)
        return Scores(self.base, some(self.single), list(map(some, some(self.pair))) if self.pair else [], self.k)

    def rests(self) -> Iterator[Sequence[float]]:
        """What an item adds at most beside another one: its own part, and half of what it has with its best others.

        A share of what the others add by themselves is counted with their pairs; any share will do.
        """
        if self.k <= 2:
            yield self.single
            return
        others = self.k - 2
        for number, share in enumerate(SHARES):
            if number not in self._rests:
                moved = [share / others * v for v in self.single]
                best = [_best(list(map(add, line, moved)), others) for line in self.pair]
                part = 1.0 - 0.5 * share
                self._rests[number] = [part * v + 0.5 * b for v, b in zip(self.single, best, strict=True)]
            yield self._rests[number]

    def most(self, x: int) -> float:
        """Upper bound of the scores of the sets that hold an alternative; the first that is negative will do."""
        own = self.base + self.single[x]
        if self.k == 1:
            return own
        least, line = inf, self.pair[x]
        for rest in self.rests():
            least = min(least, own + _best(list(map(add, line, rest)), self.k - 1))
            if least < 0:
                break
        return least

    def beside(self, x: int) -> list[float]:
        """Upper bounds of the scores of the sets that hold x and another alternative."""
        found = [inf] * (len(self.single) - 1)
        for rest in self.rests():
            value = list(map(add, self.pair[x], rest))
            more = self.base + self.single[x] + (_best(value, self.k - 2) if self.k > 2 else 0.0)
            found = [a if a < (b := more + v) else b for a, v in zip(found, value, strict=False)]
        return found

    def empty(self) -> float:
        """The score of no alternative."""
        return self.base + self.k * self.single[-1]

    def of(self, items: tuple[int, ...]) -> float:
        """The score of a set of k items."""
        return self.base + sum(self.single[x] for x in items) + sum(self.pair[x][y] for x, y in combinations(items, 2))


def _best(line: list[float], k: int) -> float:
    """The sum of the k greatest entries, the last of which may be taken again and again."""
    return max(line) if k == 1 else sum(nlargest(k, [*line, *[line[-1]] * (k - 1)]))


def scores(lines: Lines, points: Duals, family: Family, rows: list[int], k: int) -> Scores | None:
    """Scores of all sets of at most k alternatives, without what averages of slopes give back: upper bounds.

    Of what averages give back `|r_x − r_y|²/(2k²μ)` is taken, a product in as many dimensions as there are weights.
    None where a number is out of range.
    """
    single = [a - v / k for a, v in zip([*family.single, 0.0], points.value, strict=True)]
    base = float(family.base.upper()) + 1.01 * k * family.error
    if k == 1:
        return finished(base, single, [], rows, k)
    last, scale = points.r[-1], 1 / (2 * lines.mu).sqrt() / k
    R = [[(a - b) * scale for a, b in zip(line, last, strict=True)] for line in points.r]
    far = [[-squares(line)] for line in R]
    left = [a + b for a, b in zip(R, far, strict=True)]
    right = [[*line, arb(1)] for line in R]
    if family.moves is not None and family.pulls is not None:
        none = [ZERO] * len(last)
        left = [a + b for a, b in zip([*family.moves.tolist(), none], left, strict=True)]
        right = [a + b for a, b in zip([*family.pulls.tolist(), none], right, strict=True)]
    found = products(arb_mat(left), arb_mat(right))
    if found is None:
        return None
    X, error = found
    pair = [list(map(add, a, b)) for a, b in zip(X, zip(*X, strict=True), strict=True)]
    return finished(base + 1.02 * k * (k - 1) * error, single, pair, rows, k)


def finished(base: float, single: Sequence[float], pair: list[list[float]], rows: list[int], k: int) -> Scores | None:
    """Scores with room for rounding, and −inf for two alternatives of one row; None where a number is out of range."""
    together: dict[int, list[int]] = {}
    for x, row in enumerate(rows):
        together.setdefault(row, []).append(x)
    largest = 0.0
    for line, row in zip(pair, rows, strict=False):
        for y in together[row]:
            line[y] = 0.0
    for line in pair:
        largest = max(largest, max(line), -min(line)) if isfinite(sum(line)) else inf
    if not all(abs(x) < 1e301 for x in (base, largest, *single)):
        return None
    for line, row in zip(pair, rows, strict=False):
        for y in together[row]:
            line[y] = LOW
    if pair:
        pair[-1][-1] = 0.0
    size = abs(base) + k * max((abs(x) for x in single if x < 1e290), default=0.0) + k * k * largest
    return Scores(base + size * 2.0**-44, single, [*pair], k)


def left(found: list[Scores], rows: list[int], k: int) -> Iterator[tuple[int, ...]]:
    """Sets of k items, the empty one `len(rows)`, of distinct rows, whose score no family shows negative."""
    count = len(rows)
    for size in range(k + 1):
        pad = (count,) * (k - size)
        for items in _sets(found, rows, size, k):
            if not any(s.of(items + pad) < 0 for s in found):
                yield items + pad


def _sets(found: list[Scores], rows: list[int], size: int, k: int) -> Iterator[tuple[int, ...]]:
    """Candidates: pairs that no family's bound rules out, and all larger sets of such."""
    count = len(rows)
    if size < 2 or not found:
        yield from (s for s in combinations(range(count), size) if len({rows[x] for x in s}) == size)
        return
    beside = [[True] * count for _ in range(count)]
    for s in found:
        for x in range(count):
            beside[x] = [a and not v < 0 for a, v in zip(beside[x], s.beside(x), strict=True)]

    def grow(chosen: tuple[int, ...], rest: list[int]) -> Iterator[tuple[int, ...]]:
        if len(chosen) == size:
            yield chosen
            return
        for at, x in enumerate(rest):
            yield from grow((*chosen, x), [y for y in rest[at + 1 :] if beside[x][y] and rows[x] != rows[y]])

    yield from grow((), list(range(count)))
