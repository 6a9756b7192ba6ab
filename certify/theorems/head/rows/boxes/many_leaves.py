"""D6, leaves of large heads: refits by :mod:`leaf_search`, each only as near as the points that rest on it need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from certify.rigor.fp import Array
from certify.systems.head.rows.boxes.slabs import Rows
from certify.theorems.head.rows.boxes.leaf_search import TURNS, Search
from certify.theorems.head.rows.boxes.leaves import Base, above, judged, lengths

LARGE = 1 << 21
"""Entries of the training rows from which on leaves are looked for so."""

AT_ONCE = 1 << 22
"""Margins that are held at once."""

HARD = 0.15
"""Share of the points that are left for later, those whose margins are least: they ask most of every leaf."""

SLOWER = 1.4
"""Of the time that is left, what the leaves still needed may take by those so far: the first find flips as well."""

POLISHED = 1e-8
"""Length of a step from which on weights are near enough to prove, by other means, that a point is flipped."""


@dataclass(eq=False)
class ManyLeaves:
    """Refits with one of some rows changed.

    Attributes:
        b: the inverse Hessian at the centre.
        rows: the rows.
        points: (N, p) oriented rows.
        good: (N, r) where a point needs no better leaf, those where it needs none included.
        W: (r, p) weights.
        flips: for some points the number of a leaf at whose weights they lie on the other side.
        given_up: whether the time was, or would have been, too short for even one point.
        begun: whether there are weights of all leaves already, from which to go on.
    """

    b: Base
    rows: Rows
    points: Array
    good: NDArray[np.bool_]
    W: Array
    flips: dict[int, int] = field(default_factory=dict)
    given_up: bool = False
    begun: bool = False
    idle: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        """What is good before any leaf is looked at needs none."""
        self.idle = self.good.copy()

    @property
    def alive(self) -> NDArray[np.bool_]:
        """`(N,)` the points that no leaf flips."""
        found = np.ones(len(self.points), bool)
        found[list(self.flips)] = False
        return found

    def search(self, left: Callable[[], float]) -> None:
        """Go through all of them, while there is time: first for the points that are clear, then for all."""
        finder, long = Search(self.b), lengths(self.b, self.points)
        clear = self.points @ self.b.c.sums.aimed(self.b.c.w) / np.maximum(long, 2.0**-500)
        clear_ones = clear >= np.quantile(clear, HARD) if len(clear) else np.zeros(0, bool)
        for asked in (clear_ones, np.ones(len(clear), bool)):
            if not self._pass(finder, long, asked, left):
                return

    def _pass(self, finder: Search, long: Array, asked: NDArray[np.bool_], left: Callable[[], float]) -> bool:
        """Better weights of all leaves for some of the points; whether there was time."""
        step, begun, done = max(1, AT_ONCE // len(self.b.c.sums.S)), left(), 0
        for start in range(0, len(self.rows), step):
            at = np.arange(start, min(start + step, len(self.rows)))
            at = at[(~self.good[:, at] & (self.alive & asked)[:, None]).any(axis=0)]
            fewest = int((~self.good[self.alive & asked]).sum(axis=1).min(initial=len(self.rows)))
            if left() <= 0.0 or done and (begun - left()) / done * fewest > SLOWER * left():
                self.given_up = not self.good[self.alive].all(axis=1).any()
                return False  # not even one point would have all its leaves in time
            if len(at):
                def judge(of: Rows, V: Array, size: Array, at: Rows = at) -> Rows:
                    return self._judge(at[of], V, size, long, asked)

                finder.run(self.rows[at], judge, left, self.W[at] if self.begun else None)
                done += len(at)
        self.begun = True
        return True

    def _judge(self, at: Rows, V: Array, size: Array, long: Array, asked: NDArray[np.bool_]) -> Rows:
        """Which of some leaves none of the points asked about needs to be any nearer."""
        moved = judged(self.b, self.rows[at], V)
        # what is good is so by the weights that are kept: those judged last
        self.W[at] = V
        self.good[:, at] = self.idle[:, at] | above(self.b, moved, V, self.points, long).T
        open_ = ~self.good[:, at] & (self.alive & asked)[:, None]
        wrong = open_ & (self.points @ self.b.c.sums.aimed(V).T <= 0.0)
        for i in np.flatnonzero(wrong.any(axis=0) & (size < POLISHED)):
            for j in np.flatnonzero(wrong[:, i]):
                self.flips.setdefault(int(j), int(at[i]))
        return np.flatnonzero(~(open_ & self.alive[:, None]).any(axis=0))


def many_leaves(b: Base, rows: Rows, wanted: NDArray[np.bool_], points: Array, left: Callable[[], float]) -> ManyLeaves:
    """Those that `wanted` `(N, r)` asks for; each gets at most `TURNS` steps."""
    assert TURNS > 0
    found = ManyLeaves(b, rows, points, ~wanted, np.tile(b.c.w, (len(rows), 1)))
    found.search(left)
    return found
