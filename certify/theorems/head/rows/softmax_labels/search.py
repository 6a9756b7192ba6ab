"""D18 for changed labels: all choices roughly first, then those nearer that leave an evaluation row open.

An evaluation row is proved as soon as no choice leaves it open. After the first round they are taken in turn, those
with fewest open choices first, and the choices that leave the next ones open are looked at until nothing more is to be
gained: whenever the time is up, what was proved holds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from certify.finders.head.near.descent import Descent
from certify.finders.head.near.leaves import Starts, parents, starts
from certify.finders.head.refits import Node, Refitter
from certify.problem.limits import OutOfTime
from certify.rigor.fp import Array
from certify.systems.head.rows.change import Choices, RowChange
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.refit import enclose_refits
from certify.theorems.head.rows.flips import Found
from certify.theorems.head.rows.method import Mask
from certify.theorems.head.rows.searches.ended import ended
from certify.theorems.head.rows.softmax.centre import centre
from certify.theorems.head.rows.softmax_labels.judge import Judge, judge_of
from certify.theorems.jobs import AHEAD, Crew

ROUNDS = (0.1, 0.01, 1e-3, 1e-4, 1e-5, 1e-6)
"""Lengths of gradients that are aimed at in turn, in μ."""

REFITTED = 1e-4
"""From which of them on distances are also bounded without a matrix (D1), as it is there for choices of which no matrix
knows enough."""

EXACT = 1e-3
"""From which of them on weights are kept in eight bytes: four bytes leave a gradient about as long."""

SURE, FLIPS = 2e-6, 24
"""Gradients of choices that flip, in μ, more than the last of the rounds; and how many points that seem flipped
are looked at together."""

PILOT, FEWEST, KEPT = 96, 8, 1 << 24
"""Most refits by which the matrices are chosen, and fewest; and numbers of what these leave of all rows, at most."""

BATCH = 1 << 21
"""Entries of outputs of a batch, of training rows or of evaluation rows."""


@dataclass(frozen=True, eq=False)
class Question:
    """Choices that are looked at together.

    Attributes:
        which: `(B,)` their numbers.
        V: `(B, k, m)` where they are; None: at the start.
        goal: what gradient is aimed at, in μ.
        live: `(L,)` the evaluation rows in question.
    """

    which: Whole
    V: Array | None
    goal: float
    live: Whole


@dataclass(eq=False)
class Search:
    """The search.

    Attributes:
        head, change: the problem: one label is wrong.
        left: seconds left.
        why: what kept it from proving more, in words; `late`: whether that was the time.
        found: labels whose change flips evaluation rows.
        exact: by number of a choice its weights where four bytes are not enough; at the first, no change, all matrices
            have their centre.
    """

    head: Head
    change: RowChange
    left: Callable[[], float]
    why: str = ""
    late: bool = False
    found: Found = field(init=False)
    exact: dict[int, Array] = field(default_factory=dict)

    def run(self, todo: Mask) -> Mask:
        """Which points are proved to stay."""
        self.found = Found(self.head)
        self.todo = todo & (self.head.today >= 0)
        self.all = every(self.head, self.change)
        self.open, self.lost = np.ones((len(self.all), len(todo)), dtype=bool), np.zeros_like(todo)
        with ended(self):
            self._search()
        return np.asarray(self.todo & ~self.open.any(axis=0) & ~self.found.flipped)

    def _check(self) -> None:
        if self.left() <= 0.0:
            raise OutOfTime

    def _search(self) -> None:
        head, self.refitter = self.head, Refitter(self.head)
        nothing = Choices(np.zeros((1, 0), np.int64), np.zeros((1, 0), np.int64))
        self.root: Node = parents(self.refitter, nothing, self.refitter.V0[None])[0]
        self.step = max(1, BATCH // (max(head.n, len(head.points)) * head.k))
        some = np.unique(np.linspace(0, len(self.all) - 1, self._pilots()).astype(np.int64))
        parts = [some[start : start + self.step] for start in range(0, len(some), self.step)]
        V = np.concatenate([self._nearer(Question(part, None, ROUNDS[0], part)) for part in parts])
        judge = judge_of(head, centre(head, self.refitter.V0), V, self._of(some), self.step)
        if judge is None:
            self.why = "the curvature of the unchanged head could not be bounded below"
            return
        self.judge: Judge = judge
        self.V = np.zeros((len(self.all), head.k, head.m), np.float32)
        self.V[0] = self.refitter.V0
        self.exact[0] = self.refitter.V0
        self.low, self.worst = np.full(len(self.todo), np.inf), np.full(len(self.todo), -1)
        self._round(np.arange(len(self.all)), ROUNDS[0], again=False)
        self._flip()
        while len(which := self._next()):
            for goal in ROUNDS[1:]:
                self._round(which, goal, again=True)
                self._flip(min(goal, SURE))
            self.lost |= self.open[which].any(axis=0) & self._live()
        self.why = "refits are not known near enough" if (self.lost & ~self.found.flipped).any() else ""

    def _pilots(self) -> int:
        """How many refits the matrices are chosen by."""
        return min(PILOT, max(FEWEST, KEPT // self.head.n), len(self.all))

    def _of(self, which: Whole) -> Choices:
        """Some of the choices."""
        return Choices(self.all.rows[which], self.all.codes[which])

    def _live(self) -> Mask:
        return np.asarray(self._standing() & ~self.lost)

    def _standing(self) -> Mask:
        return np.asarray(self.todo & ~self.found.flipped)

    def _next(self) -> Whole:
        """Choices that leave the next points open, of which few do, a batch at least; none if no point is open."""
        live = np.flatnonzero(self._live())
        live = live[np.argsort(self.open[:, live].sum(axis=0), kind="stable")]
        some = np.zeros(len(self.all), dtype=bool)
        for point in live:
            some |= self.open[:, point]
            if some.sum() >= self.step:
                break
        return np.flatnonzero(some)

    def _round(self, which: Whole, goal: float, again: bool) -> None:
        """Some choices, to gradients of a length."""
        begun = deque[Question]()

        def asked() -> Iterator[Question]:
            for start in range(0, len(which), self.step):
                live, some = self._standing(), which[start : start + self.step]
                if again:
                    some = some[self.open[np.ix_(some, np.flatnonzero(self._live()))].any(axis=1)]
                if not len(some) or not live.any():
                    continue
                begun.append(Question(some, self._weights(some) if again else None, goal, np.flatnonzero(live)))
                yield begun[-1]

        def looked_at(question: Question) -> tuple[Array, Mask, Array]:
            V = self._nearer(question)
            if question.goal > EXACT:
                V = V.astype(np.float32).astype(np.float64)
            V[question.which == 0] = self.refitter.V0
            open_, low = self.judge.look(self._of(question.which), V, question.live)
            if question.goal <= REFITTED:
                sides, _ = self.head.sides(V, enclose_refits(self.head, self._of(question.which), V),
                                           question.live)
                open_ &= sides != self.head.today[question.live]
            return V, open_, low

        with Crew(looked_at) as crew:
            for V, open_, low in crew.all(asked(), AHEAD):
                done = begun.popleft()
                self.V[done.which] = V
                self.exact |= dict(zip(done.which.tolist(), V, strict=True)) if done.goal <= EXACT else {}
                # what is proved is so of the weights that are kept: a point that others proved is looked at again
                self.open[np.ix_(done.which, done.live)] = open_
                lowest = low.argmin(axis=0)
                less = low.min(axis=0, initial=np.inf) < np.minimum(self.low[done.live], 0.0)
                self.low[done.live[less]] = low[lowest[less], np.flatnonzero(less)]
                self.worst[done.live[less]] = done.which[lowest[less]]
                self._check()  # what was finished is kept
                if ((self.low < 0.0) & self._standing()).sum() >= FLIPS:
                    self._flip()

    def _weights(self, which: Whole) -> Array:
        """Those of some choices that are kept."""
        return np.array([self.exact.get(b, self.V[b]) for b in which.tolist()], np.float64)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """What a checker needs: weights of all choices, those in eight bytes by number, and what of rows counts."""
        again = np.array(sorted(self.exact), np.int64)
        return {"weights": self.V.reshape(len(self.V), -1), "again": again,
                "exact": np.array([self.exact[b].ravel() for b in again.tolist()]), "parts": self.judge.parts()}

    def _nearer(self, question: Question) -> Array:
        """Weights near the refits of some choices; nothing of them is trusted."""
        head, choices = self.head, self._of(question.which)
        with np.errstate(all="ignore"):
            at = starts(head, [self.root], np.zeros(len(choices), np.int64), choices.rows[:, 0], choices.codes[:, 0])
            V = self.root.V
            if question.V is not None:
                V = question.V
                at = self._from(at, choices, V)
            way = Descent(head, V, choices, at)
            way.to(np.full(len(choices), question.goal * head.mu()[0]), self._check)
            found = np.where(np.isfinite(way.V), way.V, 0.0)
            if question.goal <= ROUNDS[-1]:  # a last few, whose points lie near a tie
                found = self.refitter.newton(choices, found, 0.0, self._check)
        return found

    def _from(self, at: Starts, choices: Choices, V: Array) -> Starts:
        """The same, from weights that are nearer."""
        return replace(at, V=V - at.step(np.arange(len(V)), self.refitter.gradients(choices, V)))

    def _flip(self, goal: float = SURE) -> None:
        """Of points that a candidate seems to flip the choice that does it most, refitted to the end (D1)."""
        points = np.flatnonzero((self.low < 0.0) & self._standing())
        which = np.unique(self.worst[points])
        which = which[which > 0]  # the first one changes nothing
        self.low[points] = np.inf  # where it does not, a candidate of a later round may
        for start in range(0, len(which), self.step):
            some = which[start : start + self.step]
            V = self._nearer(Question(some, self._weights(some), goal, points))
            self.found.prove(self._of(some), V)


def every(head: Head, change: RowChange) -> Choices:
    """No change, a row with its own label, and all choices of one wrong one."""
    assert head.label is not None
    none = [(change.rows[0], int(head.label[change.rows[0]]))]
    each = none + [(row, code) for row in change.rows for code in change.alternatives(head, row)]
    rows, codes = (np.array(part, np.int64).reshape(-1, 1) for part in zip(*each, strict=True))
    return Choices(rows, codes)
