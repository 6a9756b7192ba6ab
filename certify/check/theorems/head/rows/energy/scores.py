"""Scores of all sets of a node, and what is left: sets with a score that is not negative (D7)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from heapq import nlargest
from itertools import combinations
from math import inf, isfinite

from flint import arb_mat

from certify.check.theorems.head.rows.energy.duals import Duals
from certify.check.theorems.head.rows.energy.families import Family
from certify.check.theorems.head.rows.energy.lines import Lines

LOW = -inf
SHARES = (0.0, 0.5, 1.0)
"""Of what an item adds by itself: the part that is counted with its pairs."""


def returned(lines: Lines, points: Duals, free: list[int]) -> list[list[float]]:
    """Lower bounds of `|r_x − r_y|²/μ + Σ h_i (q_ix − q_iy)²`, without the lines of either's own row."""
    width, count = lines.width, len(free)
    rows = [lines.alternatives[l][0] for l in free]
    at = [range(i * width, (i + 1) * width) for i in rows]
    h = _curvatures(points.q, at, width == 1)
    roots = [x**0.5 * (1 - 2.0**-50) for x in h]
    scale = float((1 / lines.mu.sqrt()).lower()) * (1 - 2.0**-50)
    q0, r0 = points.q[-1], [float(x.mid()) for x in points.r[-1]]
    T = [[(float(x.mid()) - y) * scale for x, y in zip(r, r0, strict=True)]
         + [(x - y) * c for x, y, c in zip(q, q0, roots, strict=True)] for q, r in zip(points.q, points.r, strict=True)]
    G = arb_mat(T)
    inner = [[float(x.mid()) for x in line] for line in (G * G.transpose()).tolist()]
    longest = max(inner[x][x] for x in range(count + 1)) ** 0.5 * (1 + 2.0**-40)
    # r is rounded to floats before differences are taken: that may be large next to these
    blur = max(sum((float(x.rad()) + 2.0**-52 * abs(float(x.mid()))) ** 2 for x in r) ** 0.5 for r in points.r)
    blur = blur * scale * 1.01 + 2.0**-49 * longest
    error = (2.0**-46 + 2.0**-50 * len(T[0])) * longest**2 + 8.1 * blur * (longest + blur)
    own = [[sum((points.q[x][i] - points.q[y][i]) ** 2 * h[i] for i in at[x]) * (1 + 2.0**-40)
            for y in range(count + 1)] for x in range(count)] + [[0.0] * (count + 1)]
    Q = []
    for x in range(count + 1):
        a, mine = inner[x], own[x]
        gxx = a[x] - error
        Q.append([max(0.0, gxx + inner[y][y] - 2 * a[y] - mine[y] - (own[y][x] if y < count else 0.0))
                  if x != y else 0.0 for y in range(count + 1)])
    return Q


def _curvatures(q: list[list[float]], at: list[range], binary: bool) -> list[float]:
    """Lower bounds of the entropy's curvature in every line over the slopes of the alternatives of other rows."""
    own: dict[int, set[int]] = {}
    for x, some in enumerate(at):
        for i in some:
            own.setdefault(i, set()).add(x)
    found = []
    for i in range(len(q[0])):
        mine = own.get(i, ())
        values = [line[i] for x, line in enumerate(q) if x not in mine] if mine else [line[i] for line in q]
        high, low = max(values), min(values)
        worst = (high if high < 0.5 else low if low > 0.5 else 0.5) if binary else high
        found.append((1 - 2.0**-40) / max(worst * (1.0 - worst) if binary else worst, 2.0**-60))
    return found


@dataclass(frozen=True)
class Scores:
    """`base + Σ single + Σ pair` over the k items of a set, the empty one last and repeated.

    Attributes:
        base: shared by all, with room for rounding.
        single: of every item.
        pair: of every two; −inf for two alternatives of one row, and of an alternative with itself.
        k: items of a set.
    """

    base: float
    single: list[float]
    pair: list[list[float]]
    k: int

    def within(self, kept: list[int]) -> Scores:
        """Some of the alternatives."""
        at = [*kept, len(self.single) - 1]
        return Scores(self.base, [self.single[x] for x in at], [[self.pair[x][y] for y in at] for x in at], self.k)

    @cached_property
    def _rests(self) -> list[list[float]]:
        """What an item adds at most beside another one: its own part, and half of what it has with its best others.

        A share of what the others add by themselves is counted with their pairs; any share will do.
        """
        if self.k <= 2:
            return [self.single]
        others, found = self.k - 2, []
        for share in SHARES:
            moved = [share / others * v for v in self.single]
            best = [_best([p + w for p, w in zip(line, moved, strict=True)], others) for line in self.pair]
            found.append([(1.0 - 0.5 * share) * v + 0.5 * b for v, b in zip(self.single, best, strict=True)])
        return found

    def each(self) -> list[float]:
        """Upper bounds of the scores of the sets that hold an alternative."""
        last = len(self.single) - 1
        if self.k == 1:
            return [self.base + s for s in self.single[:last]]
        def most(x: int, rest: list[float]) -> float:
            return _best([a + b for a, b in zip(self.pair[x], rest, strict=True)], self.k - 1)

        return [self.base + self.single[x] + min(most(x, rest) for rest in self._rests) for x in range(last)]

    def beside(self, x: int) -> list[float]:
        """Upper bounds of the scores of the sets that hold x and another alternative."""
        found = [inf] * (len(self.single) - 1)
        for rest in self._rests:
            value = [a + b for a, b in zip(self.pair[x], rest, strict=True)]
            more = self.base + self.single[x] + (_best(value, self.k - 2) if self.k > 2 else 0.0)
            found = [min(a, more + v) for a, v in zip(found, value[:-1], strict=True)]
        return found

    def empty(self) -> float:
        """The score of no alternative."""
        return self.base + self.k * self.single[-1]

    def of(self, items: tuple[int, ...]) -> float:
        """The score of a set of k items."""
        return self.base + sum(self.single[x] for x in items) + sum(self.pair[x][y] for x, y in combinations(items, 2))


def _best(line: list[float], k: int) -> float:
    """The sum of the k greatest entries, the last of which may be taken again and again."""
    return sum(nlargest(k, [*line, *[line[-1]] * (k - 1)]))


def scores(lines: Lines, points: Duals, family: Family, Q: list[list[float]], free: list[int], k: int) -> Scores | None:
    """Scores of all sets of at most k of the node's alternatives; None where a number is out of range."""
    count = len(free)
    single = [a - v / k for a, v in zip([*family.single, 0.0], points.value, strict=True)]
    share = 1.0 / (2 * k * k)
    rows = [lines.alternatives[l][0] for l in free] + [-1]
    pair, largest = [], 0.0
    for x in range(count + 1):
        moved = family.pair[x] if family.pair is not None and x < count else None
        line = [(moved[y] if moved is not None and y < count else 0.0) - Q[x][y] * share for y in range(count + 1)]
        largest = max(largest, *map(abs, line)) if all(map(isfinite, line)) else inf
        if x < count:
            line = [LOW if a == rows[x] else v for v, a in zip(line, rows, strict=True)]
        pair.append(line)
    base = float(family.base.upper())
    if not all(abs(x) < 1e301 for x in (base, largest, family.error, *single)):
        return None
    size = abs(base) + k * max((abs(x) for x in single if abs(x) < 1e290), default=0.0) + k * k * largest
    return Scores(base + k * (k + 1) * family.error + size * 2.0**-44, single, pair, k)


def survivors(found: list[Scores], count: int) -> list[int]:
    """Alternatives in sets of nonnegative score, those gone left out of the others' sets in turn."""
    kept = list(range(count))
    while kept:
        alive = [True] * len(kept)
        for s in found:
            alive = [a and not v < 0 for a, v in zip(alive, s.within(kept).each(), strict=True)]
        if all(alive):
            break
        kept = [x for x, a in zip(kept, alive, strict=True) if a]
    return kept


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
    if size < 2 or k < 3 or not found:
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
