"""D4i: any m labels of a squared-loss head of two labels, each of which has a weight of its own (`class_weight`).

A row that gets the other label counts differently, so the normal matrix changes by `(c' − c)φφᵀ`: as for a deleted row,
but for its size and sign. The trees of D4b do, with signs in the place of the identity.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from certify.format.errors import EnclosureError
from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.change import Choices, RowChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.weights import RowWeights
from certify.theorems.head.rows.flips import Found
from certify.theorems.head.rows.method import INEXACT, Budget, Mask, Method, Part
from certify.theorems.head.rows.squared.contrasts import Contrast, Ints
from certify.theorems.head.rows.squared.node import Node
from certify.theorems.head.rows.squared.rooted import rooted, roots_of
from certify.theorems.head.rows.squared.tree import Comparisons, Walk
from certify.theorems.head.rows.squared_deletions import DENSE, FAIR, NODES, base_of, node_list

FINE = 32 * U
"""What numbers of :func:`turned` err by at most beside what they are made of, relatively to the size of their parts."""


class SquaredRelabelled(Method):
    """Changed labels of a squared-loss head with a weight for each of two labels (D4i)."""

    name: ClassVar[str] = "squared_relabelled"
    weighs: ClassVar[bool] = True

    def able(self, head: Head, change: RowChange) -> str:
        """Whether there are two labels with different weights, the loss is squared and features are exact."""
        if not head.loss.quadratic:
            return f"the refit has a closed form with the squared loss; the loss is {head.loss.name}"
        if not change.relabels:
            return "rows are deleted, and no labels change"
        if not isinstance(head.weights, RowWeights) or head.weights.labels is None:
            return "labels have no weights of their own"
        if head.codes is None or len(head.codes) != 2 or len(set(head.weights.labels.tolist())) != 2:
            return "it is for two labels with different weights"
        if head.phi_rad.any():
            return INEXACT
        if len(change.rows) > DENSE:
            return f"the hat matrix is kept as it is; {len(change.rows)} rows are more than {DENSE}"
        return "" if len(change.rows) else "no row may change"

    def prove(self, head: Head, change: RowChange, todo: Mask, budget: Budget) -> Part | None:
        """The points that stay, and changes it met that flip one; nothing where a bound overflows."""
        try:
            return self._proved(head, change, todo, budget)
        except EnclosureError:
            return None

    def _proved(self, head: Head, change: RowChange, todo: Mask, budget: Budget) -> Part:
        rows = np.array(sorted(change.rows), dtype=np.int64)
        near, found, count = rooted(head), Found(head), min(change.count, len(rows))
        base = base_of(near, rows, 0)
        proved, shared = np.zeros_like(todo), Comparisons()
        if base is None:
            return Part(self.name, proved, {}, found.flips(), why="the refit is not proved unique")
        assert base.K is not None  # rows are few
        turn = Turn(head, rows, base.K)
        nodes = {int(j): [(one, turn.of(one, node)) for one, node in node_list(near, rows, base, int(j))]
                 for j in np.flatnonzero(todo)}
        waiting = sorted(nodes, key=lambda j: -min(node.z for _, node in nodes[j]))
        for place, j in enumerate(waiting):
            own = budget.share(min(1.0, FAIR / (len(waiting) - place)))
            proved[j] = all(self._stays(head, rows, count, one, node, own, shared, found) for one, node in nodes[j])
        return Part(self.name, proved & ~found.flipped, {}, found.flips(), late=budget.left() <= 0)

    def _stays(self, head: Head, rows: Ints, count: int, one: Contrast, node: Node, budget: Budget,
               shared: Comparisons, found: Found) -> bool:
        """Whether a contrast does; a flip that was met is proved by its refit."""
        walk = Walk(frozenset((one.a, one.b)), shared, lambda: budget.left() <= 0, NODES)
        good = walk.proves(node, rows, count)
        if walk.flip is not None:
            assert head.label is not None
            choice = Choices(walk.flip[None, :], (1 - head.label[walk.flip])[None, :])
            found.prove(choice, _refit(head, choice)[None])
        return good


class Turn:
    """What a row that gets the other label changes, in the place of what a deleted one does.

    Args:
        head: with a weight for each of two labels.
        rows: those that may change.
        K: hat matrix on these.
    """

    def __init__(self, head: Head, rows: Ints, K: Array) -> None:
        assert isinstance(head.weights, RowWeights) and head.weights.labels is not None
        assert head.label is not None and head.codes is not None
        own, roots = head.label[rows], roots_of(head)
        assert roots is not None
        t, self.old, self.new = head.weights.labels, head.Y[rows], head.codes[1 - own]
        share = (t[1 - own] - t[own]) / t[own]  # (c' − c)/c
        self.signs: Array = np.sign(share)
        self.g: Array = np.sqrt(np.abs(share))
        self.pull: Array = self.signs * (roots[rows] * (t[1 - own] / t[own]) / self.g)
        fp.require_finite(self.pull, "weights of labels")
        self.K: Array = -(self.g[:, None] * K * self.g[None, :])  # one for all points
        self.rounded = FINE * float(np.abs(self.K).max(initial=0.0)) * (1 + FINE)

    def of(self, one: Contrast, node: Node) -> Node:
        """The root of a contrast, from that of deletions."""
        eK, er, ec, ez = node.errors
        moved = one.of(self.new) - one.of(self.old)
        first, second = self.pull * moved, self.g * node.r
        # the targets' own contrasts are rounded, too
        sizes = np.abs(self.pull) * (np.abs(self.new).max(initial=0.0) + np.abs(self.old).max(initial=0.0)) * 2
        wide = float(self.g.max(initial=0.0)) * (1 + FINE)
        errors = (wide * wide * eK + self.rounded,
                  wide * er + FINE * float((sizes + np.abs(second)).max(initial=0.0)),
                  wide * ec + FINE * wide * float(np.abs(node.c).max(initial=0.0)), ez)
        a, b, c, d = (e * RAISE + fp.FLOOR for e in errors)
        return Node(self.K, -first - second, self.g * node.c, node.z, (a, b, c, d), self.signs)


def _refit(head: Head, choice: Choices) -> Array:
    """Weights near the refit after a change, in floats."""
    assert head.weights is not None and head.codes is not None
    c, Y = head.weights.of(head, choice)[:, 0], head.Y.copy()
    Y[choice.rows[0]] = head.codes[choice.codes[0]]
    scale = np.maximum(np.abs(head.phi).max(axis=0), 2.0**-500)
    phi = head.phi / scale
    H = (phi.T * c) @ phi + np.diag(np.where(head.decayed, head.mu()[0], 0.0) / scale**2)
    return np.asarray(np.linalg.lstsq(H, (phi.T * c) @ Y, rcond=None)[0].T / scale)
