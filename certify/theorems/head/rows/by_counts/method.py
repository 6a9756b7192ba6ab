"""D19: balanced weights follow the counts of the labels; how many rows of each go is settled first, and weights stay.

For every pair of numbers of deleted rows, by label, the weights are known, and a tree of boxes (D6) is grown for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import numpy as np

from certify.finders.head.unchanged import unchanged_refit
from certify.rigor import fp
from certify.rigor.finder import proposed
from certify.rigor.fp import Array
from certify.systems.head.rows.change import NONE, Choices, RowChange
from certify.systems.head.rows.changes.base import Change
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.nearest import known_finely, nearest
from certify.systems.head.rows.refit import enclose_refits
from certify.theorems.head.rows.box_tree import collect, refusal, scaled, sums_of
from certify.theorems.head.rows.boxes.tree import Tree
from certify.theorems.head.rows.flips import Found
from certify.theorems.head.rows.method import Budget, Mask, Method, Part

ROOM = 4.0
"""Times the distance of weights that a checker may find, who looks at other roundings of them."""


@dataclass(frozen=True, eq=False)
class Case:
    """So many rows of each label are left out.

    Attributes:
        gone: how many, of label 0 and of label 1.
        change: any so many rows, with these among them.
        weights: `(n,)` whole numbers in the ratio of the weights of the rows then.
        mu: μ in the same unit: the nearest float, and an upper bound of its error.
    """

    gone: tuple[int, int]
    change: RowChange
    weights: Array
    mu: tuple[float, float]


class ByCounts(Method):
    """Deleted rows of a logistic head whose weights are balanced (D19).

    A point stays if it has its label at the refit of all rows, and keeps it under every deletion of exactly `a_y` rows
    of label y, for all `a_0 + a_1` up to the count, of the head whose rows weigh as many rows as the other label has
    left, with `μ_a = 2μn'_0n'_1/n'`. Every label keeps a row, and n is fixed.
    """

    name: ClassVar[str] = "by_counts"
    weighs: ClassVar[bool] = True

    def able(self, head: Head, change: Change) -> str:
        """Whether the theorem applies."""
        if head.weights is None or not head.weights.balanced:
            return "the weights do not follow the counts of the labels"
        if not isinstance(change, RowChange) or change.relabels:
            return "it is for rows that are left out"
        if (head.weights.rows != 1.0).any():
            return "rows have weights of their own beside the balanced ones"
        if why := refusal(head, change):
            return why
        gone = change.emptied(head)
        return f"label {gone[0]} may lose all its rows, and then balanced weights have no meaning" if gone else ""

    def prove(self, head: Head, change: RowChange, todo: Mask, budget: Budget) -> Part | None:
        """The points that stay in every case, and rows it met whose change flips a point."""
        found, late, trees = Found(head), False, list[tuple[Case, Tree]]()
        whole = proposed(lambda: unchanged_refit(head))
        if whole is None:
            return None
        proved = todo & (labels_at(head, whole) == head.today)
        waiting = list(cases(head, change))
        for at, case in enumerate(waiting):
            if not proved.any():
                break
            weights, e = scaled(case.weights)
            mu = tuple(float(np.ldexp(part, -e)) for part in case.mu)
            if any(np.ldexp(small, e) != part for small, part in zip(mu, case.mu, strict=True)):
                return None
            s, points = sums_of(head, case.change, weights, (mu[0], mu[1]))
            own = budget.share(1.0 / (len(waiting) - at))
            tree = Tree(s, points, own.left, follow=following(head, case.gone))
            proved &= tree.run(case.change.count, proved.copy(), np.array(case.change.rows, np.int64))
            collect(found, tree, case.change)
            trees.append((case, tree))
            late |= own.left() <= 0.0
        arrays = {f"{case.gone[0]}-{case.gone[1]}.box_tree.{name}": array for case, tree in trees if proved.any()
                  for name, array in tree.arrays(proved, case.change.count).items()}
        arrays |= {"weights": whole.ravel()} if proved.any() else {}
        return Part(self.name, proved, arrays, found.flips(), late=late)


def labels_at(head: Head, whole: Array) -> Whole:
    """`(N,)` labels at the refit of all rows, which weights are near; −1 where they are not proved."""
    nothing = Choices(np.full((1, 0), NONE), np.full((1, 0), NONE))
    radius = enclose_refits(head, nothing, whole[None])
    if known_finely(head):  # rows far from the origin are counted from their middle
        radius = np.minimum(radius, nearest(head, whole))
    return np.asarray(head.sides(whole[None], ROOM * radius)[0][0])


def cases(head: Head, change: RowChange) -> Iterator[Case]:
    """Every way in which 1 to `count` rows fall on the two labels; most rows first, as they decide least.

    Divided by `n'/(2n'_0n'_1)` the weights `n'/(2n'_y)` are `n'_0n'_1/n'_y`: the whole number of the other label.
    """
    assert head.label is not None
    counts = np.bincount(head.label, minlength=2).tolist()
    of = [[row for row in change.rows if head.label[row] == y] for y in (0, 1)]
    mu = fp.exact(head.weight_decay) * (head.n - head.new)
    for size in range(change.count, 0, -1):
        for first in range(max(0, size - len(of[1])), min(size, len(of[0])) + 1):
            gone = (first, size - first)
            left = [have - less for have, less in zip(counts, gone, strict=True)]
            rows = change.rows if all(gone) else tuple(of[0] if first else of[1])
            unit = mu * Fraction(2 * left[0] * left[1], sum(left))
            fp.up(unit)  # refuses what no float holds
            mid = float(unit)
            weights = np.where(head.label == 0, float(left[1]), float(left[0]))
            yield Case(gone, RowChange(False, size, rows), weights, (mid, fp.up(abs(Fraction(mid) - unit))))


def following(head: Head, gone: tuple[int, int]) -> Callable[[Sequence[int], Whole], Whole]:
    """Which rows may follow others: of a label of which fewer have gone than are to go."""
    label = head.label
    assert label is not None

    def of(out: Sequence[int], free: Whole) -> Whole:
        left = np.array(gone) - np.bincount(label[list(out)], minlength=2)
        return np.asarray(free[left[label[free]] > 0])

    return of
