"""Every choice of a deleted and a relabelled row, with what a checker needs to judge each again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from certify.rigor.fp import Array
from certify.systems.head.rows.change import Choices
from certify.systems.head.rows.head import Whole
from certify.systems.head.rows.refit import enclose_refits
from certify.theorems.head.rows.both_pairs.last import Pairs
from certify.theorems.head.rows.both_refits.nodes import Node
from certify.theorems.head.rows.both_refits.walk import Walk
from certify.theorems.head.rows.refitted.corrections import Corrections

WEIGHT = 2.0**25
"""Units of weights that a checker adds: what is below one is cut off."""


class PairWalk(Walk):
    """All choices of one deleted and one relabelled row."""

    _stored: dict[str, np.ndarray]

    def arrays(self) -> dict[str, np.ndarray]:
        """What a checker needs to judge each again, once all are judged."""
        return self._stored

    def _visit(self, node: Node, deleted: int, relabelled: int) -> None:
        """Single changes at refits of their own, whose sums the pairs are judged at."""
        single = node.choices(np.arange(len(node.more))[:, None])
        w, W = self._proved(node.choices(np.zeros((1, 0), np.int64)), node.w[None]), self._proved(single, node.W)
        cut = replace(node, w=np.trunc(w[0] * WEIGHT) / WEIGHT, W=np.trunc(W * WEIGHT) / WEIGHT)
        pairs, self._exact = Pairs(self._plain, cut, self.live, self.check), list[tuple[int, Array]]()
        self._smaller = 1 + len(node.more)
        corrections = Corrections(pairs, self._settled)
        for block in pairs.blocks():
            self.check()
            corrections.take(pairs.open(block, pairs.judge.summed))
        corrections.end()
        weights = np.concatenate([w, W]).reshape(self._smaller, -1)
        self._stored = {"weights": weights, **pairs.judge.arrays(), "basis": pairs.basis, **corrections.arrays()}
        if self._exact:
            self._stored["again"] = np.array([number for number, _ in self._exact], dtype=np.int64)
            self._stored["exact"] = np.array([V.ravel() for _, V in self._exact])

    def _settled(self, number: Whole, choices: Choices, V: Array) -> None:
        """Choices that no correction decides: solved as far as floats go, and stored."""
        V = self._proved(choices, self._plain.newton(choices, V, 0.0, self.check))
        self._exact += [(self._smaller + int(one), v) for one, v in zip(number, V, strict=True)]

    def _proved(self, choices: Choices, V: Array) -> Array:
        """Weights whose labels are looked at, solved to the end where a point stays open; which is lost if it still is.

        They are what is stored: 0 where they are near no refit.
        """
        V, live = V.copy(), self.live()
        near = enclose_refits(self.head, choices, V)
        sides, _ = self.head.sides(V, near)
        open_ = np.flatnonzero((sides[:, live] < 0).any(axis=1))
        if len(open_):
            part = Choices(choices.rows[open_], choices.codes[open_])
            V[open_] = self._plain.newton(part, V[open_], 0.0, self.check)
            near[open_] = enclose_refits(self.head, part, V[open_])
            sides[open_], _ = self.head.sides(V[open_], near[open_])
        self.found.take(choices, V, sides)
        self.clear &= ~((sides != self.head.today) & ~self.found.flipped).any(axis=0)
        V[~np.isfinite(near)] = 0.0
        return V
