"""D21: rows of any k groups deleted from a logistic head, by one step for each group."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from certify.systems.head.rows.change import DELETED, Choices, RowChange
from certify.systems.head.rows.changes.base import Change
from certify.systems.head.rows.changes.groups import GroupChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.box_tree import oriented, refusal, unscalable
from certify.theorems.head.rows.flips import Found
from certify.theorems.head.rows.group_tree.tree import GroupTree
from certify.theorems.head.rows.method import Budget, Flips, Mask, Method, Part

SHARE = 0.9
"""Of the time that is left."""

LARGEST = 30_000_000
"""Most entries of the matrices of all groups, and of the moves of all points."""

MOST = 64
"""Most groups that go at once."""


class GroupTrees(Method):
    """Groups of rows deleted from a logistic head (D21)."""

    name: ClassVar[str] = "group_tree"
    weighs: ClassVar[bool] = True

    def takes(self, change: Change) -> Change | str:
        """Groups that are deleted, as they are."""
        if isinstance(change, GroupChange) and not change.relabels:
            return change
        return "it is for groups of rows that are deleted"

    def able(self, head: Head, change: GroupChange) -> str:
        """Whether the theorem applies."""
        if why := refusal(head, RowChange(False, 1, (0,))) or unscalable(head):
            return why
        if not head.decayed.all() and not change.within.count < head.n:
            return "every row may be deleted, and then nothing holds the intercept"
        if change.count > MOST:
            return f"{change.count} groups are deleted, and single steps of groups are for 1 to {MOST}"
        if len(change.groups) * max(head.m * head.m, len(head.points)) > LARGEST:
            return f"there are {len(change.groups)} groups, too many for a step of each"
        return ""

    def prove(self, head: Head, change: GroupChange, todo: Mask, budget: Budget) -> Part | None:
        """The points whose subtrees were finished in time, and groups it met whose deletion flips a point."""
        s, points = oriented(head, change.within)
        members = tuple(np.array(rows, np.int64) for rows in change.groups)
        tree = GroupTree(s, points, members, min(change.count, len(members)), budget.share(SHARE).left)
        proved = tree.run(head.V[0].copy(), todo)
        return Part(self.name, proved, tree.arrays(proved) if proved.any() else {}, met(head, tree), late=tree.late)


def met(head: Head, tree: GroupTree) -> Flips:
    """Choices of groups that put a point on the other side, proved by their refits."""
    found = Found(head)
    for out, w in tree.flips.values():
        rows = np.sort(np.concatenate([tree.members[g] for g in out]))[None]
        found.prove(Choices(rows, np.full_like(rows, DELETED)), w[None, None, :])
    return found.flips()

