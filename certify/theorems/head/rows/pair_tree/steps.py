"""D12, what does not depend on how many rows may follow: the single refits of a node, and what they leave.

`δ_i` is any vector near `w_i − ŵ`, `w_i` the minimiser without row i; two Newton steps with the factor of the centre
propose it, more for the rows that move most. `τ_ji = s_j·δ_i`. Of slopes `p(t + τ) = z/(1 + z)`, `z = e^{−t}e^{−τ}`:
a relative error of z is one of p, so that no further exponential is formed for pairs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.rigor import fp
from certify.rigor.activation.elementary import exp
from certify.rigor.fp import RAISE, Array, U
from certify.rigor.single import floats
from certify.systems.head.rows.boxes.slabs import Rows
from certify.systems.head.rows.boxes.trap import Centre
from certify.theorems.head.rows.boxes.leaves import Base
from certify.theorems.head.rows.pair_tree.flipped import flipped
from certify.theorems.head.rows.pair_tree.settle import settle

MOST, ALONE, LABELS, SPARE = 1024, 512, 5120, 512
"""Rows whose steps are formed one by one where there are more free ones, the same where one row follows, where labels
change, and how many more may be; that many are looked at by leverage."""

LONG, TURNS, ONCE = 64, 7, 2
"""Rows that move most, and Newton steps of theirs; steps of the others."""

NEAR = 1e-7
"""Squared length of the longest step of Newton's method after which none follows where a table is large."""

AT_ONCE, ENOUGH = 256, 1.02
"""Far rows at a time, those of the longest steps first; a row whose length allows the others no more than so many times
what products have shown is done."""

FARTHEST = 300.0
"""Largest margin and largest change of one that is looked at."""

LEVERAGE, LIKE = 0.45, 20
"""A sum of leverages that counts as much as the step of the LIKE-th row when rows are ordered."""

BITS = 56
"""Of a checker's rows, one less than they have."""

NEAR_ONE = 1.0 - 2.0**-10

BLURRED = 0.5
"""`e^x − 1 ≤ 2x` for what margins are off by, as slopes are taken to be, holds for small x alone."""


@dataclass(frozen=True, eq=False)
class Steps:
    """The single refits of a node.

    Attributes:
        b: the inverse Hessian at the centre.
        rows: (f,) rows with a step of their own, the hottest first; `far`: the other free rows.
        lengths: (n,) upper bounds of `|s_j|` in the norm of the inverse Hessian.
        delta: (f, p) the steps, exactly these floats.
        T: (n, f) float `s_j·δ_i`, off by at most `off` (n,).
        E: (n, f) `e^{−T}`; z: (n,) `e^{−t}`; P: (n, f) slopes at the step; P0: (n,) at the centre.
        blur: relative error of every z and P, of pairs too.
        left: (f, p) float gradients without row i at the step; `left_off` (f,) their errors.
        reach: upper bound of the steps `π|s_i|` of the far rows, 0 without any, infinite where nothing is known.
        most, across: (n,) how far one of them moves a margin, and how far one does of another row.
        known: pairs of them that were formed, by their rows.
    """

    b: Base
    rows: Rows
    far: Rows
    lengths: Array
    delta: Array
    T: Array
    off: Array
    E: Array
    z: Array
    P: Array
    P0: Array
    blur: float
    left: Array
    left_off: Array
    reach: float
    most: Array
    across: Array
    known: dict[str, Any] = field(default_factory=dict)

    @property
    def c(self) -> Centre:
        """The centre."""
        return self.b.c


def lengths(X: Array, off: float, rows: Array, norms: Array) -> Array:
    """Upper bounds of the lengths of rows in the norm of a matrix within `off` of X."""
    return np.asarray(np.sqrt(np.maximum(np.einsum("ij,ij->i", rows @ X, rows), 0.0) + off * norms * norms) * RAISE)


def in_order(b: Base, free: Rows) -> Rows:
    """The free rows, the hottest first: those whose step is long, and those whose leverages add up to much."""
    c, s = b.c, b.c.sums
    if not len(free):
        return free
    if s.relabels:  # a new label is a pull of 1, and takes no curvature away
        return np.asarray(free[np.argsort(-b.lengths[free], kind="stable")])
    own = np.minimum(b.own[free], NEAR_ONE)
    heat = c.at.p[free] / (1.0 - own) * np.sqrt(np.maximum(own, 0.0) / np.maximum(c.at.D[free], 2.0**-500))
    levels = np.sort(heat)[::-1]
    like = max(float(levels[min(LIKE, len(levels) - 1)]), 2.0**-500)
    some = np.unique(np.concatenate([np.argsort(-heat)[:SPARE], np.argsort(-own)[:SPARE]]))
    root = np.sqrt(c.at.D[free[some]])
    B = np.abs(s.S[free[some]] @ b.X @ s.S[free[some]].T) * np.outer(root, root)
    key = heat / like
    key[some] = np.maximum(key[some], _three(B) / LEVERAGE)
    return np.asarray(free[np.argsort(-key, kind="stable")])


def _three(B: Array) -> Array:
    """The sums of the three largest of each row."""
    f = B.shape[1]
    return np.asarray((np.partition(B, f - 3, axis=1)[:, f - 3 :] if f > 3 else B).sum(axis=1))


def steps(b: Base, order: Rows, k: int, few: int | None = None, settled: bool = False) -> Steps | None:
    """The steps of the free rows; None where margins are too large.

    Args:
        b: the inverse Hessian at the centre.
        order: the free rows, the hottest first.
        k: rows that may follow.
        few: how many rows have a step of their own, where few are asked for.
        settled: whether steps that those with one factor do not settle are mixed with those before.
    """
    c, s, S = b.c, b.c.sums, b.c.sums.S
    n, p = S.shape
    count = LABELS if s.relabels else MOST if k > 1 else ALONE
    mid = order if len(order) <= count + SPARE else order[:count]
    if few is not None and few < len(mid):
        mid = order[:few]
    far = order[len(mid):]
    size = b.lengths
    delta = flipped(b, mid) if s.relabels else _newton(b, mid)
    if settled:
        delta = settle(b, mid, delta)
    long = fp.row_norms(delta)
    T = S @ delta.T
    # a checker's rows are whole numbers of one unit: no part of the proof, but it has to follow
    unit = float(np.ldexp(1.0, int(np.frexp(s.largest)[1]) - BITS))
    off = (fp.dot_unit(p) * s.norms + p * unit) * float(long.max(initial=0.0)) * RAISE
    if not (-FARTHEST < T.min(initial=0.0) and T.max(initial=0.0) < FARTHEST and np.abs(c.at.t).max() < FARTHEST):
        return None
    E, z = exp(-T), exp(-c.at.t)
    P, P0 = _slope(z[:, None] * E), _slope(z)
    P *= c.kept[:, None]
    P0 = P0 * c.kept
    blur = (32.0 * U + 2.0 * float(c.at.off.max()) + 5.0 * float(off.max())) * RAISE
    if not blur < BLURRED:
        return None
    W, each, weigh = c.w + delta, np.arange(len(mid)), s.norms @ P
    own = P[mid, each]
    P[mid, each] = own - 1.0 if s.relabels else 0.0  # −s with p(−t) is s with p(t) − 1
    left = s.decay * W - P.T @ S
    P[mid, each] = own
    weigh = 2.0 * weigh + s.norms[mid] if s.relabels else weigh
    left_off = (n * float(np.sqrt(p)) * unit + (blur + 2.0 * fp.dot_unit(n)) * weigh * fp.sum_up(n)
                + (4.0 * U * float(s.decay.max(initial=0.0)) + s.decay_off) * (long + 2.0 * fp.row_norms(W))) * RAISE
    reach, most, across = _far(b, far, size)
    return Steps(b, mid, far, size, delta, T, off, E, z, P, P0, blur, left, left_off, reach, most, across)


def _far(b: Base, far: Rows, size: Array) -> tuple[float, Array, Array]:
    """The longest step `−πH⁻¹s_l` of the far rows, how far one of them moves each margin, and another one does.

    Of those without products `|s_j·πH⁻¹s_l| ≤ |s_j|·π|s_l|`, in the norm of H⁻¹.
    """
    c, s = b.c, b.c.sums
    most, across = np.zeros(len(s.S)), np.zeros(len(s.S))
    fine = b.own[far] < NEAR_ONE
    if not fine.all():
        return np.inf, most, across
    pull = np.ones(len(far)) if s.relabels else (c.at.p[far] + c.at.p_off[far]) / (1.0 - b.own[far]) * RAISE
    heat = pull * size[far] * RAISE
    order = np.argsort(-heat, kind="stable")
    S: NDArray[Any] = s.S
    unit = 0.0
    if s.halved and floats.products_are_exact():
        S, unit = s.short, floats.dot_unit(s.S.shape[1] + 4)  # of either factor one rounding more
    rest, live, longest = np.zeros(len(s.S)), np.arange(len(s.S)), 0.0
    place = np.zeros(len(s.S), np.int64)
    for start in range(0, len(far), AT_ONCE):
        done = heat[order[start]] * size[live] <= ENOUGH * across[live]
        rest[live[done]] = heat[order[start]] * size[live[done]]
        live = live[~done]
        if not len(live):
            break
        rows, own = far[order[start : start + AT_ONCE]], pull[order[start : start + AT_ONCE]]
        Y = (s.S[rows] @ b.X) * own[:, None]
        longest = max(longest, float(fp.row_norms(Y).max()))
        K = np.abs((S if len(live) == len(S) else S[live]) @ Y.T.astype(S.dtype))
        most[live] = np.maximum(most[live], K.max(axis=1, initial=0.0))
        place[:] = -1
        place[live] = np.arange(len(live))
        here = place[rows]
        K[here[here >= 0], np.flatnonzero(here >= 0)] = 0.0
        across[live] = np.maximum(across[live], K.max(axis=1, initial=0.0))
    loose = (b.off * float((s.norms[far] * pull).max(initial=0.0)) + (unit + 4.0 * U) * longest) * s.norms
    if S is not s.S:
        loose += s.S.shape[1] * floats.LOST * (1.0 + longest + s.norms)
    most, across = (np.maximum(x + loose, rest * RAISE) * RAISE for x in (most, across))
    return float(heat.max(initial=0.0)) * RAISE, most, across


def _slope(z: Array) -> Array:
    return np.asarray(z / (1.0 + z))


def _newton(b: Base, rows: Rows) -> Array:
    """Proposals: Newton's method with the factor of the centre less the row; of large tables in single precision."""
    c = b.c
    S: NDArray[Any] = c.sums.short if c.sums.halved else c.sums.S
    kind = S.dtype
    Z = c.sums.S[rows] @ b.X
    own = np.einsum("ij,ij->i", Z, c.sums.S[rows])
    D, p = c.at.D[rows], c.at.p
    room = np.maximum(1.0 - D * own, 1e-3)
    delta = -(p[rows] / room)[:, None] * Z
    lift = D / room
    z = np.exp(-np.maximum(c.at.t, -80.0)).astype(kind)
    start, pull = c.sums.decay * c.w - (c.kept * p) @ c.sums.S, (c.kept * p).astype(kind)
    for turn in range(TURNS):
        live: NDArray[np.int64] = np.arange(len(rows) if turn < ONCE - 1 else min(LONG, len(rows)))
        # what slopes change, p(t + τ) − p(t) = p(t)(e^−τ − 1)/(1 + z), has all its digits however small it is
        P: NDArray[Any] = np.expm1(np.clip((-delta[live]).astype(kind) @ S.T, -80.0, 80.0))
        P *= pull / (1.0 + z * (1.0 + P))
        P[live, rows[live]] = -pull[rows[live]]
        G = start + c.sums.decay * delta[live] - P @ S
        Y = G @ b.X
        near = c.sums.vast and turn > 0 and float(np.einsum("ij,ij->i", G, Y).max(initial=0.0)) < NEAR
        Y += (np.einsum("ij,ij->i", Y, c.sums.S[rows[live]]) * lift[live])[:, None] * Z[live]
        delta[live] -= Y
        if near:
            break
    return np.asarray(delta)
