"""D25: choices that bounds of pairs and triples leave far, with what is left of the gradient at the sum of three steps.

Second and third differences of several hundred rows have all signs, so that the gradient itself is a fraction of what
the bounds add up to. Those that are farthest come first, as all evaluation rows ask about them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.head import Whole
from certify.theorems.head.rows.softmax_by_choice.candidates import long_of
from certify.theorems.head.rows.softmax_by_choice.sums import Steps, at_sums, base_of, lengths
from certify.theorems.head.rows.softmax_sums.far import Far, Tables

AT_ONCE, TOGETHER = 32, 1 << 14
"""Choices of one pair at a time; and those that are sorted by pairs before the clock is looked at."""


@dataclass(frozen=True, eq=False)
class Sums:
    """Steps that are added, three at a time.

    Attributes:
        rows: `(f,)` the row that each leaves out.
        W: `(f, k, p)` the weights they lead to, `steps` the steps.
    """

    rows: Whole
    W: Array
    steps: Steps

    def distances(self, tables: Tables, T: Whole, check: Callable[[], None]) -> Array:
        """`(B,)` at least the least distance times the scale of its matrix, of choices `(B, 3)` of three steps each."""
        found = np.full(len(T), np.inf)
        order = np.lexsort((T[:, 1], T[:, 0]))
        starts = np.flatnonzero(np.any(np.diff(T[order, :2], axis=0, prepend=-1), axis=1))
        for begin, end in zip(starts, np.append(starts, len(T))[1:], strict=True):
            for start in range(begin, end, AT_ONCE):
                check()
                some = order[start : min(start + AT_ONCE, end)]
                found[some] = self._beside(tables, T[some])
        return found

    def _beside(self, tables: Tables, T: Whole) -> Array:
        """The same of some with the first two steps in common."""
        root, (one, two), which = tables.each[0].m, T[0, :2], T[:, 2]
        found, V = np.full(len(T), np.inf), self.W[one] + self.steps.delta[two]
        if (base := base_of(root, V)) is None:
            return found
        left = at_sums(base, self.steps, which, self.rows[T], V + self.steps.delta[which])
        head = root.c.head
        turn = (0.5 * float(head.phi_norm @ head.phi_norm) + sum(head.mu(3))) * RAISE
        size = lengths(root.c.V[None])[0] + lengths(self.W[one][None])[0] + self.steps.size[two] + self.steps.size[which]
        error = (left.error + 16.0 * U * turn * size) * RAISE  # sums and steps are rounded
        for number in tables.sharp:
            t, scale = tables.each[number], tables.scale[number]
            found = np.fmin(found, t.around(T, long_of(t.m, left.gradient, error)) * scale * RAISE)
        return found


def nearer(tables: Tables, far: Far, sums: Sums, check: Callable[[], None], goes_on: Callable[[], bool]) -> Far:
    """The same choices, with lesser distances of those that are farthest, as many as there is time for.

    Args:
        tables: the matrices.
        far: the choices, the farthest first; those of fewer than three rows stay as they are.
        sums: the steps.
        check: raises when the time is up.
        goes_on: whether there is time for more.
    """
    r, last = far.r.copy(), len(sums.rows)
    three: Whole = np.flatnonzero((far.T < last).all(axis=1))
    for start in range(0, len(three), TOGETHER):
        if not goes_on():
            break
        some = three[start : start + TOGETHER]
        r[some] = np.fmin(r[some], sums.distances(tables, far.T[some], check))
    first = np.argsort(-r, kind="stable")
    return replace(far, T=far.T[first], r=r[first])
