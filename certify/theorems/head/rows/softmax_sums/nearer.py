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

AT_ONCE, COMPARED = 32, 1 << 17
"""Choices of one pair at a time; and those that are compared with what an evaluation row bears."""

FARTHEST, KNOWN = 1 << 15, 1 << 21
"""Choices that are far, between two looks at the time; and distances that are held to be asked for again."""

LOW = 1.0 - 2.0**-30
"""Of a number in floats, what is less than it whatever a few roundings did."""


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
        by_length = np.argsort(-self.steps.size[T], axis=1, kind="stable")  # long ones are in many choices
        T = np.take_along_axis(T, by_length, axis=1)
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
        size = float(lengths(root.c.V[None])[0] + lengths(self.W[one][None])[0]) + self.steps.size[two]
        size = size + self.steps.size[which]
        error = (left.error + 16.0 * U * turn * size) * RAISE  # sums and steps are rounded
        for number in tables.sharp:
            t, scale = tables.each[number], tables.scale[number]
            found = np.fmin(found, t.around(T, long_of(t.m, left.gradient, error)) * scale * RAISE)
        return found


class Nearer:
    """Distances of choices that are asked for, each found once.

    Args:
        tables: the matrices.
        sums: the steps.
        check: raises when the time is up.
    """

    def __init__(self, tables: Tables, sums: Sums, check: Callable[[], None]) -> None:
        self.tables, self.sums, self.check = tables, sums, check
        self._known = dict[int, float]()

    def distances(self, T: Whole) -> Array:
        """`(B,)` at least the distances of choices `(B, 3)`; infinite of those of fewer than three rows."""
        if len(self._known) > KNOWN:  # they take 150 bytes each
            self._known.clear()
        base, T = len(self.sums.rows) + 1, np.sort(T, axis=1)
        numbers = ((T[:, 0] * base + T[:, 1]) * base + T[:, 2]).tolist()
        three = (T < len(self.sums.rows)).all(axis=1)
        new = np.flatnonzero(three & np.array([number not in self._known for number in numbers], dtype=bool))
        r = self.sums.distances(self.tables, T[new], self.check)
        self._known.update(zip((numbers[at] for at in new.tolist()), r.tolist(), strict=True))
        return np.array([self._known.get(number, np.inf) for number in numbers])

    def brought(self, far: Far, least: float, enough: Callable[[], bool] = lambda: True) -> Far:
        """The choices that are far, with lesser distances of those whose distance is at least so much.

        Args:
            far: the choices, the farthest first.
            least: how far those are for which it is worth the while.
            enough: whether there is time for more of them; the others stay as far as they are said to be.
        """
        r = far.r.copy()
        some = np.flatnonzero(~(r < least))
        for start in range(0, len(some), FARTHEST):
            if not enough():
                break
            part = some[start : start + FARTHEST]
            r[part] = np.fmin(r[part], self.distances(far.T[part]))
        first = np.argsort(-r, kind="stable")
        return replace(far, T=far.T[first], r=r[first])


def not_near(T: Whole, r: Array, takes: Array, gap: Array, lengths: Array) -> Whole:
    """Which of some choices a distance does not prove for an evaluation row.

    Args:
        T: `(B, 3)` choices; `r` `(B,)` at least their distances.
        takes: `(f + 1, k − 1)` what steps take of margins, `gap` `(k − 1,)` the margins.
        lengths: `(k − 1,)` of the row.
    """
    found = [np.zeros(0, np.int64)]
    worst = np.maximum((takes / lengths).max(axis=1), 0.0)
    bears = float((gap / lengths).min()) * LOW
    for start in range(0, len(T), COMPARED):
        some = slice(start, start + COMPARED)
        at = start + np.flatnonzero(~((worst[T[some]].sum(axis=1) + r[some]) < bears))
        size = np.abs(takes[T[at]]).sum(axis=1)
        taken = takes[T[at]].sum(axis=1) + 8.0 * U * size
        bad = ~(taken + lengths * (r[at, None] * (RAISE * RAISE)) < gap - (1.0 - LOW) * np.abs(gap)).all(axis=1)
        found.append(at[bad])
    return np.concatenate(found)
