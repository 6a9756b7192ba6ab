"""Small logistic heads, one row of which is deleted and one other relabelled: prover's, checker's, and every refit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from flint import ctx

from certify.check.theorems.head.rows import both_pairs
from certify.check.theorems.head.rows import head as checked
from certify.check.theorems.head.rows.changes.base import Labels
from certify.check.theorems.head.rows.changes.both import Both
from certify.check.theorems.head.rows.head import BITS
from certify.rigor.fp import Array
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.changes.both import BothChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.both_pairs.method import BothPairs
from certify.theorems.head.rows.method import Budget, Part
from tests.families.heads import drawn_head
from tests.families.logistic_heads import refits
from tests.families.near_flips import thin
from tests.families.row_heads import as_checked, stored


@dataclass(frozen=True, eq=False)
class PairsHead:
    """A head, and the rows one of which is deleted and another relabelled."""

    head: Head
    rows: tuple[int, ...]

    @property
    def change(self) -> BothChange:
        """Of the prover."""
        return BothChange(1, 1, self.rows)

    @property
    def twin(self) -> checked.Head:
        """The checker's."""
        head = self.head
        assert head.label is not None
        with ctx.workprec(BITS):
            one = as_checked(head, RowChange(False, 1, self.rows))
        return replace(one, moving=(), count=0, kind=Both(Labels(head.label.tolist(), 2), 1, 1, self.rows))

    def part(self) -> Part:
        """What the prover says."""
        assert not BothPairs().able(self.head, self.change)
        found = BothPairs().prove(self.head, self.change, self.head.today >= 0, Budget())
        assert found is not None
        return found

    def accepted(self, arrays: Mapping[str, Any], asked: Any = None, **other: Any) -> list[bool]:
        """Which points the checker proves to stay, of all or of those that are asked about."""
        twin = replace(self.twin, **other)
        with ctx.workprec(BITS):
            return both_pairs.proved(twin, stored(dict(arrays)), "here",
                                     [True] * len(twin.today) if asked is None else list(asked))

    @cached_property
    def refits(self) -> Array:
        """Weights of every choice, in many digits: deleted rows count 0, and others have the other sign."""
        head, n, rows = self.head, self.head.n, self.rows
        every = [(None, None), *((i, None) for i in rows), *((None, j) for j in rows),
                 *((i, j) for i in rows for j in rows if i != j)]
        counts, signs = np.ones((len(every), n)), np.ones((len(every), n))
        for at, (gone, new) in enumerate(every):
            if gone is not None:
                counts[at, gone] = 0.0
            if new is not None:
                signs[at, new] = -1.0
        decay = np.where(head.decayed, head.weight_decay * n, 0.0)
        return refits(head.phi * head.Y, signs, counts, decay)

    @property
    def least(self) -> Array:
        """`(N,)` the least of what every point's outputs lie on today's side of the threshold, over all choices."""
        sign = np.where(self.head.today == 1, 1.0, -1.0)
        return np.asarray((sign * (self.refits @ self.head.points.T - self.head.threshold)).min(axis=0))


def pairs_head(rng: np.random.Generator, n: int = 16, points: int = 20) -> PairsHead:
    """A head of few rows, whose points lie at its border, and what may happen to some of its rows."""
    decay = float(10 ** rng.uniform(-1, 0.3))
    head = drawn_head(rng, "logistic", n=n, d=int(rng.integers(1, 4)), N=points, decay=decay,
                      apart=float(rng.uniform(0, 3)))
    may = np.setdiff1d(np.arange(n), [int(np.flatnonzero(head.Y[:, 0] == y)[0]) for y in (-1.0, 1.0)])
    rows = np.sort(rng.choice(may, int(rng.integers(2, len(may) + 1)), replace=False))
    one = PairsHead(replace(head, threshold=float(rng.choice([0.0, 0.1 * rng.normal()]))), tuple(rows.tolist()))
    return one if rng.random() < 0.2 else at_the_border(rng, one)


def at_the_border(rng: np.random.Generator, one: PairsHead) -> PairsHead:
    """With points that their worst choice hardly flips, or hardly does not, if rows of both sides are known."""
    above = one.head.phi @ one.head.V[0] > one.head.threshold
    if above.all() or not above.any():
        return one
    shares = rng.choice([-1.0, 1.0], len(one.head.points)) * 10.0 ** rng.uniform(-7, -1, len(one.head.points))
    moved = PairsHead(thin(rng, one.head, one.refits[:, None, :], shares)[0], one.rows)
    moved.__dict__["refits"] = one.refits
    return moved
