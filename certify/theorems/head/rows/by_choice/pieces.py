"""D17: of what the distance from a sum of steps is made, for two and three rows: numbers of rows, pairs and triples.

Column f stands for any far row, and for none: whatever a smaller choice leaves is at most that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.boxes.slabs import THIRD, Rows
from certify.theorems.head.rows.by_choice.metric import Metric, Taken, taken
from certify.theorems.head.rows.pair_tree.bound import Bounds, top
from certify.theorems.head.rows.pair_tree.curves import FEWER, most_between
from certify.theorems.head.rows.pair_tree.formed import formed
from certify.theorems.head.rows.pair_tree.steps import Steps, lengths

LARGE, ROUGH = {2: 0.35, 3: 0.05}, 0.25
"""What a pair may do by its crude bound without being formed with its signs, by how many rows may follow; and where
nothing is to be proved yet."""

MOST = 12_000
"""Most pairs that are formed."""

EACH, TOGETHER = 160, 16
"""Steps of which triples are formed with each; and how many of the others count as one there."""

ROOM = 1.01
"""Of what is proved, to spare: a checker finds its own steps, and rounds in its own way."""


class Formed:
    """What does not depend on a metric: rows of the sum at the candidates, and pairs with their signs.

    Attributes:
        st, h, k: the steps, those of the first h rows out, and how many rows may follow.
        large: what a pair may do by its crude bound without being formed.
        a, b: places, from h on, of the pairs that are formed; `G`, `G_off` what they leave of the gradient.
    """

    def __init__(self, st: Steps, h: int, k: int, large: float) -> None:
        self.st, self.h, self.k, self.large = st, h, k, large
        self.bounds = Bounds(st, h, k)
        self.f = len(st.rows) - h
        self.known: tuple[Rows, Rows, Array, Array] | None = None

    def pairs(self, C: Array) -> tuple[Rows, Rows, Array, Array]:
        """Those that a crude bound leaves large, the largest first if there are too many."""
        if self.known is None:
            a, b = np.triu_indices(self.f, 1)
            some = np.flatnonzero(C[a, b] > self.large)
            if len(some) > MOST:
                some = some[np.argpartition(-C[a[some], b[some]], MOST)[:MOST]]
            self.known = (a[some], b[some], *formed(self.st, self.h, a[some], b[some]))
        return self.known


@dataclass(frozen=True, eq=False)
class Pieces:
    """Upper bounds for choices among f rows with steps of their own and the far ones, in one metric.

    Attributes:
        metric: the metric; `k`: rows that may follow.
        fixed: what every choice has.
        alone: (f + 1,) what single steps leave; `pair`: (f + 1, f + 1) what pairs do.
        taken: shares of the curvature that steps take.
        shared: (f + 1, f + 1) of it where the row of the other is, both ways.
        across: (f + 1, f + 1) products of the rows that are out.
        bent: (f + 1, f + 1) roots: what two steps do to the row of a third is the product of two of its numbers.
        light, heavy: (n,) weights of products of three moves, in squares and by lengths; `moved` (n, f + 1).
    """

    metric: Metric
    k: int
    fixed: float
    alone: Array
    pair: Array
    taken: Taken
    shared: Array
    across: Array
    bent: Array
    light: Array
    heavy: Array
    moved: Array
    known: dict[int, Array] = field(default_factory=dict)

    @cached_property
    def groups(self) -> tuple[Rows, Array]:
        """To which group of columns each one belongs, and the longest moves of each group: the first are alone."""
        n, f = self.moved.shape
        group = np.where(np.arange(f) < EACH, np.arange(f), EACH + (np.arange(f) - EACH) // TOGETHER)
        starts = np.flatnonzero(np.diff(group, prepend=-1))
        return group, np.maximum.reduceat(self.moved, starts, axis=1)

    def triples(self, i: int, j: Rows, l: Rows) -> Array:
        """What i does with pairs of other columns to the slopes of all rows."""
        group, H = self.groups
        if group[i] not in self.known:
            self.known.clear()
            own, bad = H[:, group[i]], np.flatnonzero(self.heavy > 0.0)
            squares = H[:, group[i] :] ** 2
            found = np.sqrt((squares.T * (self.light * own * own)) @ squares)
            if len(bad):
                rest = H[bad, group[i] :]
                found += (rest.T * (self.heavy[bad] * own[bad])) @ rest
            self.known[int(group[i])] = found * fp.sum_up(len(H)) * fp.sum_up(len(H))
        return np.asarray(self.known[int(group[i])][group[j] - group[i], group[l] - group[i]])

    def left(self, i: Rows | int, j: Rows, l: Rows, third: Array | float) -> Array:
        """What the gradient is at most at the sums of steps of choices; l is empty where two rows may follow."""
        left = self.alone[i] + self.alone[j] + self.pair[i, j] + self.fixed
        if len(l):
            B = self.bent
            left = left + self.alone[l] + self.pair[i, l] + self.pair[j, l] + third
            left = left + B[i, j] * B[i, l] + B[j, i] * B[j, l] + B[l, i] * B[l, j]
        return np.asarray(left * RAISE)

    def lost(self, i: Rows | int, j: Rows, l: Rows) -> Array:
        """The share of the curvature that choices take at most: their rows, and what their steps do to others."""
        O, own, share, there = self.across, self.taken.own, self.taken.share, self.shared
        alone = np.diagonal(self.taken.there)
        most, lever = share[i] + share[j], np.maximum(own[i], own[j]) + O[i, j]
        both = alone[i] + alone[j] + there[i, j]
        if len(l):
            x, y, z = O[i, j], O[i, l], O[j, l]
            lever = np.maximum(np.maximum(own[i] + x + y, own[j] + x + z), own[l] + y + z)
            most, both = most + share[l], both + alone[l] + there[i, l] + there[j, l]
        half = 0.5 * (lever - most)
        return np.asarray((0.5 * (lever + most) + np.sqrt(half * half + both)) * (RAISE * RAISE))

    def distance(self, left: Array, lost: Array) -> Array:
        """Upper bounds of how far minimisers lie from the sums of steps; infinite where nothing is proved."""
        kept = (1.0 - lost) * (1.0 - 4.0 * U)
        r = np.where(kept > 2.0**-10, left / np.maximum(kept, 2.0**-10) * (ROOM * RAISE), np.inf)
        return np.asarray(np.where(r < self.metric.reach, r, np.inf))


def pieces(formed_: Formed, a: Metric) -> Pieces:
    """All numbers in one metric."""
    B, st, k, h = formed_.bounds, formed_.st, formed_.k, formed_.h
    c, r, rows, f = st.c, B.r, B.rows, formed_.f
    D = c.at.D
    heavy = (c.kept > 0.0) & (a.m * FEWER < D)
    light = (c.kept > 0.0) & ~heavy & (a.m > 0.0)
    inverse_of = np.where(light, 1.0 / np.where(light, a.m, 1.0), 0.0)
    crude, C_far, C_two = B.gram(r.second, inverse_of, a.long)
    alone = np.zeros(f + 1)
    left = st.left[h:]
    alone[:f] = lengths(a.X, a.off, left, fp.row_norms(left)) + st.left_off[h:] * np.sqrt(a.size)
    if len(st.far):
        alone[f] = 0.5 * C_two + float((c.at.D_off * r.virtual) @ a.long) * fp.sum_up(len(D))
    pull = a.long[rows][:, None] * B.pulled
    C = np.zeros((f + 1, f + 1))
    C[:f, :f] = crude + pull + pull.T
    Q = np.zeros((f + 1, f + 1))
    if k > 2:
        Q[:f, :f], Q[:f, f] = bent_roots(B, a, B.base, B.base_off)
    if len(st.far):
        away = r.most[st.far] * a.long[st.far]
        C[:f, f] = C[f, :f] = C_far + a.long[rows] * B.pulled_far + (B.away * away[:, None]).max(axis=0)
        C[f, f] = C_two + 2.0 * float((away * st.across[st.far]).max())
        bend = (np.minimum(THIRD, r.most[st.far]) * a.long[st.far])[:, None]
        Q[f, :f] = np.sqrt((bend * B.away * B.away).max(axis=0))
        Q[f, f] = float(np.sqrt((bend[:, 0] * st.across[st.far] ** 2).max()))
    C *= RAISE * RAISE
    np.fill_diagonal(C[:f, :f], 0.0)
    one, two, G, G_off = formed_.pairs(C)
    if len(one):
        signed = (lengths(a.X, a.off, G, fp.row_norms(G)) + G_off * np.sqrt(a.size)) * RAISE
        C[one, two] = C[two, one] = np.minimum(signed, C[one, two])
    takes = taken(a, h, k)
    shared = takes.there + takes.there.T
    third = r.third
    return Pieces(a, k, (k + 2.0) * c.gradient * float(np.sqrt(a.size)), alone * RAISE, C, takes, shared * RAISE,
                  across(a, st, rows),
                  Q * RAISE, third * third * inverse_of * RAISE, np.where(light, 0.0, third * a.long),
                  np.concatenate([r.moved, r.virtual[:, None]], axis=1))


def bent_roots(B: Bounds, a: Metric, t: Array, off: Array) -> tuple[Array, Array]:
    """Roots of what two steps do to the row of a third beyond what each does: `|p''| ≤ β` where they lead.

    Args:
        B: what does not depend on a metric.
        a: the metric.
        t, off: from which margins of these rows they lead, and what these are off by.
    """
    st, h, rows, k = B.st, B.h, B.rows, B.k
    T = st.T[rows][:, h:]
    moved = (np.abs(T) + st.off[rows][:, None]) * RAISE
    moved[B.columns, B.columns] = 0.0
    none = B.columns[:, None] == B.columns
    sides = [top(np.where(none, 0.0, np.maximum(s * T, 0.0)), B.other, k - 1) + k * st.off[rows] for s in (1.0, -1.0)]
    reach = np.maximum(np.abs(t - sides[1]), np.abs(t + sides[0])) + off
    bend = most_between(t, sides[1], sides[0], off)
    root = np.sqrt(np.minimum(bend * np.minimum(0.5 * reach, 1.0), THIRD) * a.long[rows] * RAISE)
    return root[:, None] * moved * RAISE, root * B.other * RAISE


def across(a: Metric, st: Steps, rows: Rows) -> Array:
    """`√(m_im_l)|s_i·M⁻¹s_l|` of pairs, with that of far rows last."""
    S, norms, f = st.c.sums.S[rows], st.c.sums.norms[rows], len(rows)
    root = np.sqrt(a.m) * RAISE
    side = root * a.long * RAISE
    far = float(side[st.far].max(initial=0.0))
    O = np.zeros((f + 1, f + 1))
    O[:f, :f] = (np.abs(S @ a.X @ S.T) + a.off * np.outer(norms, norms)) * np.outer(root[rows], root[rows]) * RAISE
    np.fill_diagonal(O, 0.0)
    O[:f, f] = O[f, :f] = side[rows] * far
    O[f, f] = far * far
    return np.asarray(O * RAISE)
