"""Small logistic heads whose rows come in groups: prover's, checker's, and every refit without some groups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from flint import arb
from numpy.typing import NDArray

from certify.check.theorems.head.rows import head as checked
from certify.check.theorems.head.rows.changes.base import Labels
from certify.check.theorems.head.rows.changes.groups import Groups
from certify.systems.head.rows.changes.groups import GroupChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.weights import RowWeights
from certify.theorems.head.rows.box_tree import oriented
from tests.families.logistic_heads import as_checked, logistic_head, refit, refits

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Grouped:
    """A head and the groups of which any few are deleted."""

    head: Head
    change: GroupChange

    @property
    def twin(self) -> checked.Head:
        """The checker's."""
        within, head = self.change.within, self.head
        twin = as_checked(head, within.rows, within.count)
        assert head.label is not None
        twin = replace(twin, codes=replace(twin.codes, label=head.label.tolist()),
                       kind=Groups(Labels(head.label.tolist(), 2), False, self.change.count, self.change.groups))
        return twin if head.weights is None else replace(twin, weights=[arb(x) for x in head.weights.rows.tolist()])

    def without(self, out: tuple[int, ...]) -> Array:
        """The refit without some groups, in the unit in which :func:`oriented` has weights."""
        s, _ = oriented(self.head, self.change.within)
        kept = s.whole.copy()
        for g in out:
            kept[list(self.change.groups[g])] = 0.0
        return refit(s.S, kept, s.decay)

    def choices(self) -> Iterator[tuple[int, ...]]:
        """Every choice of groups, by their numbers."""
        for size in range(self.change.count + 1):
            yield from combinations(range(len(self.change.groups)), size)

    def margins(self) -> Array:
        """`(choices, N)` oriented outputs at every refit."""
        s, points = oriented(self.head, self.change.within)
        choices = list(self.choices())
        kept = np.repeat(s.whole[None], len(choices), axis=0)
        for b, out in enumerate(choices):
            kept[b, [i for g in out for i in self.change.groups[g]]] = 0.0
        return np.asarray(refits(s.S, np.ones_like(kept), kept, s.decay) @ points.T)


def grouped(rng: np.random.Generator, count: int, n: int | None = None, most: int = 9, weighed: bool = False,
            points: int = 6) -> Grouped:
    """Rows of few groups, some of one row and some of many, and decay under which something is proved."""
    n = int(rng.integers(20, 45)) if n is None else n
    head = logistic_head(rng, n, points, decay=float(10.0 ** rng.uniform(0.5, 2.2)))
    own = rng.integers(0, int(rng.integers(count + 2, most + 1)), n) if rng.random() < 0.7 else np.minimum(
        rng.geometric(0.25, n), most) - 1
    groups = tuple(tuple(np.flatnonzero(own == g).tolist()) for g in np.unique(own))
    if len(groups) <= count:
        return grouped(rng, count, n, most, weighed, points)
    if weighed:
        c = np.ldexp(np.round(rng.uniform(0.3, 2.0, n), 2), int(rng.integers(-3, 4)))
        unit = head.weight_decay * float(c.mean())
        V = refit(head.phi * head.Y, c, np.where(head.decayed, unit * n, 0.0))
        head = replace(head, weights=RowWeights(c), weight_decay=unit, V=V[None])
    return Grouped(head, GroupChange(False, count, groups))


def flipped(found: Array, near: float = 1e-8) -> NDArray[np.bool_]:
    """Points that some choice puts clearly on the other side."""
    return np.asarray((found < -near).any(axis=0))


def farthest(H: Array, missed: Array, step: Array) -> Array:
    """A point whose margin is less by what a step misses, and of which the step takes nothing."""
    across = missed - (missed @ H @ step) / (step @ H @ step) * step
    return np.asarray(-H @ across)


def most_room(lengths: Array, shares: Array, kept: Array, gone: tuple[float, float], a: float) -> float:
    """The largest `φ(1 − K − Σ_j w_j|s_j|_*²(1 − φ_j/φ)₊) − λ` for φ up to 1: it bends at the φ_j alone."""
    x = lengths * a
    each = kept * np.where(x > 0.0, -np.expm1(-x) / np.where(x > 0.0, x, 1.0), 1.0)
    return max(phi * (1.0 - gone[0]) - float(shares @ np.maximum(phi - each, 0.0)) - gone[1] for phi in (*each, 1.0))
