"""The method: every point's root first, then the trees of those left, the likeliest to be done a second first."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from certify.finders.head.refits import Refitter
from certify.format.errors import EnclosureError
from certify.problem.limits import DOUBT, OutOfTime, duration, seconds
from certify.rigor.fp import Array
from certify.systems.head.rows.change import NONE, Choices, RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.box_tree import LARGEST
from certify.theorems.head.rows.energy.finder import hessians, minimise, slopes
from certify.theorems.head.rows.energy.record import Record, Shortest
from certify.theorems.head.rows.energy.rows import Index, Rows, logistic_rows, softmax_rows
from certify.theorems.head.rows.energy.tree import Open, Tree
from certify.theorems.head.rows.energy.turns import LEAST, Waiting, next_turns
from certify.theorems.head.rows.flips import Found
from certify.theorems.head.rows.method import INEXACT, Budget, Flips, Mask, Method, Part
from certify.theorems.jobs import AHEAD, JOBS, Crew

MOST = 2**25
"""Most slopes of all dual points of a point: alternatives times rows times outputs."""

VECTORS, MANY = 24_000_000, 1 << 20
"""Most weights that a record holds; and most vectors, each of which takes some 150 bytes of memory beside its weights.
"""

KEPT = 2**29
"""Most bytes of all trees that wait for more time, in each process."""

SHARE = 0.1
"""Share of the time that is left which a root may take, if fewer than that wait."""


class Energy(Method):
    """Changed labels only, which enter the loss linearly."""

    name: ClassVar[str] = "energy"
    takes_all: ClassVar[bool] = True

    def able(self, head: Head, change: RowChange) -> str:
        """Whether the loss and the inputs fit."""
        if not change.relabels:
            return "it is for changed labels, and rows are deleted"
        if not (head.loss.sigmoid if head.k == 1 else head.loss.shifted) or head.label is None:
            return "it needs the logistic loss or cross-entropy"
        if not abs(head.threshold) < LARGEST:
            return f"the threshold is {head.threshold!r}, and it is for those below 2^100"
        if head.phi_rad.any() or head.points_rad.any():
            return INEXACT
        if not len(change.rows) or change.count < 1:
            return "no label may change"
        if head.n * head.k * (len(change.rows) * max(head.k - 1, 1) + 1) > MOST:
            return f"labels that may change times rows times outputs are more than {MOST:.0e}"
        return ""

    def begins(self, head: Head, change: RowChange, budget: Budget) -> bool:
        """Whether it applies, and there is time for its first step."""
        if self.able(head, change):
            return False
        rows = replace(rows_of(head, change), check=budget.check)
        with np.errstate(all="ignore"):
            try:
                return not too_long(rows, started(rows, head), budget.left())
            except OutOfTime:
                return False

    def least(self, head: Head, change: RowChange) -> float:
        """Its first step for one prediction, with several outputs."""
        rows = rows_of(head, change)
        with np.errstate(all="ignore"):
            return 0.0 if rows.width == 1 else first_step(rows, started(rows, head))

    def prove(self, head: Head, change: RowChange, todo: Mask, budget: Budget) -> Part | None:
        """The points whose trees are done, the widest margins first."""
        rows, nothing = replace(rows_of(head, change), check=budget.check), np.zeros(len(todo), dtype=bool)
        with np.errstate(all="ignore"):
            try:
                start = started(rows, head)
                why = too_long(rows, start, budget.left())
            except OutOfTime:
                return Part(self.name, nothing)
            if why:
                return Part(self.name, nothing, why=why, late=True, begun=False)
            return _prove(head, change, todo, budget, rows, start)


def rows_of(head: Head, change: RowChange) -> Rows:
    """The head flattened."""
    mid, error = head.mu()
    mu = (mid, mid) if not error else (float(np.nextafter(mid - error, 0.0)), float(np.nextafter(mid + error, np.inf)))
    allowed = np.array(change.rows, dtype=np.int64)
    assert head.label is not None
    if head.k == 1:
        return logistic_rows(head.phi, head.Y[:, 0] > 0, head.decayed, mu, allowed)
    return softmax_rows(head.phi, head.label, head.k, head.decayed, mu, allowed)


def started(rows: Rows, head: Head) -> Array:
    """Weights near the refit without a change."""
    return np.asarray(minimise(rows, rows.tau[None], head.V.reshape(1, -1), None, 1e-10)[0])


def too_long(rows: Rows, start: Array, left: float) -> str:
    """Why not even one point would be proved in time, in words; empty where it may be.

    With several outputs it takes a Hessian of every alternative against each other class at least.
    """
    if rows.width == 1 or not np.isfinite(left):
        return ""
    needed = first_step(rows, start)
    if needed <= DOUBT * left:
        return ""
    return f"its first step for one prediction needs about {duration(needed)}, and {seconds(left)} were left"


def first_step(rows: Rows, start: Array) -> float:
    """About its seconds for one point of several outputs, by one of its Hessians."""
    began = time.monotonic()
    hessians(rows, slopes(rows, rows.A @ start)[None])
    return (time.monotonic() - began) * len(rows.lines) * (rows.width - 1)


def normals(head: Head, j: int) -> Array:
    """Vectors e, one a line, with e·w > c while the label of point j beats each of the others."""
    x, a = head.points[j], int(head.today[j])
    if head.k == 1:
        return np.asarray((x if a == 1 else -x)[None])
    e = np.zeros((head.k, head.k, head.m))
    for b in range(head.k):
        e[b, a], e[b, b] = x, -x
    return np.asarray(np.delete(e, a, axis=0).reshape(head.k - 1, -1))


def _prove(head: Head, change: RowChange, todo: Mask, budget: Budget, rows: Rows, start: Array) -> Part:
    trees = Trees(head, rows, change.count, start)
    proved, whole, done = np.zeros(len(head.points), dtype=bool), Record(), Shortest(min(VECTORS // len(start), MANY))
    # where the intercept is free a multiplier has to balance it, which a functional without it has none for
    balanced = (head.points[:, -1] != 0.0) | head.decayed.all() | (head.k > 1)
    points = np.flatnonzero(todo & (head.today >= 0) & balanced).tolist()
    order = sorted(points, key=lambda j: -float(_gap(head, j, start)))
    jobs = JOBS.get()

    def grown(question: tuple[int, float, int]) -> Grown:
        j, turn, waiting = question
        left = budget.left()
        if left <= 0:
            return Grown(None, np.inf, False, [], 0.0)
        turn = turn or max(LEAST, left * SHARE, left * jobs / waiting)
        return trees.grown(j, Budget(min(turn, left)), bool(waiting))

    # the roots first
    turns = [(j, 0.0, len(order) - place) for place, j in enumerate(order)]
    with Crew(grown, lambda question: question[0]) as crew:  # trees that wait are where they began
        while turns and budget.left() > 0:
            for (j, *_), one in zip(turns, crew.all(turns, AHEAD), strict=True):
                trees.take(j, one)
                if one.record is not None:
                    done.add(j, one.record)
                if one.record is not None or one.hopeless:
                    order.remove(j)
            waiting, left = {j: trees.seen(j) for j in order}, budget.left()
            turns = [(j, turn, 0) for j, turn in next_turns(waiting, left)] if waiting and left > 0 else []
    points = sorted(done.records)  # whichever tree was done first
    proved[points] = True
    for j in points:
        whole.join(done.records[j])
    return Part(Energy.name, proved, whole.arrays(np.array(points, dtype=np.int64), len(start)), trees.flips())


@dataclass(frozen=True, eq=False)
class Grown:
    """What became of a point: the record if it is done, the score of a set at its root, and sets that are left open.

    `spent` are the seconds that it took; a set comes with its point.
    """

    record: Record | None
    score: float
    hopeless: bool
    open: list[tuple[int, Index]]
    spent: float


class Trees:
    """The trees of all points, some of which wait for more time.

    Args:
        head: the head.
        rows: the same, flattened.
        count: rows that may change.
        start: weights near the refit without a change.

    Attributes:
        score: of every point tried the greatest score of a set where its root was left open.
        spent: seconds that each has had.
        hopeless: points with a set that is left open.
    """

    def __init__(self, head: Head, rows: Rows, count: int, start: Array) -> None:
        self.head, self.rows, self.count, self.start = head, rows, count, start
        self.score: dict[int, float] = {}
        self.spent: dict[int, float] = {}
        self.hopeless: set[int] = set()
        self._roots: dict[int, float] = {}
        self._open: list[tuple[int, Index]] = []
        self._levels = {rows.level: rows}
        self._waiting: dict[int, tuple[Iterator[float], Record]] = {}
        # a waiting tree holds slopes, targets and scores of the nodes on its path; two of them as a rule
        size = 8 * (len(rows.lines) + 1) * (3 * len(rows.tau) + 3 * len(rows.lines))
        self._room = KEPT // (2 * size)

    def grown(self, j: int, budget: Budget, root: bool) -> Grown:
        """What becomes of a point; another process may ask, which goes on with trees that it began itself."""
        before, began = len(self._open), time.monotonic()
        record, open_ = self.grow(j, budget, root), self._open[before:]
        del self._open[before:]
        return Grown(record, self.score.get(j, np.inf), j in self.hopeless, open_, time.monotonic() - began)

    def seen(self, j: int) -> Waiting:
        """What is known of a tree that waits."""
        return Waiting(self._roots[j], self.spent[j] - self._roots[j], self.score[j])

    def take(self, j: int, one: Grown) -> None:
        """What was found of a point, here or elsewhere."""
        self._note(j, one.score)
        self._roots.setdefault(j, one.spent)
        self.spent[j] = self.spent.get(j, 0.0) + one.spent
        self.hopeless |= {j} if one.hopeless else set()
        self._open += one.open

    def grow(self, j: int, budget: Budget, root: bool) -> Record | None:
        """Go on with a point's tree: the record when it is done, None when time is up, or, if asked, at its root."""
        steps, record = self._waiting.pop(j) if j in self._waiting else self._begin(j)
        try:
            for score in steps:
                if np.isfinite(score):
                    self._note(j, score)
                if budget.left() <= 0 or (root and np.isfinite(score)):
                    self.score.setdefault(j, np.inf)
                    self._wait(j, steps, record)
                    return None
        except Open as one:
            self._open.append((j, one.chosen))
        except OutOfTime:  # nothing is stated of it
            self.score.setdefault(j, np.inf)
            return None
        except (EnclosureError, np.linalg.LinAlgError):
            pass
        else:
            return record
        self.hopeless.add(j)
        return None

    def _note(self, j: int, score: float) -> None:
        """What the root left open: the first number that is one, of a root that was cut off when it is done."""
        if self.score.get(j, np.inf) == np.inf:
            self.score[j] = score

    def _sided(self, j: int) -> Rows:
        """The rows with the threshold as a point sees it."""
        level = level_of(self.head, j)
        if level not in self._levels:
            self._levels[level] = replace(self.rows, level=level)
        return self._levels[level]

    def _begin(self, j: int) -> tuple[Iterator[float], Record]:
        record = Record()

        def steps() -> Iterator[float]:
            rows = self._sided(j)
            for e in normals(self.head, j):
                yield from Tree(self.head, rows, e, record=record).steps(self.start, self.count)

        return steps(), record

    def _wait(self, j: int, steps: Iterator[float], record: Record) -> None:
        """Keep a tree; where there is no room the hardest point's starts again later."""
        self._waiting[j] = steps, record
        if len(self._waiting) > self._room:
            del self._waiting[max(self._waiting, key=lambda i: self.score[i])]

    def flips(self) -> Flips | None:
        """Sets that were left open and are proved to flip a point."""
        if not self._open:
            return None
        open_ = [some for _, some in sorted(self._open, key=lambda one: one[0])]  # whichever tree was done first
        found, width = Found(self.head), max(map(len, open_))
        sets = np.array([[*np.sort(some), *[-1] * (width - len(some))] for some in open_], dtype=np.int64)
        owner, code = np.append(self.rows.owner, NONE), np.append(self.rows.code, NONE)
        choices, refitter = Choices(owner[sets], code[sets]), Refitter(self.head)
        found.prove(choices, refitter.newton(choices, np.repeat(refitter.V0[None], len(sets), axis=0)))
        return found.flips()


def level_of(head: Head, j: int) -> float:
    """What e·w exceeds while the label of point j stays."""
    return 0.0 if head.k > 1 or head.threshold == 0.0 else head.threshold if head.today[j] == 1 else -head.threshold


def _gap(head: Head, j: int, w: Array) -> float:
    e = normals(head, j)
    return float(((e @ w - level_of(head, j)) / np.sqrt((e * e).sum(1))).min())
