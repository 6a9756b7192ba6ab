"""D6, refits where a loss is flat beyond a kink: as near as strong convexity says, and rows that pull on none of them.

Every weight decays there, so the sum is μ-strongly convex for the least decay μ, and its minimiser lies within
`|∇|/μ` of any weights: refits are solved to the end by Newton's method, which for the squared hinge takes as many steps
as rows change sides, and judged by what is left of the gradient.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from certify.finders.head import boxes
from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.boxes.parts import dot_parts, products
from certify.systems.head.rows.boxes.slabs import Rows
from certify.systems.head.rows.boxes.sums import Sums
from certify.systems.head.rows.boxes.trap import Centre

SETTLED, TURNS = 2.0**-33, 12
"""Length of a Newton step, relative to that of the weights, after which none follows; and the most steps."""

AT_ONCE, SQUARES = 1 << 21, 1 << 22
"""Numbers that are held at once; entries of the squares of bent rows up to which Hessians are sums of these."""

ROOM = 1.0 + 2.0**-8
"""Of distances: a checker has bounds of its own."""

TINY = 2.0**-500
"""More than what underflows."""


@dataclass(frozen=True, eq=False)
class Refit:
    """The sum after the change of some rows, and one row more for each of several refits.

    Attributes:
        s: the sum.
        kept: what rows count there.
        rows: of each refit the row that is changed as well; None: one refit, and none is.
    """

    s: Sums
    kept: Array
    rows: Rows | None

    def at(self, W: Array) -> tuple[Array, Array]:
        """`(r, n)` what rows count, and their margins at weights of the refits."""
        T, counts = products(W, self.s.S), np.tile(self.kept, (len(W), 1))
        if self.rows is not None:
            each = np.arange(len(W)), self.rows
            if self.s.relabels:
                T[each] *= -1.0
            else:
                counts[each] = 0.0
        return counts, T

    def pulled(self, P: Array) -> Array:
        """Pulls of rows with their signs: a row that gets its other label here is −s."""
        if self.rows is not None and self.s.relabels:
            P[np.arange(len(P)), self.rows] *= -1.0
        return P

    def some(self, at: Rows) -> Refit:
        """Some of the refits."""
        return Refit(self.s, self.kept, None if self.rows is None else self.rows[at])


def strength(s: Sums) -> float:
    """A lower bound of the least decay; not above 0 where a weight has none."""
    return (float(s.decay.min()) - s.decay_off) * (1.0 - 4.0 * U)


def margin_errors(s: Sums, W: Array) -> Array:
    """`(r, n)` what margins at weights may be off by, entry by entry (R2, R2b)."""
    return np.asarray(dot_parts(s.S.shape[1]) * RAISE * products(np.abs(W), np.abs(s.S)) * RAISE + TINY)


def distances(of: Refit, W: Array) -> Array:
    """`(r,)` upper bounds of how far the minimisers lie from weights: `|∇|/μ`.

    For the squared hinge, `p = ¼ max(0, 1 − t)`: what a margin is off by counts in rows alone that may be below 1.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        long, mu = _lengths(of, W), strength(of.s)
        return np.asarray(long / mu * RAISE if mu > 0.0 else np.full(len(W), np.inf))


def _lengths(of: Refit, W: Array) -> Array:
    """`(r,)` upper bounds of `|∇|`; infinite where it is no number."""
    s = of.s
    (counts, T), off = of.at(W), margin_errors(s, W)
    lack = np.maximum(1.0 - T, 0.0)
    P = 0.25 * lack * counts
    near = T - 1.0 <= 2.0 * off
    wrong = np.where(near, counts * (0.25 * off + U * lack) + 2.0 * U * P, 0.0) * RAISE
    unit = dot_parts(len(s.S)) + 4.0 * U
    error = products(wrong + unit * P, np.abs(s.S).T) * RAISE
    P = of.pulled(P)
    G = s.decay * W - products(P, s.S.T)
    error = (error + (4.0 * U * s.decay + s.decay_off) * np.abs(W) + 2.0 * U * np.abs(G)) * RAISE + TINY
    high, long = (np.abs(G) + error) * RAISE, np.full(len(W), np.inf)
    known = np.asarray(np.isfinite(high).all(axis=1))
    long[known] = fp.row_norms(high[known])
    return long


def stays(of: Refit, W: Array, points: Array) -> NDArray[np.bool_]:
    """Whether `e·w > 0` is proved for each refit, with weights near it, and each point, `(r, N)`."""
    aim, far = of.s.aimed(W), distances(of, W)
    unit = dot_parts(points.shape[1] + (of.s.level != 0.0))
    margin, norms = products(aim, points), fp.row_norms(points)
    off = (unit * RAISE * products(np.abs(aim), np.abs(points)) + TINY) * RAISE
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(margin > (off + np.outer(far, norms) * RAISE) * ROOM)


def pulling(c: Centre) -> NDArray[np.bool_]:
    """`(n,)` rows whose margin at the minimiser near a centre may be below 1: to delete others moves nothing."""
    s, W, of = c.sums, c.w[None, :], Refit(c.sums, c.kept, None)
    t, off, far = of.at(W)[1][0], margin_errors(s, W)[0], float(distances(of, W)[0])  # margins in parts, as off is
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(~(t - 1.0 > 2.0 * ROOM * (off + s.norms * far)) & (c.kept > 0.0))


def refits(c: Centre, rows: Rows) -> Array:
    """Proposals `(r, p)` for the minimisers after the change of one of the rows each: where Newton's method ends."""
    s, p = c.sums, len(c.w)
    H = (s.S.T * (c.kept * c.at.D)) @ s.S + np.diag(s.decay)
    Z = s.S[rows] @ boxes.near_inverse(H)
    own = np.einsum("ij,ij->i", Z, s.S[rows])
    D, pull = (c.kept * c.at.D)[rows], (c.kept * c.at.p)[rows]
    if s.relabels:  # the other label pulls with ¼(1 + t), as long as that is above 0
        pull = pull + c.kept[rows] * 0.25 * np.maximum(1.0 + c.at.t[rows], 0.0)
        D = D - 0.25 * c.kept[rows]
    W = c.w - (pull / np.maximum(1.0 - D * own, 1e-6))[:, None] * Z
    step = max(1, AT_ONCE // max(len(s.S), p * p))
    for start in range(0, len(rows), step):
        at = slice(start, min(start + step, len(rows)))
        W[at] = _newton(Refit(s, c.kept, rows[at]), W[at])
    return np.asarray(W)


def _newton(of: Refit, W: Array) -> Array:
    """Full Newton steps of a sum of squares of hinges, each from the rows that are below 1 then."""
    s, p, live = of.s, W.shape[1], np.arange(len(W))
    for _ in range(TURNS):
        now = of.some(live)
        counts, T = now.at(W[live])
        on = (T < 1.0) & (counts > 0.0)
        G = s.decay * W[live] - now.pulled(np.where(on, 0.25 * (1.0 - T) * counts, 0.0)) @ s.S
        bent = np.flatnonzero(on.any(axis=0))
        if len(bent) * p * p > SQUARES:
            break
        squares = (s.S[bent, :, None] * s.S[bent, None, :]).reshape(len(bent), p * p)
        H = ((0.25 * counts * on)[:, bent] @ squares).reshape(-1, p, p) + np.diag(s.decay)
        try:
            Y = np.linalg.solve(H, G[:, :, None])[:, :, 0]
        except np.linalg.LinAlgError:  # a decay that is lost beside the rows: what is there is judged
            break
        W[live] -= Y
        live = live[(Y * Y).sum(axis=1) > SETTLED * SETTLED * (W[live] * W[live]).sum(axis=1)]
        if not len(live):
            break
    return W
