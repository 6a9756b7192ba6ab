"""D6, leaves: weights near the minimiser of the sum after the change of one more row, many at once.

`H ⪰ r(1 − D_i s_iᵀX s_i)·H_c` for the Hessian H near such weights, H_c that of the node's centre, row i included, X its
inverse, `r = e^{−(largest change of a margin)}`: `|(ln l'')'| ≤ 1`. A row with another label keeps its curvature, l''
is even: `H ⪰ r·H_c`. So one verified inverse serves all leaves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from certify.finders.head.anderson import Mixed
from certify.rigor import fp
from certify.rigor.activation import activation
from certify.rigor.activation.elementary import exp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.boxes.slabs import Rows
from certify.systems.head.rows.boxes.trap import Centre, inverse

ROOM = 2.0**-20
"""How far a refit may lie from the weights that stand for it, times the inverse's norm."""

SETTLED = 2.0**-80
"""Squared length of a step after which none follows."""


@dataclass(frozen=True, eq=False)
class Base:
    """The Hessian at a node's centre.

    Attributes:
        c: the centre.
        X: float, `|H_c⁻¹ − X| ≤ off`, off with what two products with X round.
        size: upper bound of `‖H_c⁻¹‖`.
        own: (n,) upper bounds of `c_i D_i s_iᵀH_c⁻¹s_i`, c_i what a row counts; 0 where rows change labels.
    """

    c: Centre
    X: Array
    off: float
    size: float
    own: Array


def base(c: Centre) -> Base | None:
    """The verified inverse at the centre; None where it is not proved."""
    s, S, n = c.sums, c.sums.S, len(c.sums.S)
    H = (S.T * (c.kept * c.at.D)) @ S
    H[np.diag_indices(len(H))] += s.decay
    sure = 4.0 * fp.dot_unit(n) * float((c.kept * (c.at.D + c.at.D_off)) @ (s.norms * s.norms))
    rough = float((c.kept * c.at.D_off) @ (s.norms * s.norms)) * fp.sum_up(n)
    unsure = (sure + rough + 4.0 * U * float(s.decay.sum()) + s.decay_off) * RAISE
    found = inverse(H, unsure)
    if found is None:
        return None
    X, off = found
    off += 4.0 * fp.dot_unit(len(X)) * fp.frobenius(X)
    own = np.zeros(n) if s.relabels else np.einsum("ij,ij->i", S @ X, S) + off * s.norms * s.norms
    own = (c.at.D + c.at.D_off) * np.maximum(own, 0.0) * RAISE
    return Base(c, X, off, (fp.frobenius(X) + off) * RAISE, own if s.weights is None else own * c.kept * RAISE)


def refits(b: Base, rows: Rows, turns: int = 12) -> Array:
    """Proposals `(r, p)` for the minimisers after the change of one of the rows each.

    By Newton with a fixed factor, and its steps mixed: where a refit is far away the factor alone takes dozens of them.
    """
    c, S = b.c, b.c.sums.S
    Z = b.X @ S[rows].T
    counts = c.kept[rows]
    D = c.at.D[rows] * counts
    own = np.einsum("ij,ji->i", S[rows], Z)
    if c.sums.relabels:
        pull, lift = settled(c, rows, own * counts) * counts, np.zeros(len(rows))
    else:
        lift = D / np.maximum(1.0 - D * own, 1e-3)
        pull = counts * c.at.p[rows] / np.maximum(1.0 - D * own, 1e-3)
    W = c.w + (pull * -Z).T
    live, mixed = np.arange(len(rows)), Mixed()
    for _ in range(turns):
        T = W[live] @ S.T
        P = (0.5 - 0.5 * np.tanh(0.5 * T)) * c.kept
        each = np.arange(len(live)), rows[live]
        P[each] = P[each] - counts[live] if c.sums.relabels else 0.0
        G = c.sums.decay * W[live] - P @ S
        Y = G @ b.X
        Y += (np.einsum("ij,ij->i", Y, S[rows[live]]) * lift[live])[:, None] * Z.T[live]
        W[live] = mixed.step(W[live], G, Y)
        go = (Y * Y).sum(axis=1) > SETTLED
        mixed.keep(np.flatnonzero(go))
        live = live[go]
        if not len(live):
            break
    return np.asarray(W)


def settled(c: Centre, rows: Rows, own: Array, turns: int = 6) -> Array:
    """Pulls `1 + r(τ)` with `τ = −own·(1 + r(τ))`, r what linearising the row leaves: how one changed label settles."""
    t, p, D = c.at.t[rows], c.at.p[rows], c.at.D[rows]
    tau = -own
    for _ in range(turns):
        q = 0.5 - 0.5 * np.tanh(0.5 * (t + tau))
        pull = 1.0 + p - q - D * tau
        tau = tau - (tau + own * pull) / np.maximum(1.0 + own * (q * (1.0 - q) - D), 0.1)
    q = 0.5 - 0.5 * np.tanh(0.5 * (t + tau))
    return np.asarray(1.0 + p - q - D * tau)


def stays(b: Base, rows: Rows, W: Array, points: Array) -> NDArray[np.bool_]:
    """Whether `e·w(M) > 0` is proved for each refit with one more row changed and each point: `(r, N)` booleans.

    With `g` the gradient at W and `q ≥ ‖H⁻¹‖` near W: `|w(M) − W| ≤ q|g|`, if that is below `ROOM`.
    """
    c, s, S = b.c, b.c.sums, b.c.sums.S
    n, p = S.shape
    sizes = fp.row_norms(W)
    T = W @ S.T
    off = fp.dot_unit(p) * RAISE * sizes[:, None] * s.norms
    value, _ = activation("sigmoid").enclose(-T)
    kept, each = np.tile(c.kept, (len(rows), 1)), (np.arange(len(rows)), rows)
    P, rounded = value.mid * kept, np.zeros(len(rows))
    if s.relabels:  # −s with p(−t) is s with p(t) − 1
        P[each], rounded = P[each] - c.kept[rows], U * s.norms[rows]
    else:
        kept[each] = P[each] = 0.0
    G = s.decay * W - P @ S
    unit = fp.dot_unit(n) + 4.0 * U if s.weights is None else fp.dot_unit(n + 4) + 4.0 * U  # products with weights
    slack = ((kept * (value.error + 0.25 * off) + unit * (np.abs(P) + (0.0 if s.weights is None else kept)))
             @ s.norms * fp.sum_up(n)
             + rounded
             + (4.0 * U * float(s.decay.max(initial=0.0)) + s.decay_off) * sizes) * RAISE
    gradient = (fp.row_norms(G) + slack) * RAISE
    there = c.kept > 0.0
    change = np.max((np.abs(T - c.at.t) + off + c.at.off) * there + ROOM * s.norms * there, axis=1) * RAISE
    shrink = exp(-np.minimum(change, 600.0)) * (1.0 - 2.0**-40) - 2.0**-800
    left = shrink * (1.0 - b.own[rows])
    ok = (change < 600.0) & (b.own[rows] < 1.0 - 2.0**-10) & (shrink > 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        moved = np.where(ok, b.size * gradient / left * RAISE, np.inf)
    ok &= moved < ROOM
    norms = fp.row_norms(points)
    margin = W @ points.T
    need = norms * (np.where(ok, moved, 1.0)[:, None] + fp.dot_unit(p) * sizes[:, None]) * RAISE
    return np.asarray(ok[:, None] & (margin > need))


def stays_alone(c: Centre, points: Array, known: Base | None = None) -> NDArray[np.bool_]:
    """Whether `e·w > 0` is proved for each point at the minimiser near the centre, by its own Hessian: `(N,)`."""
    b, s = known or base(c), c.sums
    none = np.zeros(len(points), bool)
    if b is None:
        return none
    change = float(np.max((c.kept > 0.0) * (c.at.off + ROOM * s.norms))) * RAISE
    shrink = float(exp(np.array([-min(change, 600.0)]))[0]) * (1.0 - 2.0**-40) - 2.0**-800
    if not (change < 600.0 and shrink > 0.0):
        return none
    moved = b.size * c.gradient / shrink * RAISE
    if not moved < ROOM:
        return none
    size = float(fp.row_norms(c.w[None, :])[0])
    need = fp.row_norms(points) * (moved + fp.dot_unit(len(c.w)) * size) * RAISE
    return np.asarray(points @ c.w > need)
