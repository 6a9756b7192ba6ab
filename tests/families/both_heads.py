"""Small squared-loss heads, rows of which are deleted and relabelled at once, with every refit in fractions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from itertools import combinations, product
from typing import Any

import numpy as np
from flint import ctx, fmpq, fmpq_mat

from certify.check.theorems.head.rows import both_squared
from certify.check.theorems.head.rows import head as checked
from certify.check.theorems.head.rows.changes.base import Labels
from certify.check.theorems.head.rows.changes.both import Both
from certify.check.theorems.head.rows.head import BITS
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.changes.both import BothChange
from certify.systems.head.rows.head import Head
from tests.families.heads import drawn_head
from tests.families.near_flips import cornered
from tests.families.row_heads import as_checked

MOST = ((1, 1), (1, 1), (2, 1), (1, 2), (2, 2), (3, 1))


def rational(x: float) -> fmpq:
    """Exactly."""
    return fmpq(*Fraction(float(x)).as_integer_ratio())


@dataclass(frozen=True, eq=False)
class BothHead:
    """A head, what may happen to its rows, and the least of every contrast over all choices."""

    head: Head
    change: BothChange

    @property
    def twin(self) -> checked.Head:
        """The checker's."""
        head, change = self.head, self.change
        assert head.label is not None and head.codes is not None
        labels = Labels(head.label.tolist(), len(head.codes))
        with ctx.workprec(BITS):
            one = as_checked(head, RowChange(False, change.deleted, change.rows))
        return replace(one, moving=(), count=0, kind=Both(labels, change.deleted, change.relabelled, change.rows))

    def accepted(self, asked: Any = None, arrays: Mapping[str, Any] | None = None, **other: Any) -> list[bool]:
        """Which points the checker proves to stay, of all or of those that are asked about."""
        twin = replace(self.twin, **other)
        with ctx.workprec(BITS):
            return both_squared.proved(twin, arrays or {}, "here", [True] * len(twin.today) if asked is None else asked)

    def at(self, threshold: float) -> BothHead:
        """The same with another threshold."""
        return replace(self, head=replace(self.head, threshold=threshold))

    @cached_property
    def least(self) -> list[fmpq]:
        """Of every point the least difference between its label's output and another's, over every choice."""
        head, change = self.head, self.change
        Y, codes = ([[rational(x) for x in row] for row in part.tolist()] for part in (head.Y, head.codes))
        found: list[fmpq] = []
        for gone in (g for s in range(change.deleted + 1) for g in combinations(change.rows, s)):
            q, left = self._influences(gone)
            rest = [i for i in change.rows if i not in gone]
            news = [new for s in range(min(change.relabelled, len(rest)) + 1) for rows in combinations(rest, s)
                    for new in product(*([(row, c) for c in range(len(codes)) if c != head.label[row]]
                                         for row in rows))]
            at, outputs = {i: a for a, i in enumerate(left)}, range(head.k)
            margins = []
            for j in range(len(head.points)):
                z = [sum((q[a][j] * Y[i][o] for i, a in at.items()), fmpq(0)) for o in outputs]
                more = {(i, c): [q[at[i]][j] * (codes[c][o] - Y[i][o]) for o in outputs]
                        for i in rest for c in range(len(codes)) if c != head.label[i]}
                margins.append(min(self._margins(j, [sum((more[pair][o] for pair in new), z[o]) for o in outputs])
                                   for new in news))
            found = margins if not found else [min(x, y) for x, y in zip(found, margins, strict=True)]
        return found

    def _influences(self, gone: tuple[int, ...]) -> tuple[list[list[fmpq]], list[int]]:
        """`ΦH⁻¹e` of the rows that are left, for every point; and these rows."""
        head = self.head
        left = [i for i in range(head.n) if i not in gone]
        phi = fmpq_mat([[rational(x) for x in head.phi[i]] for i in left])
        mu = rational(head.weight_decay) * (len(left) if head.remaining else head.n)
        decay = fmpq_mat([[mu * int(a == b and head.decayed[a]) for b in range(head.m)] for a in range(head.m)])
        points = fmpq_mat([[rational(x) for x in row] for row in head.points.tolist()])
        solved = (phi.transpose() * phi + decay).solve(points.transpose())
        return (phi * solved).tolist(), left

    def _margins(self, j: int, z: list[fmpq]) -> fmpq:
        """By how much the label of today leads, at these outputs."""
        own = int(self.head.today[j])
        if self.head.k == 1:
            return (z[0] - rational(self.head.threshold)) * (1 if own == 1 else -1)
        return min(z[own] - x for b, x in enumerate(z) if b != own)


def both_head(rng: np.random.Generator, points: int = 4, labels: int | None = None) -> BothHead:
    """A head of 8 to 10 rows, with two or three labels."""
    n, remaining = int(rng.integers(8, 11)), bool(rng.random() < 0.4)
    decay = float(10.0 ** rng.uniform(-0.7, 0.3))
    if labels == 3 or (labels is None and rng.random() < 0.4):
        head = cornered(rng, "squared", n, points, decay, remaining)
    else:
        head = drawn_head(rng, "squared", n=n, d=int(rng.integers(1, 3)), N=points, decay=decay, apart=3.0,
                          remaining=remaining)
    most = MOST[int(rng.integers(len(MOST)))] if head.k == 1 else MOST[int(rng.integers(4))]
    rows = np.sort(rng.permutation(n)[: int(rng.integers(5, n + 1))])
    return BothHead(head, BothChange(*most, tuple(rows.tolist())))


def edges(one: BothHead, j: int, gap: float) -> tuple[BothHead, BothHead] | None:
    """With thresholds a little inside of the least output that choices reach at a point, and a little past it.

    The head has one output, and only that point. None where its label is not the same at both as at the least.
    """
    alone = replace(one, head=replace(one.head, points=one.head.points[[j]], points_rad=one.head.points_rad[[j]]))
    sign = 1.0 if alone.head.today[0] == 1 else -1.0
    least = sign * float(Fraction(int(alone.least[0].p), int(alone.least[0].q))) + alone.head.threshold
    inside, past = (alone.at(least - sign * x * max(abs(least), 1e-3)) for x in (gap, -gap))
    if not inside.head.today[0] == past.head.today[0] == alone.head.today[0]:
        return None
    return inside, past
