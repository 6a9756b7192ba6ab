"""How many deleted groups of rows each prediction survives, from both sides: one number of groups after another."""

from __future__ import annotations

from typing import ClassVar

from certify.problem.progress import Progress
from certify.systems.head.rows.changes.base import Change
from certify.systems.head.rows.changes.groups import GroupChange
from certify.systems.head.rows.head import Head, Whole
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.tolerance.search import Search


class GroupSearch(Search):
    """The same of whole groups: a change that flips counts as many groups as its rows are of.

    Args:
        head: the head.
        groups: the rows of every group; each row is in one.
        limit: the time.
        tell: told the stage and the fraction done.
        methods: those that may be used.
    """

    by_rows: ClassVar[bool] = False

    def __init__(self, head: Head, groups: tuple[tuple[int, ...], ...], limit: Budget, tell: Progress,
                 methods: tuple[str, ...]) -> None:
        self.groups, self.place = groups, GroupChange(False, 1, groups).place
        super().__init__(head, False, tuple(sorted(self.place)), limit, tell, methods)

    @property
    def units(self) -> int:
        """All groups but one: some rows have to stay."""
        return len(self.groups) - 1

    def change(self, count: int) -> Change:
        """Any so many groups deleted."""
        return GroupChange(False, count, self.groups)

    def size(self, rows: Whole) -> int:
        """Of how many groups rows are."""
        return len({self.place[row] for row in rows.tolist()})

    def shrink(self) -> None:
        """Nothing: of a group all rows go."""
