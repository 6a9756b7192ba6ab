"""D34: any few rows deleted or relabelled of a head whose outputs are fitted apart, one against the rest."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.box_tree import unfit, unscalable
from certify.theorems.head.rows.every_choice import EveryChoice
from certify.theorems.head.rows.method import Budget, Mask, Method, Part
from certify.theorems.head.rows.searches.ended import ended
from certify.theorems.head.rows.separate.outputs import SEPARATE
from certify.theorems.head.rows.separate.tree import Tree

SHARE = 0.4
"""Of the time that is left, where every choice may be refitted instead."""


class Separate(Method):
    """Deleted or relabelled rows of a head with several outputs, each fitted to one label against the rest (D34)."""

    name: ClassVar[str] = "separate_boxes"
    weighs: ClassVar[bool] = True
    bends: ClassVar[bool] = False

    def able(self, head: Head, change: RowChange) -> str:
        """Whether the theorem applies."""
        loss = SEPARATE.get(head.loss.name)
        if loss is None or head.k < 2:
            return (f"the loss is {head.loss.name} of {head.k} output{'s' * (head.k > 1)}, and it is for several "
                    f"outputs with the loss {' or '.join(SEPARATE)}")
        if not loss.smooth and not head.decayed.all():
            return "the intercept carries no decay, and where a loss is flat nothing else holds it"
        if not (np.abs(head.Y) == 1.0).all():
            return "a target is neither 1 nor −1"
        return unfit(head, change) or unscalable(head)

    def prove(self, head: Head, change: RowChange, todo: Mask, budget: Budget) -> Part | None:
        """The points whose largest output stays the largest, and choices met that flip others."""
        proved = np.zeros_like(todo)
        with np.errstate(all="ignore"):
            own = budget.share(SHARE) if not EveryChoice().able(head, change) else budget
            tree = Tree(head, change, own, self.bends)
            with ended(tree):
                tree.run(np.flatnonzero(todo & (head.today >= 0)))
        proved[tree.proved] = True
        proved &= ~tree.found.flipped
        stated = proved.any() and not self.bends
        arrays = tree.record.arrays(np.flatnonzero(proved), len(proved), (head.k, head.m, head.n)) if stated else {}
        return Part(self.name, proved, arrays, tree.found.flips(), why=tree.why, late=tree.late)


class SeparateBent(Separate):
    """The same with boxes to second order (D24), in calls alone: no checker follows these."""

    name: ClassVar[str] = "separate_bent"
    bends: ClassVar[bool] = True
