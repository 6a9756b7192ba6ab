"""H5: one trapping box for all choices of changed rows: no search, and its witness is one set of slabs."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from certify.finders.head.boxes import minimiser
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.box_tree import oriented, refusal
from certify.theorems.head.rows.boxes.stated import packed
from certify.theorems.head.rows.boxes.trap import centre
from certify.theorems.head.rows.boxes.tree import Tree
from certify.theorems.head.rows.method import Budget, Mask, Method, Part


class Box(Method):
    """Deleted or relabelled rows of a logistic head, all choices at once (H5)."""

    name: ClassVar[str] = "box"

    def able(self, head: Head, change: RowChange) -> str:
        """Whether the theorem applies."""
        return refusal(head, change)

    def prove(self, head: Head, change: RowChange, todo: Mask, budget: Budget) -> Part | None:
        """The points whose margin the box leaves positive; None where there is no box."""
        s, points = oriented(head, change)
        kept = np.ones(head.n)
        c = centre(s, kept, minimiser(s, kept, head.V[0]))
        tree = Tree(s, points, budget.left)
        rows = np.array(change.rows, np.int64)
        box = tree.box(c, rows, 0, change.count)
        if box is None:
            return None
        proved = todo & (tree.needs(box, rows, points) == 0)
        return Part(self.name, proved, {"weights": c.w, "slabs": packed(box.codes)} if proved.any() else {})
