"""D6: which hot rows are among the changed ones, by branch and bound; a trapping box for the rest at every node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import ClassVar, Final

import numpy as np

from certify.rigor.fp import Array
from certify.systems.head.rows.boxes.losses import ON_SLABS
from certify.systems.head.rows.boxes.sums import Sums, sums
from certify.systems.head.rows.change import DELETED, NONE, Choices, RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.boxes.flat_tree import FlatTree
from certify.theorems.head.rows.boxes.many_leaves import LARGE
from certify.theorems.head.rows.boxes.tree import Tree
from certify.theorems.head.rows.flips import Found
from certify.theorems.head.rows.method import INEXACT, Budget, Flips, Mask, Method, Part

SHARE, ALONE = 0.85, 0.97
"""Of the time that is left: methods that come after need some, and for many deletions none comes after."""

FEW = 3
"""Deletions up to which every choice may be refitted instead."""

MOST, LARGEST = 64, 2.0**100
"""Most changed rows; and what a threshold is below that is taken from an intercept: doubles hold squares of that."""


TREES: Final[Mapping[str, type[Tree]]] = MappingProxyType({"logistic": Tree, "squared_hinge": FlatTree})
"""The search for each loss."""


class BoxTree(Method):
    """Deleted or relabelled rows of a head with the logistic loss or the squared hinge (D5, D6)."""

    name: ClassVar[str] = "box_tree"
    weighs: ClassVar[bool] = True

    def able(self, head: Head, change: RowChange) -> str:
        """Whether the theorem applies."""
        if head.loss.name not in TREES or head.k != 1:
            return f"the loss is {head.loss.name}, and trees are for one output with the loss {' or '.join(TREES)}"
        return loose(head) or unfit(head, change) or unscalable(head)

    def complete(self, head: Head, change: RowChange) -> bool:
        """One row of a large head: what no bound decides is refitted, and no refit of every row is as fast."""
        return change.count == 1 and head.phi.size >= LARGE and head.weights is None and not self.able(head, change)

    def prove(self, head: Head, change: RowChange, todo: Mask, budget: Budget) -> Part | None:
        """The points whose subtrees were finished in time, and rows it met whose change flips a point."""
        s, points = oriented(head, change)
        share = SHARE if (change.relabels or change.count <= FEW) and not self.complete(head, change) else ALONE
        tree = TREES[head.loss.name](s, points, budget.share(share).left)
        proved = tree.run(change.count, todo.copy(), np.array(change.rows, np.int64))
        return Part(self.name, proved, tree.arrays(proved, change.count) if proved.any() else {},
                    met(head, tree, change))


def refusal(head: Head, change: RowChange) -> str:
    """Why boxes say nothing of a problem; empty where they do."""
    if not head.loss.sigmoid:
        return f"the loss is {head.loss.name}, and it is for the logistic loss of one output"
    return unfit(head, change)


def loose(head: Head) -> str:
    """Why boxes say nothing of an intercept that may move freely; empty where they do, or where it may not."""
    if not ON_SLABS[head.loss.name].smooth and not head.decayed.all():
        return "the intercept carries no decay, and where a loss is flat nothing else holds it"
    return ""


def unfit(head: Head, change: RowChange) -> str:
    """The same, whatever the loss is."""
    if head.remaining:
        return "the decay follows the number of remaining rows, and boxes are for a fixed one"
    if head.phi_rad.any() or head.points_rad.any():
        return INEXACT
    if not levelled(head):
        return f"the threshold is {head.threshold!r}, and boxes take one below 2^100 from an intercept"
    if not 1 <= change.count <= MOST or len(change.rows) < 1:
        return f"{change.count} of {len(change.rows)} rows change, and boxes are for 1 to {MOST}"
    if not change.relabels and not head.decayed.all() and not change.count < head.n:
        return "every row may be deleted, and then nothing holds the intercept"
    return ""


def levelled(head: Head) -> bool:
    """Whether margins count from the threshold: it is 0, or the points have an intercept from which it is taken."""
    return head.threshold == 0.0 or bool((head.points[:, -1] == 1.0).all() and abs(head.threshold) < LARGEST)


def scaled(weights: Array) -> tuple[Array, int]:
    """Weights times `2^−e`, all at most 1, and e."""
    e = int(np.frexp(weights.max())[1])
    return np.asarray(np.ldexp(weights, -e)), e


def unscalable(head: Head) -> str:
    """Why boxes say nothing of rows that carry weights; empty where they do, or where rows carry none."""
    if head.weights is None:
        return ""
    if head.weights.by_label:
        return "weights follow the labels, and boxes are for weights that stay with the rows"
    (mid, off), (c, e) = head.mu(), scaled(head.weights.rows)
    same = np.ldexp(c, e) == head.weights.rows
    fits = np.ldexp(np.ldexp(mid, -e), e) == mid and np.ldexp(np.ldexp(off, -e), e) == off
    return "" if same.all() and fits else "weights and weight decay are of too different sizes"


def oriented(head: Head, change: RowChange) -> tuple[Sums, Array]:
    """Rows times their labels, and evaluation rows times the sign of today's output: products with ±1 are exact."""
    mid, off = head.mu()
    weights, e = None, 0
    if head.weights is not None:  # divided by a power of two the sum has the same minimiser, and weights up to 1
        weights, e = scaled(head.weights.rows)
    return sums_of(head, change, weights, (float(np.ldexp(mid, -e)), float(np.ldexp(off, -e))))


def sums_of(head: Head, change: RowChange, weights: Array | None, mu: tuple[float, float]) -> tuple[Sums, Array]:
    """The same with weights up to 1, and μ in their unit: a float and an upper bound of its error."""
    loss = ON_SLABS[head.loss.name]
    decay = np.where(head.decayed, mu[0] * loss.unit, 0.0)
    s = sums(head.phi * head.Y, decay, mu[1] * loss.unit, change.relabels, weights)
    return replace(s, level=head.threshold, loss=loss), head.points * np.where(head.today == 1, 1.0, -1.0)[:, None]


def met(head: Head, tree: Tree, change: RowChange) -> Flips:
    """Nodes and leaves at which a point lies on the other side, proved by their refits."""
    found = Found(head)
    collect(found, tree, change)
    return found.flips()


def collect(found: Found, tree: Tree, change: RowChange) -> None:
    """Keep those of them whose refits prove it."""
    label = found.head.label
    for rows, w in tree.flips.values():
        padded = np.full((1, change.count), NONE, np.int64)
        padded[0, : len(rows)] = np.sort(np.array(rows, np.int64))
        new = 1 - label[padded] if change.relabels and label is not None else DELETED
        found.prove(Choices(padded, np.where(padded == NONE, NONE, new)), w[None, None, :])
