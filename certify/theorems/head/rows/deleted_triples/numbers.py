"""D30: numbers of rows and pairs, of which distances of three deleted rows are made, in the matrix without these rows.

`M_T = M − Σ_T m_is_is_iᵀ`. What steps do to rows that stay is no longer in it than in M, so that only what is formed
with its signs, single steps and rows that are out count more; and of the curvature only what steps take is lost.
Column f stands for any far row, and for none; f + 1 for the worst of all columns, f + 2 for none.
proofs/heads-deleted-triples.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.rigor.single.floats import Short, above, products_are_exact
from certify.rigor.single.grams import gram_above, not_tiny
from certify.systems.head.rows.boxes.slabs import THIRD, Rows
from certify.theorems.head.rows.by_choice.metric import Metric, Taken, taken
from certify.theorems.head.rows.by_choice.pieces import across, bent_roots
from certify.theorems.head.rows.deleted_triples.bends import LEAST, TINY, Bends
from certify.theorems.head.rows.deleted_triples.overlaps import overlaps, root_of
from certify.theorems.head.rows.pair_tree.bound import Bounds
from certify.theorems.head.rows.pair_tree.curves import most_between
from certify.theorems.head.rows.pair_tree.formed import formed
from certify.theorems.head.rows.pair_tree.steps import Steps, lengths

KEPT = 2.0**-10
"""Least part of the curvature that has to be left."""

ALSO = 1.0 + 2.0**-20
"""Pays for sums in single precision."""

AT_ONCE = 4096
"""Pairs at a time."""

EACH, TOGETHER = 160, 16
"""Steps of which triples are formed with each; and how many of the others count as one there."""


@dataclass(frozen=True, eq=False)
class Numbers:
    """Upper bounds for choices among f rows with steps of their own and the far ones.

    Attributes:
        metric, taken: the matrix M, and shares of its curvature that steps take.
        k: rows that may follow, two or three.
        fixed, alone: what every choice leaves of the gradient, and `(f + 3,)` what single steps do.
        own, share, there: `(f + 3,)` what M has of rows that are out, what steps take of its curvature, and how much of
            it is where their own rows are.
        across, shared: `(f + 3, f + 3)` products of rows that are out, and what each of two takes where the other's is.
        overlap: `(f + 3, f + 3)` what steps take along rows that are out, as lengths of vectors: rows, and steps.
        place: `(f + 3, f + 3)` numbers of the pairs that are formed, 0 for the others.
        signed: `(f + 3, f + 3)` their lengths; `along`: `(P, f + 3)` squares of what they are along rows, as parts of
            what M has of these.
        root: `(p, p)` of the inverse of M, but for `miss`; `turned`: `(P, p)` pairs that are formed, times it, and
            `off`: `(P,)` what these are off by as lengths.
        rows, beside: `(f + 3, f + 3)` of other pairs what they do to rows that stay, and to the rows of each other.
        bent: `(f + 3, f + 3)` roots: what two steps do to the row of a third is the product of two of its numbers.
        light, heavy: `(n,)` weights of products of three moves, in squares and by lengths; `moved` `(n, f + 1)`.
    """

    metric: Metric
    taken: Taken
    k: int
    fixed: float
    alone: Array
    own: Array
    share: Array
    there: Array
    across: Array
    shared: Array
    overlap: Array
    place: Rows
    signed: Array
    along: Short
    turned: Short
    off: Array
    root: Array
    miss: float
    rows: Array
    beside: Array
    bent: Array
    light: Array
    heavy: Array
    moved: Array
    slab: dict[str, Any] = field(default_factory=dict)

    @property
    def f(self) -> int:
        """How many rows have a step of their own."""
        return int(self.moved.shape[1]) - 1

    def triples(self, i: int) -> Array:
        """`(f + 3, f + 3)` what i does with pairs of other columns to the slopes of all rows, by products of moves."""
        group, H, short = self._groups
        if self.slab.get("of") != group[i]:
            own, bad = H[:, group[i]], np.flatnonzero(self.heavy > 0.0)
            weights, up = self.light * own * own * RAISE, fp.sum_up(len(H)) ** 2
            found = gram_above(short, weights, squared=True) if products_are_exact() else None
            if found is None:
                squares = H**2
                found = (squares.T * weights) @ squares * up
            found = np.sqrt(found) * RAISE
            if len(bad):
                found += (H[bad].T * (self.heavy[bad] * own[bad])) @ H[bad] * up
            self.slab.update({"of": group[i], "found": _worst(found[np.ix_(group, group)] * RAISE)})
        return np.asarray(self.slab["found"])

    @cached_property
    def _groups(self) -> tuple[Rows, Array, Short]:
        """To which group of columns each one belongs, and the longest moves of each group: the first are alone."""
        columns = np.arange(self.f + 1)
        group = np.where(columns < EACH, columns, EACH + (columns - EACH) // TOGETHER)
        H = np.maximum.reduceat(self.moved, np.flatnonzero(np.diff(group, prepend=-1)), axis=1)
        with np.errstate(over="ignore"):  # what is infinite is looked at in doubles
            return group, H, not_tiny(H)

    def beyond(self, i: Rows, j: Rows, l: Rows, third: Array, root: Array) -> Array:
        """What is left of the gradient beside pairs that are formed."""
        B = self.bent
        left = (self.alone[i] + self.alone[j] + self.alone[l] + self.fixed) * root + third
        for a, b in ((i, j), (i, l), (j, l)):
            left = left + self.rows[a, b] + root * self.beside[a, b]
        return np.asarray((left + (B[i, j] * B[i, l] + B[j, i] * B[j, l] + B[l, i] * B[l, j]) * root) * RAISE)

    def choices(self, i: Rows | int, j: Rows, l: Rows | int, third: Array) -> tuple[Array, Array]:
        """Upper bounds of how far refits lie from sums of steps, infinite where nothing is proved, and `1/(1 − o)`.

        Args:
            i, j, l: columns.
            third: what three steps do to the slopes of others.
        """
        more, kept = self.kept(i, j, l)
        root, B = np.sqrt(more) * RAISE, self.bent
        left = (self.alone[i] + self.alone[j] + self.alone[l] + self.fixed) * root + third
        for a, b, other in ((i, j, l), (i, l, j), (j, l, i)):
            left = left + self._pair(a, b, other, more, root)
        left = (left + (B[i, j] * B[i, l] + B[j, i] * B[j, l] + B[l, i] * B[l, j]) * root) * RAISE
        r = np.where(kept > KEPT, left / np.maximum(kept, KEPT) * RAISE, np.inf)
        return np.where(r * root < self.metric.reach, r, np.inf), more

    def kept(self, i: Rows | int, j: Rows, l: Rows | int) -> tuple[Array, Array]:
        """`1/(1 − o)`, and what is left of the curvature without the rows; 0 where that is not known."""
        own, O, V = self.own, self.across, self.overlap
        x, y, z = O[i, j], O[i, l], O[j, l]
        lever = np.maximum(np.maximum(own[i] + x + y, own[j] + x + z), own[l] + y + z) * RAISE
        more = 1.0 / np.maximum(1.0 - lever, LEAST) * RAISE
        both = self.there[i] + self.there[j] + self.there[l] + self.shared[i, j] + self.shared[i, l] + self.shared[j, l]
        most, both = self.share[i] + self.share[j] + self.share[l], both * more
        side = sum((V[a, i] + V[a, j] + V[a, l]) ** 2 for a in (i, j, l)) * more
        half = 0.5 * (most - both)
        lost = (0.5 * (most + both) + np.sqrt(half * half + side) * RAISE) * (RAISE * RAISE)
        kept = (1.0 - lost) * (1.0 - 4.0 * U)
        fine = lever < 1.0 - LEAST
        return np.where(fine, more, np.inf), np.where(fine, np.maximum(kept, 0.0), 0.0)

    def _pair(self, i: Rows | int, j: Rows | int, l: Rows | int, more: Array, root: Array) -> Array:
        """What two steps do; of one that is formed its length, more along the rows that are out."""
        A, at = self.signed[i, j], self.place[i, j]
        along = (self.along[at, i] + self.along[at, j]).astype(np.float64) + self.along[at, l]
        found = np.sqrt(A * A + more * along * ALSO) * RAISE
        return np.asarray(found + self.rows[i, j] + root * self.beside[i, j])

    def forming(self, one: Rows, two: Rows, check: Callable[[], None]) -> Numbers:
        """The same with these pairs formed, which were not.

        Args:
            one, two: columns.
            check: raises when the time is up.
        """
        if not len(one):
            return self
        a, f, held = self.metric, self.f, len(self.along) - (self.f + 3)
        s, rows, root = a.st.c.sums, a.st.rows, float(np.sqrt(a.size))
        full, wrong, along = np.empty(len(one)), np.empty(len(one)), np.zeros((len(one), f + 3), np.float32)
        turned, Z = np.empty((len(one), len(self.root)), np.float32), s.S[rows] @ a.X
        for at in range(0, len(one), AT_ONCE):
            check()
            some = slice(at, at + AT_ONCE)
            G, G_off = formed(a.st, 0, one[some], two[some])
            sizes = fp.row_norms(G)
            full[some] = (lengths(a.X, a.off, G, sizes) + G_off * root) * RAISE
            wrong[some] = (G_off * root + 2.0 * np.sqrt(self.miss) * sizes) * RAISE
            turned[some] = G @ self.root
            inner = np.abs(G @ Z.T) + a.off * np.outer(sizes, s.norms[rows]) + np.outer(G_off * root, a.long[rows])
            along[some, :f] = above(inner * inner * a.m[rows] * (RAISE * RAISE))
            along[some, f] = above(full[some] * full[some] * self.own[f] * RAISE)
        along[:, f + 1] = along[:, : f + 1].max(axis=1)
        found = {name: getattr(self, name)[: f + 1, : f + 1].copy() for name in ("place", "signed", "rows", "beside")}
        for x, y in ((one, two), (two, one)):
            found["place"][x, y], found["signed"][x, y] = held + np.arange(len(one)), full
            found["rows"][x, y] = found["beside"][x, y] = 0.0
        along = np.concatenate([self.along[:held], along])
        return replace(self, **_with_worst(found, along), turned=np.concatenate([self.turned, turned]),
                       off=np.append(self.off, wrong))


def _worst(table: Array) -> Array:
    """With the largest of all columns as one more, and zeros for none."""
    table = np.concatenate([table, table.max(axis=0, keepdims=True)], axis=0)
    return np.pad(np.concatenate([table, table.max(axis=1, keepdims=True)], axis=1), ((0, 1), (0, 1)))


def _with_worst(found: dict[str, Any], along: Short) -> dict[str, Any]:
    """Tables of pairs with the worst of all columns; of these what is along rows has a number for each first column."""
    place, f = found.pop("place"), found["signed"].shape[0] - 1
    tables = {name: _worst(one) for name, one in found.items()}
    each = np.zeros((f + 3, f + 3), np.float32)
    each[: f + 1] = along.max(axis=1)[place].max(axis=1)[:, None]
    each[f + 1] = each.max()
    wide = np.zeros((f + 3, f + 3), np.int64)
    wide[: f + 1, : f + 1] = place
    wide[: f + 1, f + 1] = wide[f + 1, : f + 1] = len(along) + np.arange(f + 1)
    wide[f + 1, f + 1] = len(along) + f + 1
    return {**tables, "place": wide, "along": np.concatenate([along, each])}


def numbers(st: Steps, a: Metric, k: int) -> Numbers | None:
    """All numbers, no pair formed yet; None where floats find no root."""
    B = Bounds(st, 0, k)
    c, r, rows, f = st.c, B.r, st.rows, len(st.rows)
    light = (c.kept > 0.0) & (a.m > TINY)
    longest = a.long / np.sqrt(LEAST) * RAISE  # without the rows that are out
    inverse_of = np.where(light, 1.0 / np.where(light, a.m, 1.0), 0.0)
    crude, C_far, C_two = B.gram(r.second, inverse_of, longest)
    alone = np.zeros(f + 1)
    alone[:f] = lengths(a.X, a.off, st.left, fp.row_norms(st.left)) + st.left_off * np.sqrt(a.size)
    stay, beside, bent = np.zeros((f + 1, f + 1)), np.zeros((f + 1, f + 1)), np.zeros((f + 1, f + 1))
    stay[:f, :f], stay[:f, f], stay[f, :f], stay[f, f] = crude, C_far, C_far, C_two
    P, P0 = st.P[rows], st.P0[rows][:, None]
    pull = a.long[rows][:, None] * (np.abs(P - P0) + 2.0 * st.blur * (P + P0)) * RAISE  # of a row, by who moves it
    beside[:f, :f] = pull + pull.T
    if k > 2:
        bent[:f, :f], bent[:f, f] = bent_roots(B, a, c.at.t[rows], c.at.off[rows])
    if len(st.far):
        bends = Bends(a)
        stay[:f, f] = stay[f, :f] = np.minimum(C_far, [bends.pair(i) for i in range(f)])
        alone[f] = 0.5 * C_two + float((c.at.D_off * r.virtual) @ a.long) * fp.sum_up(len(a.m))
        P, P0 = st.P[st.far], st.P0[st.far][:, None]
        pushed = (a.long[st.far][:, None] * (np.abs(P - P0) + 2.0 * st.blur * (P + P0))).max(axis=0) * RAISE
        away, other = r.most[st.far] * a.long[st.far], st.most[rows]
        near = np.minimum(other, most_between(c.at.t[rows], other, other, c.at.off[rows]) * other)
        beside[:f, f] = beside[f, :f] = a.long[rows] * near + pushed
        beside[f, f] = 2.0 * float((away * st.across[st.far]).max())
        bend = np.minimum(THIRD, r.most[st.far]) * a.long[st.far]
        bent[f, :f] = (k > 2) * np.sqrt((bend[:, None] * B.away * B.away).max(axis=0))
        bent[f, f] = (k > 2) * float(np.sqrt((bend * st.across[st.far] ** 2).max()))
    np.fill_diagonal(stay[:f, :f], 0.0)
    np.fill_diagonal(beside[:f, :f], 0.0)
    third, takes = c.kept * r.third, taken(a, 0, k)
    if (rooted := root_of(a)) is None:
        return None
    root, miss = rooted
    pairs = _with_worst({"place": np.zeros((f + 1, f + 1), np.int64), "signed": np.zeros((f + 1, f + 1)),
                         "rows": stay * RAISE * RAISE, "beside": beside * RAISE * RAISE},
                        np.zeros((1, f + 3), np.float32))
    fixed = (k + 2.0) * c.gradient * float(np.sqrt(a.size)) * RAISE
    return Numbers(
        metric=a, taken=takes, k=k, fixed=fixed, alone=_more(alone * RAISE), own=_more(takes.own),
        share=_more(takes.share), there=_more(np.diagonal(takes.there)), across=_worst(across(a, st, rows)),
        shared=_worst((takes.there + takes.there.T) * RAISE), overlap=_worst(overlaps(a, takes, k, root, miss)),
        place=pairs["place"], signed=pairs["signed"], along=pairs["along"], root=root, miss=miss,
        turned=np.zeros((1, len(root)), np.float32), off=np.zeros(1), rows=pairs["rows"], beside=pairs["beside"],
        bent=_worst(bent * RAISE), light=third * third * inverse_of * RAISE,
        heavy=np.where(light, 0.0, third * longest) * RAISE,
        moved=np.concatenate([r.moved, r.virtual[:, None]], axis=1))


def _more(values: Array) -> Array:
    """With the largest as one more, and 0 for none."""
    return np.append(values, [values.max(), 0.0])
