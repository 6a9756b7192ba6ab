"""D5: one trapping box for all choices of changed rows: no search, and its witness is one set of slabs."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from certify.finders.head.boxes import minimiser
from certify.rigor.fp import Array
from certify.systems.head.rows.boxes.losses import ON_SLABS
from certify.systems.head.rows.boxes.sums import VAST
from certify.systems.head.rows.boxes.trap import WIDE, Centre, Slabs, centre
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.box_tree import loose, oriented, unfit, unscalable
from certify.theorems.head.rows.boxes.nodes import Box as TreeBox
from certify.theorems.head.rows.boxes.second import second, second_margin
from certify.theorems.head.rows.boxes.stated import decoded, packed
from certify.theorems.head.rows.boxes.tree import Tree
from certify.theorems.head.rows.method import Budget, Mask, Method, Part

PASSES, RATE, SORTED = 12.0, 1e10, 1.2e-7
"""Passes over all products that a box takes about, products and sums a second, and seconds to find the largest."""

SOME = 1024
"""Rows whose products are formed one by one where there is no time for those of all."""

MANY, ROOTED = 4, 120.0
"""Deletions from which on a box of a table of `VAST` entries takes a minute and seldom holds; and seconds in which the
root of a tree of pairs is there for certain, which says more."""


def late(head: Head, change: RowChange, left: float) -> bool:
    """Whether a tree of pairs goes first, where there is one."""
    return not change.relabels and change.count >= MANY and head.phi.size >= VAST and left >= ROOTED


class Box(Method):
    """Deleted or relabelled rows of a head with the logistic loss or the squared hinge, all choices at once (D5)."""

    name: ClassVar[str] = "box"
    weighs: ClassVar[bool] = True

    def able(self, head: Head, change: RowChange) -> str:
        """Whether the theorem applies."""
        loss = ON_SLABS.get(head.loss.name)
        if loss is None or head.k != 1:
            return f"the loss is {head.loss.name}, and boxes are for one output with the loss {' or '.join(ON_SLABS)}"
        return loose(head) or unfit(head, change) or unscalable(head)

    def prove(self, head: Head, change: RowChange, todo: Mask, budget: Budget) -> Part | None:
        """The points whose margin a box leaves positive; None where there is no box.

        A second box has the products of all rows that may change formed one by one, or of some where these are many.
        """
        s, points = oriented(head, change)
        kept, rows = s.whole, len(change.rows)
        c = centre(s, kept, minimiser(s, kept, head.V[0]))
        part = self._part(c, change, points, todo, budget, WIDE)
        each = head.n * (PASSES * 2.0 * head.m / RATE + SORTED)
        wide = next((wide for wide in (rows, min(SOME, rows)) if wide * each < budget.left()), 0)
        if wide > max(WIDE, 2 * change.count) and (part is None or (todo & ~part.proved).any()):
            wider = self._part(c, change, points, todo, budget, wide)
            if wider is not None and (part is None or wider.proved.sum() > part.proved.sum()):
                return wider
        return part

    def _part(self, c: Centre, change: RowChange, points: Array, todo: Mask, budget: Budget, wide: int) -> Part | None:
        tree = Tree(c.sums, points, budget.left)
        rows = np.array(change.rows, np.int64)
        box = tree.box(c, rows, 0, change.count, wide=wide)
        if box is None:
            return None
        proved = todo & (tree.needs(box, rows, points) == 0)
        arrays = {"weights": c.w, "slabs": packed(box.codes)}
        if wide > WIDE:
            arrays["wide"] = np.array([wide])
        shares = np.full(len(points), -1.0)
        if c.sums.weights is None and c.sums.loss.bends:  # the second order is for rows that count the same
            shares = _second(box, points, todo & ~proved, budget)
        if (shares >= 0.0).any():
            proved, arrays = proved | (shares >= 0.0), arrays | {"second": shares}
        return Part(self.name, proved, arrays if proved.any() else {})


def _second(box: TreeBox, points: Array, open_: Mask, budget: Budget) -> Array:
    """For each point that the second order proves its λ, −1 for the others."""
    shares, slabs = np.full(len(points), -1.0), Slabs(*decoded(box.codes))
    parts = second(box.c, slabs, box.found, box.free, box.k) if open_.any() else None
    for j in np.flatnonzero(open_):
        if parts is None or budget.left() < 0.0:
            break
        share, least = second_margin(box.c, slabs, box.found, box.free, box.k, parts, points[j])
        if least > 0.0:
            shares[j] = share
    return shares
