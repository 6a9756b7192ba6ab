"""D24: one box of all choices whose slabs are bounded to second order, for more changes than a box of D5 bears."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from certify.finders.head.boxes import minimiser
from certify.format.errors import EnclosureError
from certify.rigor.fp import Array
from certify.systems.head.rows.boxes.trap import centre
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.bent_box.search import box, stays
from certify.theorems.head.rows.box_tree import oriented, refusal, unscalable
from certify.theorems.head.rows.method import Budget, Mask, Method, Part

FEWEST = 4
"""Changes from which on it is tried: trees of boxes decide fewer as sharply, and certificates state them."""

LARGEST, SHARE = 1e10, 0.3
"""Most products of rows, twice, and columns, twice, that a turn forms; and of the time, as trees may come after it."""

WIDEST = 200
"""Most columns: a turn finds the eigenvalues of two matrices of these for each row."""


class BentBox(Method):
    """Deleted or relabelled rows of a logistic head, all choices at once, to second order (D24)."""

    name: ClassVar[str] = "bent_box"
    weighs: ClassVar[bool] = True

    def able(self, head: Head, change: RowChange) -> str:
        """Whether the theorem applies."""
        if why := refusal(head, change) or unscalable(head):
            return why
        if change.count < FEWEST:
            return f"it is for {FEWEST} changes and more"
        size = float(head.n) ** 2 * float(head.m) ** 2
        if head.m > WIDEST:
            return f"it is for {WIDEST} columns and fewer, and there are {head.m}"
        return "" if size <= LARGEST else f"{head.n} rows of {head.m} columns are too many for it"

    def prove(self, head: Head, change: RowChange, todo: Mask, budget: Budget) -> Part | None:
        """The points whose margin the box leaves positive; None where there is no box."""
        own, proved, shares = budget.share(SHARE), np.zeros_like(todo), np.full(len(todo), -1.0)
        arrays = dict[str, Array]()
        which = np.flatnonzero(todo & (head.today >= 0))
        with np.errstate(all="ignore"):
            try:
                s, points = oriented(head, change)
                c = centre(s, s.whole, minimiser(s, s.whole, head.V[0]))
                found = box(c, np.array(change.rows, np.int64), change.count, own.left)
                if found is not None:
                    bent, image = found
                    proved[which], own_shares = stays(bent, points[which], own.left)
                    shares[which] = np.where(proved[which], own_shares, -1.0)
                    arrays = {"weights": c.w, "slabs": bent.slabs.all()[: 2 if s.relabels else 4], "rows": image.shares,
                              "points": shares}
            except EnclosureError:  # no float holds a number that it needs
                found = None
        late = own.left() <= 0.0 and not proved[which].all()
        if found is None and not late:
            return None
        why = "its share of the time was up" if late else ""
        return Part(self.name, proved, arrays if proved.any() else {}, why=why)
