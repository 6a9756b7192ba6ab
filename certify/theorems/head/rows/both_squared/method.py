"""D32: any m₁ rows deleted and any m₂ others relabelled in a squared-loss head: sums, and sets of deletions exactly."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

import numpy as np

from certify.finders.head.plain import PlainRefits
from certify.rigor.finder import proposed
from certify.rigor.fp import Array
from certify.systems.head.rows.centred import centred
from certify.systems.head.rows.change import DELETED, Choices
from certify.systems.head.rows.changes.base import Change
from certify.systems.head.rows.changes.both import BothChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.both_squared.base import Base, base_of
from certify.theorems.head.rows.both_squared.sets import One, one_of, shares, taken, worst
from certify.theorems.head.rows.flips import Found
from certify.theorems.head.rows.method import INEXACT, Budget, Mask, Method, Part
from certify.theorems.head.rows.searches.ended import ended
from certify.theorems.head.rows.squared.contrasts import Contrast, Ints
from certify.theorems.head.rows.step_sums.kinds import Kinds

MOST = 4096
"""Rows that may change: their hat matrix is kept."""

HELD, LOOKS = 1 << 21, 1_000_000
"""Numbers of influences that are held at a time; and sets of deletions that are looked at, of all contrasts together,
large ones counted more often: a checker looks at each of them again, and at no more than four times as many."""

DEEPEST, WIDER = 4, 1.25
"""Deletions, of more of which no sets are looked at one by one, as a checker looks at none; and how many times as large
as here the one sum may be then: a checker has a comparison of its own."""

TOGETHER = "rows are not deleted and relabelled at once, and other methods are for one of the two"


class BothSquared(Method):
    """Deleted and relabelled rows of a squared-loss head (D32)."""

    name: ClassVar[str] = "both_squared"

    def takes(self, change: Change) -> Change | str:
        """Both at once alone."""
        return change if isinstance(change, BothChange) else TOGETHER

    def able(self, head: Head, change: BothChange) -> str:
        """Whether the theorem applies."""
        if not head.loss.quadratic or head.codes is None or head.label is None:
            return f"the refit has a closed form with the squared loss; the loss is {head.loss.name}"
        if head.phi_rad.any():
            return INEXACT
        if not 1 <= len(change.rows) <= MOST:
            return f"{len(change.rows)} rows may change, and the hat matrix of 1 to {MOST} is kept"
        return ""

    def complete(self, head: Head, change: BothChange) -> bool:
        """The choice that takes most of a point is refitted, which finds most that flip."""
        return not self.able(head, change)

    def prove(self, head: Head, change: BothChange, todo: Mask, budget: Budget) -> Part | None:
        """The points that stay with every number of deletions, and choices that flip."""
        search, proved = _Search(head, change, budget), np.zeros_like(todo)
        with ended(search), np.errstate(all="ignore"):
            proved = search.proved(todo & (head.today >= 0))
        proved = search.sure if search.late else proved
        return Part(self.name, proved & ~search.found.flipped, {}, search.found.flips(), why=search.why,
                    late=search.late)


class _Search:
    """All points of a problem.

    Attributes:
        found: choices that flip points.
        sure: `(N,)` the points that are proved already when time is up.
        why, late: what kept it from proving more, and whether that was the time.
    """

    def __init__(self, head: Head, change: BothChange, budget: Budget) -> None:
        self.head, self.change, self.budget = head, change, budget
        self.found, self.why, self.late = Found(head, centred(head)), "", False
        self.sure = np.zeros(len(head.points), dtype=bool)
        self._looked = 0
        self._plain = PlainRefits(head)

    def proved(self, todo: Mask) -> Mask:
        """Which points stay."""
        most = min(self.change.deleted, len(self.change.rows))
        good, numbers = todo.copy(), range(most + 1) if self.head.remaining else (most,)
        for deleted in numbers:
            points = np.flatnonzero(good & ~self.found.flipped)
            if not len(points):
                break
            base = base_of(self.head, self.change, deleted, points, lambda: self.budget.left() <= 0)
            self.budget.check()
            if base is None or base.omega is None:
                self.why = ("no comparison holds the deleted rows" if base is not None else
                            "the refit after deletions is not proved unique")
                return np.zeros_like(todo)
            good[points] = False
            for t, point in enumerate(points.tolist()):
                self.budget.check()
                good[point] = self._stays(base, t)
                if deleted == numbers[-1]:
                    self.sure[point] = good[point]
        return good

    def _stays(self, base: Base, t: int) -> bool:
        """Whether every contrast of a point stays positive; a choice that flips it is kept."""
        for contrast in np.flatnonzero(base.root.pairs.point == t):
            one = one_of(base, int(contrast))
            if not self._positive(base, one):
                return False
        return True

    def _positive(self, base: Base, one: One) -> bool:
        """The same of one contrast: all choices by one sum, and sets of deletions that this leaves open exactly."""
        least, each = one.z - one.ez, shares(base, one)
        labels = float(worst(one.drops(one.c, one.ec)[None], base.relabelled)[0])
        need = (least - labels) * (1 - 2.0**-40)
        alike = Kinds.alike(len(each), base.deleted)
        if not need > 0.0:
            self._flip(base, one, np.zeros(0, np.int64))
            return False
        if not np.isfinite(each).all():  # lists of sets pass over what is no number
            return False
        wide = 1.0 if base.deleted <= DEEPEST else WIDER
        if not base.deleted or wide * float(alike.top(each[None])[0]) < need:
            return True
        if base.deleted > DEEPEST:
            self.why = f"of more than {DEEPEST} deleted rows no sets are looked at one by one"
            return False
        first = np.argsort(-each, kind="stable")[: base.deleted]
        step = max(1, HELD // len(each))
        for sets in (first[None], *alike.listed(each, need)):
            self._looked += len(sets) * max(1, sets.shape[1] ** 2 // 4)
            for start in range(0, len(sets), step):
                self.budget.check()
                some = sets[start : start + step]
                total, _ = taken(base, one, some)
                if not (total < least).all():
                    self._flip(base, one, some[int(np.argmax(total))])
                    return False
            if self._looked > LOOKS:
                self.why = "more sets of deleted rows are open than are looked at one by one"
                return False
        return True

    def _flip(self, base: Base, one: One, gone: Ints) -> None:
        """Keep a choice of these deletions and the worst labels beside them, if its refit flips the point."""
        after = taken(base, one, gone[None])[1][0]
        drops = one.drops(after, 0.0)
        drops[gone] = 0.0
        new = np.argsort(-drops, kind="stable")[: base.relabelled]
        new = new[drops[new] > 0.0]
        codes = np.array([self._code(one, base, int(place), after) for place in new], dtype=np.int64)
        rows = np.concatenate([base.rows[gone], base.rows[new]])
        order, become = np.argsort(rows), np.concatenate([np.full(len(gone), DELETED), codes])
        choice = Choices(rows[order][None], become[order][None])
        V = proposed(partial(self._plain.newton, choice, self.head.V[None], 0.0, self.budget.check))
        if V is not None:
            self.found.prove(choice, V)

    def _code(self, one: One, base: Base, place: int, after: Array) -> int:
        """The label of a row that takes most of the contrast."""
        head, row = self.head, int(base.rows[place])
        assert head.codes is not None and head.label is not None
        a, b, sign = next(kind for kind, own in base.swings.items() if own is one.swing)
        values = after[place] * Contrast(a, b, sign).of(head.codes)
        values[head.label[row]] = np.inf
        return int(np.argmin(values))
