"""One reading for the curvature of some pairs of classes at some weights."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import Array
from certify.systems.head.rows.stored.normal import longer, some, summed
from certify.systems.head.rows.stored.tally import Told
from certify.systems.head.rows.stored.tree import Tree
from certify.theorems.head.rows.classes.slopes import chances

AT_ONCE = 2**21
"""Numbers of the matrices that one reading makes, about."""


def pairs_of(k: int) -> list[tuple[int, int]]:
    """All pairs of classes in their order."""
    return list(combinations(range(k), 2))


def at_once(p: int) -> int:
    """How many pairs one reading looks at.

    >>> at_once(785), at_once(10)
    (3, 20971)
    """
    return max(1, AT_ONCE // (p * p))


@dataclass(frozen=True, eq=False)
class Pairs:
    """`Σ_j r_jab²x_jx_jᵀ` for the pairs from number `first` to `last`, `r_jab` the product of two roots of chances.

    Attributes:
        V: (k − 1, p) weights, in columns as they are scaled.
    """

    V: Array
    first: int
    last: int
    beside: int = 0

    def tally(self) -> PairsFound:
        """Nothing yet."""
        return PairsFound(self)


class PairsFound:
    """Of the parts so far.

    Attributes:
        unsure: the largest share of a curvature that is not known.
    """

    def __init__(self, task: Pairs) -> None:
        self._task = task
        self.unsure = 0.0
        self._grams, self._columns, self._lengths = Tree(), Tree(longer), Tree()

    def take(self, number: int, start: int, part: Array) -> None:
        """Another part."""
        task = self._task
        at, p = chances(task.V, part), part.shape[1]
        self.unsure = max(self.unsure, float(at.unsure.max()))
        pairs = pairs_of(len(task.V) + 1)[task.first : task.last]
        grams, columns, roots = np.empty((len(pairs), p, p)), np.empty((len(pairs), p)), at.roots
        for place, (a, b) in enumerate(pairs):
            W = part * (roots[:, a] * roots[:, b])[:, None]
            grams[place] = summed(W, None)
            columns[place] = fp.row_norms(np.ascontiguousarray(W.T))
        self._grams.take(number, grams)
        self._columns.take(number, columns.ravel())
        self._lengths.take(number, np.array([at.norms.sum(), at.norms @ at.norms]))

    def grams(self) -> tuple[Array, Array]:
        """The matrices, and upper bounds of the lengths of the columns that each is made of."""
        grams = some(self._grams)
        return grams, some(self._columns).reshape(grams.shape[:2])

    def lengths(self) -> Array:
        """About the sum of the lengths of the rows, and of their squares."""
        return some(self._lengths)

    def told(self) -> Told:
        """As arrays."""
        return {"unsure": np.array([self.unsure]), **self._grams.told("grams"), **self._columns.told("columns"),
                **self._lengths.told("lengths")}

    def add(self, told: Told) -> None:
        """Of the parts that follow."""
        self.unsure = max(self.unsure, float(told["unsure"][0]))
        for tree, name in ((self._grams, "grams"), (self._columns, "columns"), (self._lengths, "lengths")):
            tree.add(told, name)
