"""How far outputs of a squared-loss head move when any m rows get other labels: one sort for each evaluation row (D3).

`f_M(x) − f(x) = Σ_M q_i Δ_i`, `q = ΦH⁻¹x`. One output: the m largest numbers of either sign are there, both ends meet.
Several outputs: D31, for which of each label and sign the m largest influences are enough.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from certify.format.errors import EnclosureError
from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.change import NONE, RowChange
from certify.systems.head.rows.changes.base import Change
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.ridge import ridge, solve
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.motions.few_vectors import Vectors, longest_sum
from certify.theorems.head.rows.motions.summed import ROOM, WIDER, Summed, able, steps
from certify.theorems.head.rows.squared.contrasts import Contrast
from certify.theorems.head.rows.squared_labels import Labels, Point, Targets, drops

TOP, ROUNDS, FINDING = 4, 6, 0.3
"""Evaluation rows of which the changes that move them most are tried; how often the changes that are found are chosen
anew, and for what share of the time."""


@dataclass(frozen=True, eq=False)
class Ends:
    """How far outputs move.

    Attributes:
        lower, upper: `(N,)` of all outputs of a row together; the change found moves it by `lower`, none by more than
            `upper`.
        falls, rises: `(N, k)` upper bounds of how far each output goes down, and up.
        rows, codes: `(N, m)` these changes.
        lost: `(N,)` what rounding has of the upper ends.
    """

    lower: Array
    upper: Array
    falls: Array
    rises: Array
    rows: Whole
    codes: Whole
    lost: Array


def outputs_summed(head: Head, change: Change, budget: Budget) -> Summed | None:
    """An upper end of the change of outputs; None where none is proved."""
    if able(head, change) or not isinstance(change, RowChange) or not change.relabels or not len(head.points):
        return None
    try:
        found = ends_of(head, change, budget)
    except EnclosureError:
        return None
    if isinstance(found, str):
        return None
    top = np.argsort(-found.upper, kind="stable")[:TOP]
    each = (found.upper + WIDER * found.lost) * ROOM
    return Summed(float(each.max()), each, found.rows[top], found.codes[top])


def ends_of(head: Head, change: RowChange, budget: Budget) -> Ends | str:
    """Both ends of the change of every evaluation row, or in words why there are none.

    Args:
        head, change: of which :func:`able` says nothing.
        budget: the time; of several outputs upper ends are larger with less of it.

    Raises:
        EnclosureError: overflow.
    """
    assert head.codes is not None and head.label is not None
    if not change.rows:
        return "no row may change"
    system = ridge(head.phi, head.mu(), head.decayed, head.phi_rad)
    if isinstance(system, str):
        return system
    asked = _Asked(head, change, Labels(system, Targets(head.Y, head.codes, change.open_codes(head))))
    N, k, finding = len(head.points), head.k, budget.share(FINDING)
    ends, low, lost, size = np.zeros((2, N, k)), np.zeros(N), np.zeros(N), (N, asked.count)
    rows, codes = np.full(size, NONE, dtype=np.int64), np.full(size, NONE, dtype=np.int64)
    pools: list[Vectors] = []
    for j, point in asked.labels.influences(solve(system, head.points, head.points_rad)):
        ends[:, j], chosen = asked.ends(point)
        lost[j] = asked.lost(point) * k
        with np.errstate(over="ignore", invalid="ignore"):  # a proposal
            chosen = asked.farther(point, chosen) if k > 1 and finding.left() > 0 else chosen
        low[j], rows[j, :len(chosen)], codes[j, :len(chosen)] = asked.reached(point, chosen)
        pools += [asked.pool(point)] if k > 1 else []
    most = ends.max(axis=0)
    upper = most[:, 0] if k == 1 else fp.row_norms(most) * RAISE
    for j in np.argsort(-upper, kind="stable") if k > 1 else ():
        if budget.left() <= 0:
            break
        upper[j] = min(upper[j], (longest_sum(pools[j], asked.count) + lost[j]) * RAISE)
    return Ends(low, fp.require_finite(upper, "sums of influences"), ends[0], ends[1], rows, codes, lost)


class _Asked:
    """What every evaluation row is asked.

    Args:
        head, change: the problem.
        labels: the same, for influences.
    """

    def __init__(self, head: Head, change: RowChange, labels: Labels) -> None:
        assert head.label is not None
        self.labels, self.count, self.k = labels, min(change.count, len(labels.rows)), head.k
        self.V = steps(head, change, labels.rows)
        self.longest = float(fp.row_norms(self.V).max(initial=0.0)) * (1 + 4 * U)
        self.label = head.label[labels.rows]
        self.others = np.array([change.alternatives(head, int(row)) for row in labels.rows], dtype=np.int64)

    def ends(self, point: Point) -> tuple[Array, Whole]:
        """`(2, k)` how far each output falls and rises at most; and the places of rows that take one farthest."""
        found, best, worst = np.zeros((2, self.k)), 0.0, np.zeros((0, 2), dtype=np.int64)
        for a in range(self.k):
            for way, sign in enumerate((1.0, -1.0)):
                s = self.labels.swing(Contrast(a, -1, sign))
                v = drops(point, s)
                top = np.argpartition(-v, self.count - 1)[:self.count] if self.count < len(v) else np.arange(len(v))
                top = top[v[top] > 0]
                taken, slack = float(v[top].sum()), float(point.slack(np.array(float(self.count)), s))
                found[way, a] = (taken * fp.sum_up(self.count + 2) + slack) * RAISE + fp.FLOOR  # products may underflow
                if taken > best:
                    best, worst = taken, self._codes(point, top, a, sign)
        return found, worst

    def _codes(self, point: Point, top: Whole, a: int, sign: float) -> Whole:
        """`(r, 2)` places of rows, ascending, and which of its steps takes most from an output, or adds to it."""
        top = np.sort(top)
        taken = -sign * point.q[top, None] * self.V[top, :, a]
        return np.stack([top, taken.argmax(axis=1)], axis=1)

    def farther(self, point: Point, chosen: Whole) -> Whole:
        """The places of rows, and their steps, that lie farthest along what the chosen ones do, again and again."""
        best, kept = 0.0, chosen
        for _ in range(ROUNDS):
            g = point.q[chosen[:, 0]] @ self.V[chosen[:, 0], chosen[:, 1]]
            if not float(g @ g) > best:
                break
            best, kept = float(g @ g), chosen
            along = point.q[:, None] * (self.V @ g)
            step, v = along.argmax(axis=1), along.max(axis=1)
            top = np.argpartition(-v, self.count - 1)[:self.count] if self.count < len(v) else np.arange(len(v))
            top = np.sort(top[v[top] > 0])
            chosen = np.stack([top, step[top]], axis=1)
        return kept

    def reached(self, point: Point, chosen: Whole) -> tuple[float, Whole, Whole]:
        """How far a change moves all outputs together at least, its rows and codes."""
        place, step = chosen[:, 0], chosen[:, 1]
        if not len(chosen):
            return 0.0, place, step
        V, q, m = self.V[place, step], point.q[place], len(place)
        size = fp.row_norms(V) * (1 + 4 * U)
        value = np.einsum("i,ik->k", q, V)
        lost = point.each * float(size.sum()) + point.off * float(fp.row_norms(size[None, :])[0])
        lost += (fp.dot_unit(m) + 8 * U) * float((np.abs(q) * size).sum()) * np.sqrt(self.k)
        # no square overflows, and what products below the normal numbers lose is counted
        far = math.hypot(*value.tolist()) * (1 - 4 * fp.dot_unit(self.k)) - lost * RAISE * RAISE - fp.FLOOR
        return max(far, 0.0) if math.isfinite(far) else 0.0, self.labels.rows[place], self.others[place, step]

    def lost(self, point: Point) -> float:
        """What m vectors may be off by together."""
        off = self.count * (point.each + 4 * U * float(np.abs(point.q).max())) + np.sqrt(self.count) * point.off
        return float(off * self.longest * RAISE * RAISE)

    def pool(self, point: Point) -> Vectors:
        """The vectors of which some m have the longest sum: of each label and sign those of the largest influences."""
        some = []
        for label in np.unique(self.label):
            for sign in (1.0, -1.0):
                mine = np.flatnonzero((self.label == label) & (sign * point.q > 0))
                some.append(mine[np.argsort(-np.abs(point.q[mine]), kind="stable")[:self.count]])
        chosen = np.concatenate(some)
        return Vectors(self.V[chosen], point.q[chosen, None])
