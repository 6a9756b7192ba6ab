"""D9: one trapping box for all choices of deleted or relabelled rows of a softmax head."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from certify.finders.head.refits import Refitter
from certify.problem.limits import OutOfTime
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.method import INEXACT, Budget, Mask, Method, Part
from certify.theorems.head.rows.softmax.centre import centre, changes_of
from certify.theorems.head.rows.softmax.drops import drops
from certify.theorems.head.rows.softmax.finder import ranges
from certify.theorems.head.rows.softmax.nominal import against, nominal
from certify.theorems.head.rows.softmax.trap import WIDE, trap

MOST = 200_000_000
"""Most products that a checker forms of changed rows, as `steps` counts them."""

MOST_WEIGHTS, HELD, PASSES = 2000, 20_000_000, 20_000_000_000
"""Of what looks at choices of rows one by one: most weights; most margins of evaluation rows, one for each row that may
go, as they are held a few times over; and most products with the matrix that a look at all rows forms between two looks
at the clock."""


class SoftmaxBox(Method):
    """Deleted or relabelled rows of a softmax head, all choices at once (D9)."""

    name: ClassVar[str] = "softmax_box"

    def able(self, head: Head, change: RowChange) -> str:
        """Whether the theorem applies."""
        return refusal(head, change)

    def prove(self, head: Head, change: RowChange, todo: Mask, budget: Budget) -> Part | None:
        """The points whose margins the box leaves positive; None where there is no box, or no time for it."""
        try:
            return self._prove(head, change, todo, budget)
        except OutOfTime:
            return None

    def _prove(self, head: Head, change: RowChange, todo: Mask, budget: Budget) -> Part | None:
        budget.check()
        changes = changes_of(head, change)
        V = Refitter(head).V0
        budget.check()
        if not np.isfinite(V).all():
            return None
        with np.errstate(all="ignore"):
            plain = nominal(head)
            c = centre(plain.head, V, check=budget.check)
            proposed = ranges(c, changes, lambda: budget.left() > 0)
            if proposed is None:
                return None
            budget.check()
            r, x, shift = proposed
            t = trap(c, changes, r, x, shift)
            if t is None or not ((t.outside < r).all() and (t.inside < x).all()):
                return None
            proved = np.zeros(len(todo), dtype=bool)
            at = np.flatnonzero(todo & (head.today >= 0))
            proved[at] = drops(c, t, at, plain.slack).least(changes.count) > 0
        arrays = {"weights": V.ravel(), "outside": r}
        if not change.relabels:
            arrays |= {"inside": x, "shifts": shift.ravel()}
        return Part(self.name, proved, arrays if proved.any() else {})


def refusal(head: Head, change: RowChange) -> str:
    """Why D9 is not about a problem, or its check takes too long; empty where it is."""
    if why := unmet(head, change):
        return why
    if (found := steps(head, change)) > MOST:
        return f"products of rows, pairs of classes and changed rows are {found:.0e}, more than {MOST:.0e}"
    return ""


def unmet(head: Head, change: RowChange) -> str:
    """Which hypothesis of theorems on rows of softmax heads is not met; empty where all are."""
    if not head.loss.shifted or head.k < 2:
        return "it needs cross-entropy of two classes or more"
    if why := against(head):
        return why
    if head.remaining and not change.relabels:
        return "it needs a weight decay that does not change with the number of rows"
    if not len(change.rows) or change.count < 1:
        return "no row may change"
    if change.relabels and head.codes is None:
        return "it needs labels"
    if change.count >= head.n:
        return "every row may be deleted"
    return ""


def unknown(head: Head) -> str:
    """Why a head is not for what takes its rows as they are; empty where it is."""
    inexact_inputs = head.phi_rad.any() or head.points_rad.any()
    return INEXACT if inexact_inputs else ""


def inexact(head: Head) -> str:
    """Why lengths of rows in doubles are not for a head; empty where they are.

    A checker brings the largest entry of each evaluation row to 1 by a power of two, exactly.
    """
    if why := unknown(head):
        return why
    e = np.frexp(np.abs(head.points).max(axis=1, initial=0.0))[1][:, None]
    if not (np.ldexp(np.ldexp(head.points, -e), e) == head.points).all():
        return "entries of an evaluation row lie too far apart for doubles"
    return ""


def for_pairs(head: Head, change: RowChange, what: str, count: int = 2) -> str:
    """Why what looks at pairs of deleted rows of large softmax heads is not for a problem; "" where it may be.

    Args:
        head, change: of the problem.
        what: that it looks at, in words.
        count: how many rows are deleted.
    """
    if change.relabels:
        return f"labels change, and {what} of several classes are for deletions"
    if change.count != count:
        return f"{change.count} rows are deleted, and {what} of several classes are for {count}"
    if why := unmet(head, change) or unknown(head):
        return why
    size = head.k * head.m
    if size > MOST_WEIGHTS:
        return f"there are {size} weights, and {what} of several classes are for {MOST_WEIGHTS}"
    if len(change.rows) * len(head.points) > HELD:
        return f"{len(change.rows)} rows may go and {len(head.points)} predictions are asked for: too many together"
    if (head.n + len(head.points)) * size**2 > PASSES:
        return f"there are {size} weights, too many for so many rows"
    return ""


def steps(head: Head, change: RowChange) -> int:
    """Products that a check takes."""
    k, f = head.k, len(change.rows)
    pushes = head.n * k * (k - 1) // 2 * min(f, max(WIDE, 2 * change.count)) + len(head.points) * (k - 1) * f
    return pushes * (k - 1 if change.relabels else 2 * k)
