"""D4h, balanced weights of a squared-loss head: how many rows of each label go settles the weights, which then stay.

For every such case rows count what they count after it, and any so many rows are deleted from that head (D4).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from certify.format.errors import EnclosureError
from certify.systems.head.rows.change import DELETED, Choices, RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.flips import Found
from certify.theorems.head.rows.method import INEXACT, Budget, Mask, Method, Part
from certify.theorems.head.rows.squared.contrasts import Ints
from certify.theorems.head.rows.squared.majorant import SQUARE
from certify.theorems.head.rows.squared.rooted import rooted
from certify.theorems.head.rows.squared_aside import SquaredAside
from certify.theorems.head.rows.squared_deletions import SquaredDeletions
from certify.theorems.head.rows.squared_tree import SquaredTree

CASES = 2000
"""Cases up to which they are all looked at."""

ASIDE_FROM = 6
"""Deletions from which on rows are set aside together first, as where weights stay."""


@dataclass(frozen=True, eq=False)
class Case:
    """So many rows of each label are left out.

    Attributes:
        gone: how many of each.
        rows: those that may go, of labels that lose some.
    """

    gone: tuple[int, ...]
    rows: tuple[int, ...]


class SquaredByCounts(Method):
    """Deleted rows of a squared-loss head whose weights are balanced (D4h).

    A point stays if it does under every deletion of `Σ a_y` rows from the head whose weights are those once `a_y` rows
    of every label y are gone, for all such numbers up to the count, none among them. Every label keeps a row.
    """

    name: ClassVar[str] = "squared_by_counts"
    weighs: ClassVar[bool] = True

    def able(self, head: Head, change: RowChange) -> str:
        """Whether the theorem applies, and cases are not too many."""
        if not head.loss.quadratic:
            return f"the refit has a closed form with the squared loss; the loss is {head.loss.name}"
        if head.weights is None or not head.weights.balanced:
            return "the weights do not follow the counts of the labels"
        if change.relabels:
            return "it is for rows that are left out"
        if head.phi_rad.any():
            return INEXACT
        if gone := change.emptied(head):
            return f"label {gone[0]} may lose all its rows, and then balanced weights have no meaning"
        for number, _ in enumerate(cases(head, change)):
            if number == CASES:
                return f"there are more than {CASES} numbers of rows of every label that may go"
        return "" if len(change.rows) else "no row may change"

    def prove(self, head: Head, change: RowChange, todo: Mask, budget: Budget) -> Part | None:
        """The points that stay in every case, and rows it met whose deletion flips a point; nothing on overflow."""
        waiting, found = sorted(cases(head, change), key=lambda case: -sum(case.gone)), Found(head)
        proved, late = todo.copy(), False
        try:
            for at, case in enumerate(waiting):
                if not proved.any():
                    break
                own = budget.share(1.0 / (len(waiting) - at))
                stays = _of_case(head, case, proved, own, found)
                late |= own.left() <= 0.0
                proved &= stays & ~found.flipped
        except EnclosureError:
            return None
        return Part(self.name, proved, {}, found.flips(), late=late)


def cases(head: Head, change: RowChange) -> Iterator[Case]:
    """Every way in which 0 to `count` rows fall on the labels."""
    assert head.label is not None and head.codes is not None
    of = [[row for row in change.rows if head.label[row] == y] for y in range(len(head.codes))]

    def ways(left: int, sizes: list[int]) -> Iterator[tuple[int, ...]]:
        if not sizes:
            yield ()
            return
        for first in range(min(left, sizes[0]) + 1):
            for rest in ways(left - first, sizes[1:]):
                yield (first, *rest)

    for gone in ways(change.count, [len(rows) for rows in of]):
        yield Case(gone, tuple(sorted(row for a, rows in zip(gone, of, strict=True) if a for row in rows)))


def _of_case(head: Head, case: Case, todo: Mask, budget: Budget, found: Found) -> Mask:
    """Which points stay whichever rows go, with the weights of the case; flips are proved of the head as it is."""
    count, stays = sum(case.gone), np.zeros_like(todo)
    asked = RowChange(False, count, case.rows)
    near = rooted(head, _example(head, case))
    methods: list[Method] = [SquaredTree(), SquaredDeletions()]
    if count >= ASIDE_FROM and head.n <= SQUARE:
        methods.insert(0, SquaredAside())
    if not count:
        methods = [SquaredDeletions()]
    for number, method in enumerate(methods):
        left = todo & ~stays & ~found.flipped
        if not left.any() or budget.left() <= 0:
            break
        own = budget.share(1.0 / (len(methods) - number))
        part = method.prove(near, asked if count else RowChange(False, 0, tuple(range(head.n))), left, own)
        if part is not None:
            stays |= part.proved
            _keep(head, found, part, case)
    return stays


def _keep(head: Head, found: Found, part: Part, case: Case) -> None:
    """Flips of the case's head that are of as many rows of every label: of other rows weights are others."""
    assert head.label is not None and head.codes is not None
    flips = part.flips
    for number in range(0 if flips is None else len(flips.rows)):
        assert flips is not None
        rows = flips.rows[number][flips.rows[number] >= 0]
        if tuple(np.bincount(head.label[rows], minlength=len(head.codes)).tolist()) == case.gone:
            found.prove(Choices(rows[None, :], np.full((1, len(rows)), DELETED)), flips.weights[number][None])


def _example(head: Head, case: Case) -> Choices:
    """Any rows that are such a case: weights depend on how many they are."""
    assert head.label is not None
    rows: Ints = np.array([row for y, a in enumerate(case.gone) for row in np.flatnonzero(head.label == y)[:a]],
                          dtype=np.int64)
    return Choices(rows[None, :], np.full((1, len(rows)), DELETED))
