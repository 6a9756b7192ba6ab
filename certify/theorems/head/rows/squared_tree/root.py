"""D4d: what is known before any deletion, and which rows stand first in the order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.ridge import Ridge, solve
from certify.theorems.head.rows.squared.contrasts import Ints, contrasts
from certify.theorems.head.rows.squared.majorant import Factor, Majorant, factor, majorant, unknown
from certify.theorems.head.rows.squared.outputs import Outputs
from certify.theorems.head.rows.squared_tree.state import Pairs, State


@dataclass(frozen=True, eq=False)
class Influences:
    """`BAᵀ`, entry by entry where one is asked for: all of it would be rows times points.

    Attributes:
        B: `(N, p)` points.
        A: `(n, p)` rows.
        order: the rows in question, where they are not those of A as they stand.
    """

    B: Array
    A: Array
    order: Ints | None = None

    def of(self, rows: Ints) -> Influences:
        """Those of some rows: few of them are copied, of many the products with all are formed."""
        return Influences(self.B, self.A, rows) if 2 * len(rows) > len(self.A) else Influences(self.B, self.A[rows])

    def at(self, points: Ints) -> Array:
        """`(P, r)` of some points, which may be named again and again."""
        every, place = np.unique(points, return_inverse=True)
        found = fp.require_finite(self.B[every] @ self.A.T, "influences")
        found = found if self.order is None else found[:, self.order]
        return np.asarray(found if len(every) == len(points) else found[place])


@dataclass(frozen=True, eq=False)
class Root:
    """Everything before deletions.

    Attributes:
        factor, hat: of the hat matrix on the rows that may go.
        C: `(N, n)` influences of these on the points, every one of a point within its `ec`.
        reach: `(N,)` at least `eᵀH⁻¹e`.
        R: `(n, k)` residuals of outputs, every one within `er`.
        pairs: contrasts of the points.
        z, ez: `(P,)`.
        points: `(N,)` their numbers.
    """

    factor: Factor
    hat: Majorant
    C: Influences
    ec: Array
    reach: Array
    R: Array
    er: float
    pairs: Pairs
    z: Array
    ez: Array
    points: Ints

    def of(self, at: Ints) -> Root:
        """The same of some of the points."""
        mine = np.flatnonzero(np.isin(self.pairs.point, at))
        place = np.zeros(len(self.points), dtype=np.int64)
        place[at] = np.arange(len(at))
        pairs = Pairs(place[self.pairs.point[mine]], self.pairs.a[mine], self.pairs.b[mine], self.pairs.sign[mine])
        C = Influences(self.C.B[at], self.C.A)
        return Root(self.factor, self.hat, C, self.ec[at], self.reach[at], self.R, self.er, pairs, self.z[mine],
                    self.ez[mine], self.points[at])

    def state(self, order: Ints) -> State:
        """No row of the order is gone."""
        A = self.factor.A
        n = len(A)
        c = self.C.of(order).at(np.arange(len(self.points)))
        return State((), 0, np.zeros(n, dtype=bool), np.einsum("ij,ij->i", A, A), A @ A[order].T, self.R, (), (), (),
                     c, self.z, self.reach, self.factor.error, self.er, self.ec, self.ez)


def root_of(head: Head, system: Ridge, rows: Ints, points: Ints, late: Callable[[], bool], count: int = 2,
            outputs: Outputs | None = None, asked: tuple[Pairs, Array, Array] | None = None) -> Root | None:
    """That of some points; None once time is up. For one deletion nothing but the diagonal of K is asked for.

    Rows are those of the system; outputs are those of its refit, of the head's targets if none are given. Contrasts
    are those that keep labels, unless others are asked about, with their values and errors.
    """
    found = factor(system, rows)
    hat = majorant(found, late) if count > 1 else unknown(len(rows))
    if hat is None:
        return None
    outputs = Outputs(system, head.Y) if outputs is None else outputs
    R, each, off = outputs.fitted()
    E, loose = head.points[points] * system.scale, head.points_rad[points]
    B = E @ system.R.T
    wrong = (fp.dot_unit(system.p) * fp.row_norms(E) + loose * float(system.scale.max())) * system.size_R * RAISE
    length = (fp.row_norms(B) + wrong) * RAISE
    ec = (fp.dot_unit(system.p) + system.delta / (1.0 - system.delta)) * length * found.length
    ec = (ec + length * found.wrong + wrong * found.length + fp.FLOOR) * (RAISE * RAISE)
    reach = length * length / (1.0 - system.delta) * (RAISE * RAISE)
    pairs, z, ez = _contrasts(head, system, outputs, points) if asked is None else asked
    C = Influences(fp.require_finite(B, "influences"), found.A)
    return Root(found, hat, C, ec, reach, R[rows], float((each + off).max()) * RAISE, pairs, z, ez, points)


def _contrasts(head: Head, system: Ridge, outputs: Outputs, points: Ints) -> tuple[Pairs, Array, Array]:
    """Of every point those that keep its label, with their values and errors."""
    solved = solve(system, head.points[points], head.points_rad[points])
    ends: list[tuple[Array, Array]] = []
    numbers: list[Array] = []
    for today in np.unique(head.today[points]):
        mine = np.flatnonzero(head.today[points] == today)
        for contrast in contrasts(int(today), head.k, head.threshold):
            ends.append(outputs.margins(solved, contrast, mine))
            numbers.append(np.array([mine, *(np.full(len(mine), x) for x in (contrast.a, contrast.b, contrast.sign))]))
    place, a, b, sign = np.concatenate(numbers, axis=1)
    bottom, top = (np.concatenate([pair[n] for pair in ends]) for n in (0, 1))
    half = (top - bottom) * 0.5 * RAISE + 2.0**-50 * (np.abs(top) + np.abs(bottom))
    pairs = Pairs(place.astype(np.int64), a.astype(np.int64), b.astype(np.int64), sign.astype(np.float64))
    return pairs, 0.5 * (bottom + top), half
