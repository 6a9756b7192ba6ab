"""D6, leaves: weights near the minimiser of the sum after the change of one more row, many at once.

`H ⪰ r(1 − D_i s_iᵀX s_i)·H_c` for the Hessian H near such weights, H_c that of the node's centre, row i included, X its
inverse, `r = e^{−(how much farther from 0 a margin is)}`: `|(ln l'')'| ≤ 1`, and l'' falls with the distance from 0. A
row with another label keeps its curvature, l'' is even: `H ⪰ r·H_c`. So one verified inverse serves all leaves, and
what is left of a gradient is measured in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from certify.finders.head.anderson import Mixed
from certify.rigor import fp
from certify.rigor.activation.elementary import exp
from certify.rigor.activation.sigmoid import values
from certify.rigor.blocked.forms import forms
from certify.rigor.blocked.grams import gram_of_roots
from certify.rigor.fp import RAISE, Array, U
from certify.rigor.spectral import spectral
from certify.systems.head.rows.boxes.inverses import inverse
from certify.systems.head.rows.boxes.parts import dot_parts, products
from certify.systems.head.rows.boxes.slabs import Rows
from certify.systems.head.rows.boxes.trap import Centre

NEAR = 0.5
"""How far margins may move between the weights that stand for a refit and the refit."""

ROOM = 1.0 + 2.0**-8
"""Of distances: a checker has bounds of its own."""

LOSES, LEAST = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 11.0, 15.0), 0.9
"""What rows may lose of their curvature, as exponents, if those that lose more are left out; and the largest share of
curvature that is left out."""

AT_ONCE = 1 << 22
"""Margins that are held at once."""

SETTLED = 2.0**-80
"""Squared length of a step after which none follows."""


@dataclass(frozen=True, eq=False)
class Base:
    """The Hessian at a node's centre.

    Attributes:
        c: the centre.
        X: float, `|H_c⁻¹ − X| ≤ off`, off with what two products with X round.
        size: upper bound of `‖H_c⁻¹‖`.
    """

    c: Centre
    X: Array
    off: float
    size: float

    @cached_property
    def squares(self) -> Array:
        """`(n,)` `s_iᵀXs_i`, off by at most `off |s_i|²` from those of the inverse Hessian."""
        S = self.c.sums.S
        return forms(S, self.X) if self.c.sums.vast else np.einsum("ij,ij->i", S @ self.X, S)

    @property
    def lengths(self) -> Array:
        """`(n,)` upper bounds of `|s_i|` in the norm of the inverse Hessian."""
        norms = self.c.sums.norms
        return np.asarray(np.sqrt(np.maximum(self.squares, 0.0) + self.off * norms * norms) * RAISE)

    @cached_property
    def own(self) -> Array:
        """`(n,)` upper bounds of `c_i D_i s_iᵀH_c⁻¹s_i`, c_i what a row counts; 0 where rows change labels."""
        return np.zeros(len(self.c.sums.S)) if self.c.sums.relabels else self.shares

    @cached_property
    def shares(self) -> Array:
        """`(n,)` upper bounds of `c_i D_i s_iᵀH_c⁻¹s_i`, whatever rows change."""
        c, s = self.c, self.c.sums
        shares = (c.at.D + c.at.D_off) * np.maximum(self.squares + self.off * s.norms * s.norms, 0.0) * RAISE
        return np.asarray(shares if s.weights is None else shares * c.kept * RAISE)


def base(c: Centre) -> Base | None:
    """The verified inverse at the centre; None where it is not proved."""
    s, S, n = c.sums, c.sums.S, len(c.sums.S)
    weights = c.kept * c.at.D
    H, unit = (gram_of_roots(S, weights) if s.vast else
               (products((S * weights[:, None]).T, S.T), dot_parts(n)))
    H[np.diag_indices(len(H))] += s.decay
    sure = 4.0 * unit * float((c.kept * (c.at.D + c.at.D_off)) @ (s.norms * s.norms))
    rough = float((c.kept * c.at.D_off) @ (s.norms * s.norms)) * fp.sum_up(n)
    unsure = (sure + rough + 4.0 * U * float(s.decay.sum()) + s.decay_off) * RAISE
    found = inverse(H, unsure)
    if found is None:
        return None
    X, off = found
    off += 4.0 * fp.dot_unit(len(X)) * fp.frobenius(X)
    return Base(c, X, off, (spectral(X) + off) * RAISE)


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


def lengths(b: Base, points: Array) -> Array:
    """Upper bounds of `|e|` in the norm of the inverse Hessian."""
    norms = fp.row_norms(points)
    squares = np.einsum("ij,ij->i", points @ b.X, points)
    return np.asarray(np.sqrt(np.maximum(squares, 0.0) + b.off * norms * norms) * RAISE)


def _slopes(T: Array, off: Array) -> tuple[Array, Array]:
    """Negative slopes at margins known up to `off`, and what they are off by.

    l'' is at most p, and a curvature grows by less than `1 + 2·off` on the way, if `off ≤ 1`.
    """
    P, error = values(-T)
    steep = np.where(off <= 1.0, np.minimum((P + error) * (1.0 + 2.0 * off), 0.25), 0.25)
    return P, (error + steep * off) * RAISE


def judged(b: Base, rows: Rows, W: Array) -> Array:
    """For each of some rows how far the minimiser after its change lies from the weights W, `(r,)` (D6, leaves).

    Upper bounds of the distance in the norm of the Hessian at the centre, infinite where none is proved.
    """
    c, s, S = b.c, b.c.sums, b.c.sums.S
    n, p = S.shape
    sizes, each = fp.row_norms(W), (np.arange(len(rows)), rows)
    T = products(W, S)
    off = dot_parts(p) * RAISE * sizes[:, None] * s.norms
    P, wrong = _slopes(T, off)
    kept, rounded = np.tile(c.kept, (len(rows), 1)), np.zeros(len(rows))
    P *= c.kept
    if s.relabels:  # −s with p(−t) is s with p(t) − 1
        P[each], rounded = P[each] - c.kept[rows], U * s.norms[rows]
    else:
        kept[each] = P[each] = 0.0
    G = s.decay * W - products(P, S.T)
    unit = dot_parts(n) + (4.0 if s.weights is None else 8.0) * U  # products with weights
    slack = ((kept * wrong + unit * (np.abs(P) + (0.0 if s.weights is None else kept))) @ s.norms * fp.sum_up(n)
             + rounded
             + (4.0 * U * float(s.decay.max(initial=0.0)) + s.decay_off) * sizes) * RAISE
    pull = (lengths(b, G) + np.sqrt(b.size) * slack) * RAISE
    # only a margin that leaves 0 loses curvature; within the distance looked at every margin moves by at most NEAR
    lost = np.maximum(np.abs(T) + off - (np.abs(c.at.t) - c.at.off), 0.0) * (kept > 0.0)
    most, gone = _held(b, lost, b.own[rows])
    change = (most + NEAR) * RAISE
    shrink = exp(-np.minimum(change, 600.0)) * (1.0 - 2.0**-40) - 2.0**-800
    left = shrink * (1.0 - gone) * (1.0 - 4.0 * U)
    far = NEAR / (np.sqrt(b.size) * float(s.norms.max(initial=0.0)) * RAISE)
    ok = (change < 600.0) & (gone < 1.0 - 2.0**-10) & (shrink > 0.0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        moved = np.where(ok, pull / left * RAISE, np.inf)
        return np.asarray(np.where(moved < far * (1.0 - 2.0**-40), moved, np.inf))


def _held(b: Base, lost: Array, own: Array) -> tuple[Array, Array]:
    """What the rows that are counted lose at most, and the share of curvature of those that are left out.

    A few rows that lose much are better left out, as a deleted one is: what they have at the centre is small.
    """
    most, gone = lost.max(axis=1), own.copy()
    some = np.flatnonzero(most > LOSES[0])
    if len(some):
        with np.errstate(over="ignore"):
            best = np.exp(most[some]) / np.maximum(1.0 - own[some], 2.0**-20)
        for bound in LOSES:
            out = own[some] + (lost[some] > bound) @ b.shares * fp.sum_up(lost.shape[1])
            factor = np.where(out < LEAST, np.exp(bound) / np.maximum(1.0 - out, 1.0 - LEAST), np.inf)
            less = (factor < best) & (most[some] > bound)
            best = np.where(less, factor, best)
            most[some[less]], gone[some[less]] = bound, out[less]
    return most, gone


def stays(b: Base, rows: Rows, W: Array, points: Array) -> NDArray[np.bool_]:
    """Whether `e·w(M) > 0` is proved for each refit with one more row changed and each point: `(r, N)` booleans."""
    step = max(1, AT_ONCE // len(b.c.sums.S))
    moved = np.concatenate([np.zeros(0), *(judged(b, rows[at : at + step], W[at : at + step])
                                           for at in range(0, len(rows), step))])
    return above(b, moved, W, points)


def above(b: Base, moved: Array, W: Array, points: Array, long: Array | None = None) -> NDArray[np.bool_]:
    """Whether the margin is above 0 for each point and all w within `moved` of W in the Hessian's norm: `(r, N)`.

    `long` are the points' lengths in the inverse's norm, where they are known.
    """
    aim, unit = b.c.sums.aimed(W), fp.dot_unit(len(b.X) + (b.c.sums.level != 0.0))
    norms, sizes, ok = fp.row_norms(points), fp.row_norms(aim), np.isfinite(moved)
    moved = np.where(ok, moved, 1.0)
    margin = aim @ points.T - np.outer(unit * sizes * RAISE, norms)
    holds = ok[:, None] & (margin > np.outer(moved * np.sqrt(b.size), norms) * (ROOM * RAISE))
    if not holds[ok].all():
        some = np.flatnonzero(~holds[ok].all(axis=0))
        sharp = lengths(b, points[some]) if long is None else long[some]
        holds[:, some] |= ok[:, None] & (margin[:, some] > np.outer(moved, sharp) * (ROOM * RAISE))
    return np.asarray(holds)


def stays_alone(c: Centre, points: Array, known: Base | None = None) -> NDArray[np.bool_]:
    """Whether `e·w > 0` is proved for each point at the minimiser near the centre, by its own Hessian: `(N,)`."""
    b, s = known or base(c), c.sums
    if b is None:
        return np.zeros(len(points), bool)
    change = NEAR + 2.0 * float(np.max((c.kept > 0.0) * c.at.off)) * RAISE
    shrink = float(exp(np.array([-min(change, 600.0)]))[0]) * (1.0 - 2.0**-40) - 2.0**-800
    far = NEAR / (float(np.sqrt(b.size)) * float(s.norms.max(initial=0.0)) * RAISE)
    moved = float(np.sqrt(b.size)) * c.gradient / shrink * RAISE if shrink > 0.0 else np.inf
    moved = moved if moved < far * (1.0 - 2.0**-40) else np.inf
    return np.asarray(above(b, np.array([moved]), c.w[None, :], points)[0])
