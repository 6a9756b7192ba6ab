"""Finder: new rows at corners of their box, tried for all predictions at once, and then row by row for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from certify.finders.head.new_rows.search import Sums
from certify.rigor.fp import Array
from certify.systems.head.rows.changes.new_rows import NewRows
from certify.systems.head.rows.head import Head, Whole

ALL, DRAWN = 10, 128
"""Columns at most of a box whose corners are all tried; of one with more so many corners, drawn with a fixed seed."""
BEGUN, OTHERS, ROUNDS, LEAVING = 6, 16, 24, 4
"""Changes from which a prediction is searched; other new rows that are tried in the place of each; rounds of that; and
training rows that are tried in the place of each that is left out."""


@dataclass(frozen=True, eq=False)
class State:
    """One change with its refit.

    Attributes:
        corners: `(a, d)` in {0, 1}: which end of the box each column of each new row has.
        labels: `(a,)` codes.
        gone: training rows that are left out.
        w: weights near the refit.
    """

    corners: Whole
    labels: Whole
    gone: tuple[int, ...]
    w: Array


class Corners:
    """New rows at corners of the box of a head with one output.

    Args:
        head: the head.
        change: its new rows.
    """

    def __init__(self, head: Head, change: NewRows) -> None:
        self.head, self.change, self.sums = head, change, Sums(head, change)
        assert head.codes is not None
        self.codes = head.codes[:, 0]
        self.w0 = self.sums.minimum(head.phi, head.Y[:, 0], head.V[0])
        self._known: dict[tuple[bytes, bytes, tuple[int, ...]], Array] = {}

    def rows(self, corners: Whole) -> Array:
        """Features of new rows."""
        return np.where(corners > 0, self.change.high, self.change.low)

    def state(self, corners: Whole, labels: Whole, gone: tuple[int, ...]) -> State:
        """A change with its refit, which no order of the new rows changes."""
        order = np.lexsort((*corners.T, labels))
        corners, labels, gone = corners[order], labels[order], tuple(sorted(gone))
        key = (corners.tobytes(), labels.tobytes(), gone)
        if key not in self._known:
            head, X = self.head, self.rows(corners)
            kept = np.setdiff1d(np.arange(head.n), gone)
            phi = np.vstack([head.phi[kept], np.hstack([X, np.ones((len(X), head.m - X.shape[1]))])])
            self._known[key] = self.sums.minimum(phi, np.append(head.Y[kept, 0], self.codes[labels]), self.w0)
        return State(corners, labels, gone, self._known[key])

    def table(self, left: Callable[[], float]) -> list[State]:
        """All new rows at one corner, with one label: every corner of few columns, else some."""
        d, found = len(self.change.low), list[State]()
        drawn = np.random.default_rng(0).integers(0, 2, (DRAWN, d))
        for corner in product((0, 1), repeat=d) if d <= ALL else drawn.tolist():
            for label in range(len(self.codes)):
                if left() <= 0:
                    return found
                found.append(self.state(np.tile(np.array(corner, dtype=np.int64), (self.change.added, 1)),
                                        np.full(self.change.added, label, dtype=np.int64), ()))
        return found

    def towards(self, e: Array) -> list[State]:
        """The same at the corners at which first order at the exact minimum of today moves `e·w` most."""
        _, _, H = self.sums.parts(self.head.phi, self.head.Y[:, 0], self.w0)
        d = np.linalg.solve(H + 1e-12 * np.trace(H) / len(e) * np.eye(len(e)), e)[: len(self.change.low)]
        return [self.state(np.tile((d * sign > 0).astype(np.int64), (self.change.added, 1)),
                           np.full(self.change.added, label, dtype=np.int64), ())
                for sign in (1.0, -1.0) for label in range(len(self.codes))]

    def neighbours(self, state: State, e: Array, pool: Sequence[State]) -> Iterator[State]:
        """Changes that differ in one column of all new rows, in one new row, or in a row that is left out."""
        a, d = state.corners.shape
        for j in range(d):
            other = state.corners.copy()
            other[:, j] = 1 - other[:, j]
            yield self.state(other, state.labels, state.gone)
        for gone in self._leaving(state, e):
            yield self.state(state.corners, state.labels, gone)
        for r in range(a if a > 1 else 0):
            for one in pool[:OTHERS]:
                corners, labels = state.corners.copy(), state.labels.copy()
                corners[r], labels[r] = one.corners[0], one.labels[0]
                yield self.state(corners, labels, state.gone)

    def _leaving(self, state: State, e: Array) -> Iterator[tuple[int, ...]]:
        """Rows to leave out: those that first order names, and those with one of them changed."""
        if not self.change.deleted:
            return
        head, rows = self.head, np.array(self.change.rows)
        _, _, H = self.sums.parts(head.phi, head.Y[:, 0], state.w)
        d = np.linalg.solve(H + 1e-12 * np.trace(H) / len(e) * np.eye(len(e)), e)
        z = head.phi @ state.w
        gives = -head.loss.guess_slopes(z[:, None], head.Y)[:, 0] * (head.phi @ d)
        order = [int(i) for i in rows[np.argsort(-gives[rows], kind="stable")] if gives[i] > 0]
        yield tuple(order[: self.change.deleted])
        for out in state.gone:
            for into in [i for i in order if i not in state.gone][:LEAVING]:
                yield (*(i for i in state.gone if i != out), into)


def corner_flips(head: Head, change: NewRows, points: Whole, left: Callable[[], float],
                 ) -> Iterator[tuple[int, Array, Whole, tuple[int, ...], Array]]:
    """Point by point new rows at corners that may flip it; members as of `search.flips`.

    First every corner alone with every label, of all new rows at once; of a prediction that none of them flips, the
    best of them with one column, one new row or one row that is left out changed, as long as that is better.
    """
    some, ends = Corners(head, change), {}
    table = some.table(left)
    for j in points.tolist():
        side = 1.0 if head.today[j] == 1 else -1.0
        ends[j] = (side * head.points[j], side * head.threshold)
    for j, (e, at) in ends.items():
        best = min(table, key=lambda one: float(e @ one.w), default=None)
        if best is not None and e @ best.w < at:
            yield j, some.rows(best.corners), best.labels, best.gone, best.w
            continue
        if left() <= 0:
            continue
        found = _searched(some, e, at, table, left)
        if found is not None:
            yield j, some.rows(found.corners), found.labels, found.gone, found.w


def _searched(some: Corners, e: Array, at: float, table: Sequence[State], left: Callable[[], float]) -> State | None:
    """A change that takes `e·w` below a number; None where the search finds none."""
    pool = sorted([*table, *some.towards(e)], key=lambda one: float(e @ one.w))
    for state in pool[:BEGUN]:
        for _ in range(ROUNDS):
            better = None
            for one in some.neighbours(state, e, pool):
                if left() <= 0:
                    return None
                if e @ one.w < e @ (better or state).w:
                    better = one
                if e @ one.w < at:
                    return one
            if better is None:
                break
            state = better
    return None
