"""Classes that may lose their last row: no model that is trained again has them, so they neither stay nor win."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from certify.systems.head.rows.head import Head, Whole
from certify.theorems.head.rows.squared.streamed.deletions import FLIPS, OPEN, STAYS, Deleted

if TYPE_CHECKING:
    from certify.prove.stored.logistic import Found

KEPT = ", the classes those of the labels as they are"
"""What is said where a class may lose its last row, and is one of the model's all the same."""


@dataclass(frozen=True, eq=False)
class Classes:
    """Of training rows.

    Attributes:
        own: `(n,)` the class of each.
        rows: how many each class has.
    """

    own: Whole
    rows: Whole

    def may_vanish(self, count: int) -> bool:
        """Whether one of them has no more rows than that."""
        return bool((self.rows <= count).any())

    def words(self, count: int) -> str:
        """Why something is undecided, of labels or of others than those; "" where no class may vanish."""
        if not self.may_vanish(count):
            return ""
        few = int(self.rows.min())
        return f"a class has {few} row{'s' * (few != 1)}, and no model that is trained without them has it"

    def others(self, today: Whole) -> Whole:
        """Rows of the smallest other class than each of these."""
        order = np.argsort(self.rows, kind="stable")
        found: Whole = np.where(today == order[0], self.rows[order[1]], self.rows[order[0]])
        return found

    def tolerated(self, ends: tuple[Whole, Whole], today: Whole) -> tuple[Whole, Whole]:
        """Both ends of the changed labels that each label survives, if a class without rows is none.

        A label survives until its last row may go. Of one that k + 1 changes surely take, they do so if each other
        class has more rows than that: another one wins, whichever it is.
        """
        lower, upper = ends
        sure = (upper < 0) | (upper + 1 < self.others(today))
        return np.minimum(lower, self.rows[today] - 1), np.where(sure, upper, len(self.own))

    def deleted(self, found: Deleted, today: Whole, count: int) -> Deleted:
        """What is proved of deletions, if a class without rows is none."""
        status, rows = found.status.copy(), dict(found.rows)
        status[(status == STAYS) & (self.rows[today] <= count)] = OPEN
        for j in np.flatnonzero((status == FLIPS) & (self.others(today) <= count)):
            left = self.rows - np.bincount(self.own[list(rows[int(j)])], minlength=len(self.rows))
            if not (np.delete(left, today[j]) > 0).all():
                status[j] = OPEN
                del rows[int(j)]
        return Deleted(status, rows, found.kappa)


    def kept(self, found: Found, today: Whole, count: int, relabels: bool) -> Found:
        """What is proved of one of two classes, if a class without rows is none.

        Args:
            found: what is proved while both are there.
            today: the class of each evaluation row.
            count: how many rows may change.
            relabels: whether they get the other class; else they are deleted.
        """
        status, rows, why = found.status.copy(), dict(found.rows), ""
        status[(status == STAYS) & (self.rows[today] <= count)] = OPEN
        for j in np.flatnonzero((status == FLIPS) & (self.rows[1 - today] <= count)):
            gone = np.bincount(self.own[list(rows[int(j)])], minlength=2)
            other = 1 - int(today[j])
            if self.rows[other] - gone[other] + relabels * gone[1 - other] < 1:
                status[j] = OPEN
                del rows[int(j)]
        if (status != found.status).any():
            why = self.words(count)
        return replace(found, status=status, rows=rows, reason=why or found.reason)


def classes_of(head: Head) -> Classes:
    """Of the rows of a head."""
    own = (head.Y[:, 0] > 0).astype(np.int64) if head.k == 1 else head.Y.argmax(axis=1)
    return Classes(own, np.bincount(own, minlength=max(head.k, 2)))
