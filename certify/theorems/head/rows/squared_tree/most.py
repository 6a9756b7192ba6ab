"""D23: how far at most k deletions take numbers from where they are: the largest bound of the leaves of a tree.

The tree of D4d, asked for a size in place of a sign. What the rows that are gone have taken is known; the rest is at
most the sum of the largest terms of the rows that may still go, or, row by row of the order, what a child says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from certify.rigor.fp import Array, U
from certify.theorems.head.rows.squared.contrasts import Ints
from certify.theorems.head.rows.squared_tree.state import State, without
from certify.theorems.head.rows.squared_tree.sums import taken
from certify.theorems.head.rows.squared_tree.walk import Walk


@dataclass(eq=False)
class Most:
    """Sizes of changes at the nodes of a tree.

    Attributes:
        walk: the tree; its contrasts are 0 before any deletion, so that what they lose is the change.
        late: asked at each node; once true what was found by then bounds the rest.
    """

    walk: Walk
    late: Callable[[], bool]

    def within(self, state: State, k: int, at: Ints, goal: Array) -> Array:
        """Upper bounds of what contrasts have lost once at most k more rows are gone; infinite where none is found.

        Args:
            state: the deletions so far.
            k: how many more.
            at: the contrasts.
            goal: `(len(at),)`: a bound that is no larger need not be made smaller.
        """
        least = state.least[at]
        lost = np.asarray(4 * U * np.abs(least) - least)
        if k == 0 or not len(at):
            return lost
        best, inside, place = np.full(len(at), np.inf), lost.copy(), state.start
        for t in self.walk.levels_of(state, k):
            while place < t:
                open_ = np.flatnonzero(best > np.maximum(inside, goal))
                if not len(open_) or self.late():
                    return np.asarray(np.maximum(best, lost))
                child = without(state, self.walk.order, place, self.walk.pairs)
                inside[open_] = np.inf if child is None else np.maximum(inside[open_], self.within(
                    child, k - 1, at[open_], np.maximum(goal, inside)[open_]))
                place += 1
            open_ = np.flatnonzero(best > np.maximum(inside, goal))
            found = self.walk.joint(state, t, k) if len(open_) and not self.late() else None
            if found is None:
                break
            more = taken(state, found, self.walk.C, self.walk.pairs, at[open_], k)
            here = lost[open_] + more + 4 * U * (np.abs(lost[open_]) + more)
            best[open_] = np.minimum(best[open_], np.maximum(inside[open_], here))
        return np.asarray(np.maximum(best, lost))
