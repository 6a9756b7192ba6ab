"""D3: with the squared loss outputs are linear in the targets, so m wrong labels are decided by one sort, for every m.

`z(e) = Σ_i q_i(e) Y_i` with `q(e) = ΦH⁻¹e`; a row that becomes code c takes `q_i(t_i − d_c)` from a contrast with old
targets t and new ones d. The worst m rows are the m largest such numbers, and that change is there: both ends meet
except where rounding cannot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from certify.format.errors import EnclosureError
from certify.rigor import fp
from certify.rigor.fp import RAISE, Array
from certify.systems.head.rows.change import Choices, RowChange
from certify.systems.head.rows.changes.base import Change
from certify.systems.head.rows.changes.pairs import PairChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.ridge import Ridge, Solved, solve
from certify.theorems.head.rows.flips import OPEN, Found
from certify.theorems.head.rows.method import Budget, Flips, Mask, Method, Part
from certify.theorems.head.rows.squared.contrasts import Bools, Contrast, Ints, Swing, contrasts, swing
from certify.theorems.head.rows.squared.outputs import Outputs
from certify.theorems.head.rows.squared.rooted import rooted, roots_of, system_of

FIRST = 1024
"""Largest numbers of a row that are sorted first; four times as many wherever these do not reach the margin."""

CHUNK = 2**24
"""Influences that are held at a time."""

STORED = 24_000_000
"""Most weights of refits that are handed over as changes that flip."""


@dataclass(frozen=True, eq=False)
class Targets:
    """Targets, and what they may become.

    Attributes:
        Y: `(n, k)`.
        codes: `(c, k)`.
        open_codes: `(n, c)` codes that a row may be given; rows without one do not change.
        roots: `(n,)` near the roots of the weights of the rows (D4h); None: all count the same.
    """

    Y: Array
    codes: Array
    open_codes: Bools
    roots: Array | None = None

    @property
    def rooted(self) -> Array:
        """Targets as the system has them."""
        return self.Y if self.roots is None else self.Y * self.roots[:, None]

    def moved(self, rows: Ints, codes: Ints) -> Array:
        """By how much targets of the system move where rows get codes."""
        found: Array = self.codes[codes] - self.Y[rows]
        return found if self.roots is None else found * self.roots[rows, None]


@dataclass(frozen=True, eq=False)
class Tolerated:
    """How many changed labels each evaluation row tolerates: `lower ≤ exact number ≤ upper`.

    −1 where the exact refit of unchanged data already gives another label; the number of rows that may change where no
    change flips it.

    Attributes:
        lower, upper: `(N,)`; equal except where rounding cannot decide.
        rival: `(N,)` number of the contrast that fails first, in the order of :func:`contrasts`.
        decided: `(N,)` whether the row was looked at before time was up; elsewhere the ends say nothing.
        hardest: where fewer than the number asked about are tolerated, the rows that take most from that contrast.
        solved: of the points.
    """

    lower: Ints
    upper: Ints
    rival: Ints
    decided: Bools
    hardest: Mapping[int, Attack]
    solved: Solved


@dataclass(frozen=True, eq=False)
class Attack:
    """A change that flips: rows and the codes that they are given."""

    rows: Ints
    codes: Ints


@dataclass(frozen=True, eq=False)
class Point:
    """One evaluation row: influences of the rows that may change, and how far they may be off in k of them."""

    q: Array
    each: float
    off: float

    def slack(self, k: Array, s: Swing) -> Array:
        """Bound of what k terms of a sum of swings err by, sorting and summing apart."""
        most = float(np.abs(self.q).max(initial=0.0)) + self.each + self.off
        error: Array = s.largest * (k * self.each + np.sqrt(k) * self.off) + k * (s.coarse * most)
        return error * (RAISE * RAISE)


class Labels:
    """The problem of changed labels, ready to be asked about evaluation rows."""

    def __init__(self, system: Ridge, targets: Targets) -> None:
        self.system, self.targets = system, targets
        self.rows: Ints = np.flatnonzero(targets.open_codes.any(axis=1))
        self.outputs = Outputs(system, targets.rooted)
        self._swings: dict[Contrast, Swing] = {}

    def swing(self, contrast: Contrast) -> Swing:
        """Swings of the rows that may change, kept: every evaluation row of a class asks for them."""
        if contrast not in self._swings:
            t = self.targets
            roots = None if t.roots is None else t.roots[self.rows]
            self._swings[contrast] = swing(contrast, t.Y[self.rows], t.codes, t.open_codes[self.rows], roots)
        return self._swings[contrast]

    def influences(self, solved: Solved) -> Iterator[tuple[int, Point]]:
        """The points one by one, computed some at a time."""
        rows, every = self.system.rows, 2 * len(self.rows) > self.system.n
        some = None if every else rows[self.rows].T
        step = max(1, CHUNK // max(1, len(rows) if every else len(self.rows)))
        unit = fp.dot_unit(self.system.p) * self.system.longest
        for start in range(0, len(solved.u), step):
            u = solved.u[start : start + step]
            Q = fp.require_finite(rows.against(u) if some is None else u @ some, "influences")
            if every and len(self.rows) < self.system.n:
                Q = Q[:, self.rows]
            for j, q in enumerate(Q, start):
                yield j, Point(q, unit * float(solved.size[j]) * RAISE, float(solved.off[j]))


def drops(point: Point, s: Swing) -> Array:
    """What each row takes from the contrast if it takes what hurts most; may be negative."""
    high: Array = point.q * s.high
    return high if s.low is s.high else np.maximum(high, point.q * s.low)


def counted(point: Point, s: Swing, low: float, high: float) -> tuple[int, int]:
    """Ends of the number of changes that leave the contrast positive, where its margin is in [low, high]."""
    if high < 0:
        return -1, -1
    v, n = drops(point, s), len(point.q)
    take = min(FIRST, n)
    while True:
        top = v if take == n else np.partition(v, n - take)[n - take:]
        below, above = ends_of(point, s, low, high, np.maximum(np.sort(top)[::-1], 0.0))
        if take == n or above < take:  # a margin that may be lost needs the sum that surely exceeds it too
            break
        take = min(4 * take, n)
    return (below if low > 0 else -1), above


def ends_of(point: Point, s: Swing, low: float, high: float, top: Array) -> tuple[int, int]:
    """The ends from the largest drops, in order: the last sum surely below, the last before one surely above."""
    k = np.arange(1.0, len(top) + 1)
    sums, room = np.cumsum(top), fp.sum_up(len(top) + 2)
    slack = point.slack(k, s)
    safe = sums * room + slack < low
    flips = sums * (2.0 - room) - slack > high
    below = len(top) if safe.all() else int(np.argmin(safe))
    above = int(np.argmax(flips)) if flips.any() else len(top)
    return below, above


def tolerated(labels: Labels, points: Array, today: Ints, threshold: float = 0.0, points_rad: Array | None = None,
              late: Callable[[], bool] = lambda: False, count: int = 0) -> Tolerated:
    """Both ends of the number of changed labels that each evaluation row tolerates (D3).

    Args:
        labels: the problem.
        points: `(N, p)` features of the evaluation rows.
        today: `(N,)` labels that have to stay; with one output 1 says above the threshold.
        threshold: of one output.
        points_rad: `(N,)` distance within which the true features are.
        late: asked before each point; once true the rest is left open.
        count: of points that tolerate less the worst rows are kept.
    """
    N, k = len(points), labels.targets.Y.shape[1]
    rows = len(labels.rows)
    below, above, rival = np.full(N, -1), np.full(N, rows), np.zeros(N, dtype=np.int64)
    decided, hardest = np.zeros(N, dtype=bool), dict[int, Attack]()
    solved = solve(labels.system, points, points_rad)
    asked = {int(a): contrasts(int(a), k, threshold) for a in np.unique(today)}
    ends = np.zeros((2, N, max(1, k - 1)))
    for a, conditions in asked.items():
        at = np.flatnonzero(today == a)
        for c, condition in enumerate(conditions):
            ends[0, at, c], ends[1, at, c] = labels.outputs.margins(solved, condition, at)
    for j, point in labels.influences(solved):
        if late():
            break
        swings = [labels.swing(c) for c in asked[int(today[j])]]
        below[j], above[j], rival[j] = _of_point(point, swings, ends[:, j])
        decided[j] = True
        if above[j] < min(count, rows) and len(hardest) < STORED // (k * labels.system.p):
            hardest[j] = _hardest(labels, point.q, asked[int(today[j])][rival[j]], int(above[j]) + 1)
    return Tolerated(below, above, rival, decided, hardest, solved)


def _of_point(point: Point, swings: list[Swing], ends: NDArray[np.float64]) -> tuple[int, int, int]:
    """The least over the contrasts, those of least margin first; one that surely lasts longer is passed over."""
    order = sorted(range(len(swings)), key=lambda c: ends[0, c] / max(swings[c].largest, 1e-300))
    below = above = len(point.q)
    rival, sums = order[0], None
    for c in order:
        if above < 0:  # lost before any change: nothing can be less
            break
        low, high = float(ends[0, c]), float(ends[1, c])
        if c != order[0] and low > 0:
            sums = _largest_sums(point, above) if sums is None else sums
            if _lasts(point, swings[c], low, sums, above):
                continue
        mine = counted(point, swings[c], low, high)
        if mine[1] < above:
            rival = c
        below, above = min(below, mine[0]), min(above, mine[1])
    return below, above, rival


def _largest_sums(point: Point, m: int) -> Array:
    """Sums of the largest influences in size, of as many as m."""
    sizes = np.abs(point.q)
    n = len(sizes)
    top = sizes if m >= n else np.partition(sizes, n - m - 1)[n - m - 1:]
    return np.cumsum(np.sort(top)[::-1])


def _lasts(point: Point, s: Swing, low: float, sums: Array, m: int) -> bool:
    """Whether m changes surely leave a contrast positive, by the size of influences alone."""
    if m <= 0:
        return True
    k = min(m, len(sums))
    most = s.largest * float(sums[k - 1]) * fp.sum_up(k + 2) + float(point.slack(np.array(float(k)), s))
    return bool(most < low)


def worst(labels: Labels, point: Array, contrast: Contrast, count: int) -> Attack:
    """The `count` rows that take most from a contrast, and their new codes; found in floats, proved by who uses it."""
    q = labels.system.rows.products(solve(labels.system, point[None, :]).u.T)[labels.rows, 0]
    return _hardest(labels, q, contrast, count)


def _hardest(labels: Labels, q: Array, contrast: Contrast, count: int) -> Attack:
    """The same, from influences."""
    t = labels.targets
    v = drops(Point(q, 0.0, 0.0), labels.swing(contrast))
    first = np.argpartition(-v, count - 1)[:count] if 0 < count < len(v) else np.arange(len(v))
    chosen = first[np.argsort(-v[first], kind="stable")][:count]
    rows = labels.rows[chosen]
    new = np.where(t.open_codes[rows], q[chosen, None] * contrast.of(t.codes)[None, :], np.inf)
    return Attack(rows, np.argmin(new, axis=1))


class SquaredLabels(Method):
    """Changed labels of a squared-loss head: every number at once (D3)."""

    name: ClassVar[str] = "squared_labels"
    weighs: ClassVar[bool] = True

    def takes(self, change: Change) -> Change | str:
        """Stated pairs of labels as they are: each row has codes of its own."""
        return change if isinstance(change, PairChange) else super().takes(change)

    def able(self, head: Head, change: RowChange | PairChange) -> str:
        """Whether outputs are linear in what changes."""
        if not head.loss.quadratic:
            return f"outputs are linear in the targets with the squared loss; the loss is {head.loss.name}"
        if not change.relabels:
            return "rows are deleted, and no labels change"
        if head.codes is None or head.label is None:
            return "the targets are no labels"
        if head.weights is not None and head.weights.by_label:
            return "weights go by the labels, and a row that gets another one then counts differently"
        return ""

    def complete(self, head: Head, change: RowChange | PairChange) -> bool:
        """Always: the worst rows are sorted to the front."""
        return True

    def prove(self, head: Head, change: RowChange | PairChange, todo: Mask, budget: Budget) -> Part | None:
        """Every point that tolerates as many changes; those that do not, with the rows that flip them."""
        count = min(change.count, len(change.rows))
        try:
            found = ask(head, change, todo, lambda: budget.left() <= 0, count)
        except EnclosureError:  # an overflow: nothing is known
            return None
        if isinstance(found, str):
            return None
        labels, r = found
        lower, upper, at = np.full(len(todo), -1), np.full(len(todo), len(change.rows)), np.flatnonzero(todo)
        lower[at], upper[at] = r.lower, r.upper
        flips = _flips(head, labels, r, at, budget)
        return Part(self.name, lower >= count, {}, flips, (lower, upper))


def ask(
    head: Head, change: RowChange | PairChange, todo: Mask, late: Callable[[], bool], count: int = 0,
) -> tuple[Labels, Tolerated] | str:
    """The numbers of changes that the points in question tolerate; or why nothing is known."""
    assert head.codes is not None and head.label is not None
    system = system_of(rooted(head))
    if isinstance(system, str):
        return system
    labels = Labels(system, Targets(head.Y, head.codes, change.open_codes(head), roots_of(head)))
    points, radii = head.points[todo], head.points_rad[todo]
    return labels, tolerated(labels, points, head.today[todo], head.threshold, radii, late, count)


def _flips(head: Head, labels: Labels, r: Tolerated, at: Ints, budget: Budget) -> Flips:
    """For points that tolerate less the fewest rows that flip them, each proved by the outputs of its refit."""
    assert head.codes is not None
    # fewest rows first: what such a change flips besides needs no fewer
    fewest = sorted(r.hardest, key=lambda j: (len(r.hardest[j].rows), j))
    found, waiting = Found(head), np.array(fewest, dtype=np.int64)
    for t in waiting:
        if budget.left() <= 0:
            break
        if found.flipped[at[t]]:
            continue
        one = r.hardest[int(t)]
        moved = labels.targets.moved(one.rows, one.codes)
        left = waiting[~found.flipped[at[waiting]]]
        b, sides = labels.outputs.changed(r.solved, left, one.rows, moved, head.threshold)
        every = np.full((1, len(head.points)), OPEN)
        every[0, at[left]] = sides
        found.take(Choices(one.rows[None, :], one.codes[None, :]), labels.outputs.weights(b)[None], every)
    return found.flips()
