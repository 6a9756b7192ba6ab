"""The choices of a deleted and a relabelled row, in the blocks in which a checker judges them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from certify.finders.head.plain import PlainRefits
from certify.rigor.fp import Array
from certify.systems.head.rows.change import DELETED, Choices
from certify.systems.head.rows.head import Whole
from certify.theorems.head.rows.both_refits.nodes import Node, nearer
from certify.theorems.head.rows.refitted.judge import CORRECTED, Judge
from certify.theorems.head.rows.refitted.last import Block, Units

TURNS = 2
"""Steps from a sum towards a refit."""


class Pairs:
    """All of them, with what judges them and moves them nearer to their refits.

    Args:
        plain: refits of the head.
        node: no change; its single ones delete each row that may change, and then relabel each, in the same order.
        live: the points in question, as they are now.
        check: raises when the time is up.
    """

    def __init__(self, plain: PlainRefits, node: Node, live: Callable[[], Whole], check: Callable[[], None]) -> None:
        self.plain, self.head, self.node, self.live, self.check = plain, plain.head, node, live, check
        self.rows, self._become = np.split(node.more, 2)[0], np.split(node.become, 2)[1]
        self.judge = Judge(self.head, node.w)
        nothing = plain.terms(Choices(np.zeros((1, 0), np.int64), np.zeros((1, 0), np.int64)))
        self._units = Units(plain.hessians(plain.gradients(node.w[None], *nothing)[1], *nothing)[0])
        self.basis = self._units.basis

    def blocks(self) -> Iterator[Block]:
        """A deleted row with each of the others."""
        f = len(self.rows)
        for gone in range(f):
            new = np.delete(np.arange(f), gone)
            places = np.stack([np.full(f - 1, gone), new], axis=1)
            codes = np.stack([np.full(f - 1, DELETED), self._become[new]], axis=1)
            numbers = np.arange(gone * (f - 1), (gone + 1) * (f - 1))
            yield Block(numbers, places, codes, self.node.sums(self._of(places)))

    def choices(self, block: Block) -> Choices:
        """What a block changes."""
        return Choices(self.rows[block.places], block.codes)

    def open(self, block: Block, reaches: tuple[float, ...] = CORRECTED) -> Block:
        """Those of a block that leave a point open."""
        points = self.live()
        if not len(points) or not len(block):
            return block.part(np.zeros(0, np.int64))
        return block.part(np.flatnonzero(~self.judge.keeps(self.choices(block), block.V, points, reaches)))

    def nearer(self, block: Block) -> Block:
        """Weights nearer to the refits."""
        self.check()
        return replace(block, V=nearer(self.plain, self.node, self._of(block.places), block.V, TURNS))

    def solved(self, block: Block, goal: float) -> Array:
        """`(B, 1, m)` weights whose gradients are so small."""
        return self.plain.newton(self.choices(block), block.V, goal, self.check)

    def units(self, block: Block, V: Array) -> np.ndarray:
        """`(B, m)` corrections of a block's weights towards others, in whole units."""
        return self._units.towards(block, V)

    def corrected(self, block: Block, units: np.ndarray) -> Block:
        """A block with its corrections."""
        return self._units.added(block, units)

    def _of(self, places: Whole) -> Whole:
        """Numbers of the single changes."""
        return np.asarray(places + np.array([0, len(self.rows)]))
