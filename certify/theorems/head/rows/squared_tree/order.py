"""Which rows are set apart: those without which a comparison is found at every node of a tree, and those of a point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from certify.theorems.head.rows.squared.contrasts import Bools, Ints
from certify.theorems.head.rows.squared_tree.root import Root
from certify.theorems.head.rows.squared_tree.state import State, without
from certify.theorems.head.rows.squared_tree.sums import sums_at
from certify.theorems.head.rows.squared_tree.walk import Kept, Walk

STEPS = 25
"""Of the power iteration that finds the row that keeps a comparison from being found."""

MOST, NODES = 60, 3000
"""Rows that are set apart for comparisons, and nodes that are looked at for them."""

OWN = 64
"""Rows of a point's own."""


@dataclass(eq=False)
class Order:
    """An order on its way.

    Attributes:
        root: before deletions, of no points.
        kept: terms of nodes.
        late: once true the order stays as it is.
        rows: what there is so far.
        nodes: how many were looked at.
    """

    root: Root
    kept: Kept
    late: Callable[[], bool]
    rows: list[int] = field(default_factory=list)
    nodes: int = 0

    def grow(self, k: int, gone: tuple[int, ...] = (), start: int = 0) -> None:
        """Rows are added until a comparison for k deletions is found at a node, and at those below it."""
        self.nodes += 1
        if k < 2 or self.late() or self.nodes > NODES:
            return
        state = self._state(gone, start)
        while state is not None:
            order = np.array(self.rows, dtype=np.int64)
            t = Walk(self.root.hat, self.root.C, self.root.pairs, order, self.late, np.zeros(0, dtype=bool),
                     self.kept).compared(state, k)
            if t is not None:
                for place in range(start, t):
                    self.grow(k - 1, (*gone, place), place + 1)
                return
            if len(self.rows) >= min(MOST, len(self.root.R) - 1) or self.late():
                return
            self.rows.append(self._worst(state, k - 1))
            state = self._state(gone, start)

    def _state(self, gone: tuple[int, ...], start: int) -> State | None:
        order = np.array(self.rows, dtype=np.int64)
        state: State | None = self.root.state(order)
        for place in gone:
            state = None if state is None else without(state, order, place, self.root.pairs)
        return state

    def _worst(self, state: State, s: int) -> int:
        """The row in which the positive vector that hat matrices stretch most is largest."""
        alive: Bools = ~state.dead
        alive[self.rows] = False
        low = np.maximum(1.0 - state.d, 1e-6)
        v = np.where(alive, 1.0, 0.0)
        for _ in range(STEPS):
            v = np.where(alive, sums_at(state, self.root.hat, v, s) / low, 0.0)
            v = np.where(alive, np.maximum(v / max(float(v.max()), 1e-300), 1e-3), 0.0)
        return int(np.argmax(v))


def moving(root: Root, first: Ints) -> Ints:
    """The order for the one point of a root: the first rows, then those whose deletion alone moves a contrast most."""
    d = np.einsum("ij,ij->i", root.factor.A, root.factor.A)
    every = np.arange(len(root.z))
    c = root.C.at(np.zeros(1, dtype=np.int64))[0]
    moved = (c / np.maximum(1.0 - d, 1e-6))[None, :] * root.pairs.of(root.R, every)
    largest = (moved / np.maximum(root.z, 1e-300)[:, None]).max(axis=0)
    largest[first] = -np.inf
    own = np.argsort(-largest, kind="stable")[: min(OWN, len(d) - len(first))]
    return np.concatenate([first, own])
