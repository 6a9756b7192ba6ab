"""D17: the matrix in which distances are measured, below the curvature around the centre, and what a step takes of it.

`M = Σ m_j s_js_jᵀ + diag μ`, `m_j` at most what row j keeps of its curvature at the centre where its margin moves by
`a|s_j|` in the norm of M. A step that moves margins away from 0 takes a share of it; how large a share at most is the
largest eigenvalue of what it takes, in the norm of M.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from certify.rigor import fp
from certify.rigor.activation.elementary import exp
from certify.rigor.blocked.grams import gram
from certify.rigor.fp import RAISE, Array, U
from certify.rigor.spectral import spectral
from certify.systems.head.rows.boxes.inverses import inverse
from certify.systems.head.rows.boxes.slabs import Rows
from certify.systems.head.rows.boxes.sums import whole_numbers
from certify.theorems.head.rows.boxes.stated import Codes, coded, decoded
from certify.theorems.head.rows.pair_tree.bound import top
from certify.theorems.head.rows.pair_tree.curves import EVEN, kept_part
from certify.theorems.head.rows.pair_tree.steps import Steps, lengths

TURNS, GROW = 3, 1.02
"""Matrices until the lengths that they rest on are their own; what these are raised by."""

FEW, MORE, SEEN = {2: 96, 3: 192}, 640, 3072
"""Rows whose products are looked at with their signs of what a step takes, by how many rows may follow, and of a step
that takes much; and all whose squares are."""

AT_ONCE = 256
"""Choices at a time."""

MOST = {2: 8, 3: 64}
"""Steps that take much, by how many rows may follow."""


@dataclass(frozen=True, eq=False)
class Metric:
    """A matrix below the curvature.

    Attributes:
        st: the steps.
        codes: (1, n) of how far margins may move.
        m: (n,) what rows keep.
        X, off, size: the inverse, its error, and a bound of its norm.
        long: (n,) upper bounds of the rows' lengths in it.
        reach: how far around a candidate the curvature counts.
    """

    st: Steps
    codes: Codes
    m: Array
    X: Array
    off: float
    size: float
    long: Array
    reach: float


def metric(st: Steps, reach: float) -> Metric | None:
    """The matrix for candidates around which margins move by what `reach` allows; None where it is not proved."""
    c, s, n = st.c, st.c.sums, len(st.c.sums.S)
    least = np.maximum(c.at.D - c.at.D_off, 0.0) * c.kept * (1.0 - 4.0 * U)
    codes = coded(reach * st.lengths[None, :])
    for turn in range(TURNS):
        moved = decoded(codes)[0]
        m = kept_part(least, moved)
        M, unit = gram(s.S, m)
        M[np.diag_indices(len(M))] += s.decay
        unsure = (4.0 * unit * float(m @ (s.norms * s.norms)) * fp.sum_up(n)
                  + 4.0 * U * float(s.decay.sum()) + s.decay_off + whole_numbers(s)) * RAISE
        if not np.isfinite(M).all() or (inv := inverse(M, unsure)) is None:
            return None
        X, off = inv
        off += 4.0 * fp.dot_unit(len(X)) * fp.frobenius(X)
        long = lengths(X, off, s.S, s.norms)
        if turn < TURNS - 1:
            codes = coded(reach * GROW * long[None, :])
    live = c.kept > 0.0
    got = float((moved[live] / long[live]).min(initial=np.inf)) * (1.0 - 4.0 * U)
    return Metric(st, codes, m, X, off, (fp.frobenius(X) + off) * RAISE, long, got)


@dataclass(frozen=True, eq=False)
class Taken:
    """What steps take of M's curvature: `N_l = Σ_j w_jl s_js_jᵀ`, the last that of a far row; all are upper bounds.

    Attributes:
        own: (f + 1,) `m_i|s_i|²` of the rows that are out.
        share: (f + 1,) the largest eigenvalue of `N_l` in the norm of M, row l itself not in it.
        there: (f + 1, f + 1) `m_i s_i·M⁻¹N_lM⁻¹s_i`, how much of it is where row i is.
        seen: rows of which products are known; `K` these, off by `off` times the rows' `sizes`; `K2` bounds of squares.
        w: (u, f + 1) weights of the rows seen; `rest`: traces of what is not; `places`: of the steps' rows among them.
        m, squares: (u,) the metric's numbers of these rows, and their squared lengths.
    """

    own: Array
    share: Array
    there: Array
    seen: Rows
    K: Array
    off: float
    sizes: Array
    K2: Array
    w: Array
    rest: Array
    places: Rows
    m: Array
    squares: Array

    def largest(self, w: Array, few: int) -> Array:
        """At least the largest eigenvalue of `Σ w_js_js_jᵀ` over the rows seen: for each column, few with their signs.

        Of the rows that count most the norm of their products, of the others the root of the sum of their squares, and
        the trace of the product of both.
        """
        left, inner, weight = w.copy(), np.zeros(w.shape[1]), w * self.squares[:, None]
        for i in range(w.shape[1]):
            J = np.argpartition(-weight[:, i], few)[:few] if len(w) > few else np.arange(len(w))
            root = np.sqrt(w[J, i])
            B = self.K[np.ix_(J, J)] * np.outer(root, root)
            lost = self.off * float(w[J, i] @ (self.sizes[J] * self.sizes[J])) * fp.sum_up(len(w))
            inner[i] = spectral(B) + lost
            left[J, i] = 0.0
        seen = self.K2 @ left * fp.sum_up(len(w))
        others = np.sqrt((seen * left).sum(axis=0)) * fp.sum_up(len(w))
        both, half = (seen * (w - left)).sum(axis=0) * fp.sum_up(len(w)), 0.5 * (inner - others)
        found = 0.5 * (inner + others) + np.sqrt(half * half + both)
        return np.asarray(np.minimum(inner + others, found) * RAISE * RAISE)

    def of_choices(self, choices: Rows, few: int) -> Array:
        """At least the largest eigenvalue of what a choice takes, its own rows among it: `(T, k)` columns, `(T,)`."""
        found = np.zeros(len(choices))
        for start in range(0, len(choices), AT_ONCE):
            some = choices[start : start + AT_ONCE]
            w = self.w[:, some].sum(axis=2) * RAISE
            w = np.minimum(w, self.m[:, None])
            beyond = self.rest[some].sum(axis=1)
            for at in range(some.shape[1]):
                near = some[:, at] < len(self.places)
                rows, which = self.places[some[near, at]], np.flatnonzero(near)
                w[rows, which] = self.m[rows]
                beyond[~near] += self.own[-1]
            found[start : start + AT_ONCE] = self.largest(w, few) + beyond
        return np.asarray(found * RAISE)


def taken(a: Metric, h: int, k: int) -> Taken:
    """All of it, for the steps after the first h."""
    st, s = a.st, a.st.c.sums
    y = _shares(st, h, k)
    rows, n = st.rows[h:], len(a.m)
    f = len(rows)
    y[rows, np.arange(f)] = 0.0  # the row itself is out, and counts elsewhere
    w = a.m[:, None] * y * RAISE
    heavy = w.max(axis=1) * a.long
    heavy[rows] = np.inf
    seen: Rows = np.argpartition(-heavy, SEEN)[:SEEN] if SEEN < n else np.arange(n)
    squares = a.long * a.long
    whole = squares @ w
    rest = np.maximum(whole - squares[seen] @ w[seen], 0.0) + 4.0 * fp.dot_unit(n) * whole if SEEN < n else 0.0 * whole
    rest = rest * fp.sum_up(n)
    place = np.zeros(n, np.int64)
    place[seen] = np.arange(len(seen))
    places, sizes, w = place[rows], s.norms[seen], w[seen]
    off = a.off + 8.0 * U * a.size
    K = (s.S[seen] @ a.X) @ s.S[seen].T
    K2 = (np.abs(K) + off * np.outer(sizes, sizes)) ** 2 * RAISE
    side = a.m * squares * RAISE
    own = np.append(side[rows], side[st.far].max(initial=0.0))
    there = np.zeros((f + 1, f + 1))
    there[:f] = (K2[places] @ w) * (a.m[rows][:, None] * fp.sum_up(n)) + own[:f, None] * rest
    t = Taken(own, np.zeros(f + 1), there, seen, K, off, sizes, K2, w, rest, places, a.m[seen], squares[seen])
    share = t.largest(w, FEW[k]) + rest
    if len(w) > FEW[k]:
        much = np.unique(np.append(np.argsort(-share)[: MOST[k]], f))
        share[much] = np.minimum(share[much], t.largest(w[:, much], MORE) + rest[much])
    share *= RAISE
    there[f] = own[f] * share
    return replace(t, share=share, there=np.minimum(there, own[:, None] * share) * RAISE)


def _shares(st: Steps, h: int, k: int) -> Array:
    """(n, f + 1) upper bounds of `1 − D(t + moves)/D(t)` as a sum over steps, the last that of any far row."""
    c, T = st.c, st.T[:, h:]
    size = (np.abs(T) + st.off[:, None]) * RAISE
    sign = np.where(c.at.t > 0.0, 1.0, -1.0)
    back = T * sign[:, None] < -st.off[:, None]  # surely towards the peak
    towards = np.where(back, size, np.where(T * sign[:, None] < st.off[:, None], st.off[:, None], 0.0))
    most = top(towards, st.most, k)
    safe = (most < 2.0 * (np.abs(c.at.t) - c.at.off)) & (np.abs(c.at.t) > c.at.off)
    away = np.where(back & safe[:, None], 0.0, size)
    away = np.concatenate([away, st.most[:, None]], axis=1)
    return np.asarray(np.maximum(1.0 - exp(-np.minimum(away, 600.0)) / EVEN, 0.0) * RAISE)
