"""One step from weights near a refit without a row, and how near to the refit it leads (D1h)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.activation.elementary import exp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.head import Whole
from certify.systems.head.rows.left_out.reference import Reference
from certify.systems.head.rows.left_out.slopes import Gradients

SQUARINGS = 7
"""Powers of two of a matrix whose largest eigenvalue is bounded by its norm."""

ROUNDS = 12
"""Radii that are tried."""


Dot = Callable[[Array], Array]
"""Products of gradients with steps."""


@dataclass(frozen=True, eq=False)
class Left:
    """A batch of rows, each left out by itself: `A_i = A − (φ_i ⊗ 1)M_i(φ_i ⊗ 1)ᵀ ⪰ (1 − h_i)A`.

    Attributes:
        rows: `(B,)` their numbers.
        x: `(m, B)` the rows.
        T: `(q, m, q, B)` columns of P for them.
        K: `(B, q, q)` `(φ_i ⊗ 1)ᵀP(φ_i ⊗ 1)` in floats.
        M: `(B, q, q)` curvatures in floats.
        bend: `(B,)` what these err by.
        turn: `(B, q, q)` floats near `(1 − M_iK_i)⁻¹M_i`.
        room: `(B,)` upper bounds of `1/√(1 − h_i)`; infinite where nothing is known.
    """

    rows: Whole
    x: Array
    T: Array
    K: Array
    M: Array
    bend: Array
    turn: Array
    room: Array

    @staticmethod
    def of(at: Reference, rows: Whole) -> Left:
        """Of some rows."""
        P, f, q = at.blocks, at.reduced.phi[rows], at.reduced.q
        m, B = f.shape[1], len(rows)
        T, x = np.empty((q, m, q, B)), np.ascontiguousarray(f.T)
        K = np.empty((B, q, q))
        for c in range(q):
            one = (P.reshape(q * m, q, m)[:, c] @ x).reshape(q, m, B)
            T[:, :, c] = one
            K[:, :, c] = np.einsum("amb,mb->ba", one, x)
        K = (K + K.transpose(0, 2, 1)) / 2
        M, bend = at.curvature(rows)
        eye = np.eye(q)
        with np.errstate(all="ignore"):
            try:
                turn = np.linalg.solve(eye - M @ K, M)
            except np.linalg.LinAlgError:
                turn = M
        lengths = at.reduced.lengths[rows]
        off = 4 * q * fp.dot_unit(at.reduced.m) * at.inverse.size * lengths * lengths * RAISE
        room = _room(K, off, M, bend, at.inverse.error)
        return Left(rows, x, T, K, M, bend, np.asarray(turn, dtype=np.float64), room)

    def part(self, which: Whole) -> Left:
        """Some of them."""
        return Left(self.rows[which], self.x[:, which], self.T[..., which], self.K[which], self.M[which],
                    self.bend[which], self.turn[which], self.room[which])

    def seen(self, V: Array) -> Array:
        """`(B, q)` outputs of every row at its own `(q, m, B)` weights, in floats."""
        return np.asarray(np.einsum("amb,mb->ba", V, self.x))

    def along(self, v: Array) -> Array:
        """`(q, m, B)` `T v` for `(B, q)` v, in floats."""
        found = self.T[:, :, 0] * v[:, 0]
        for c in range(1, v.shape[1]):
            found += self.T[:, :, c] * v[:, c]
        return np.asarray(found)


@dataclass(frozen=True, eq=False)
class Step:
    """A step t from `V₀ + d`, and where it leads.

    Attributes:
        t: `(q, m, B)`.
        near: `(B,)` upper bounds of `|V_i − (V₀ + d − t)|`, in the norm `√(v·A_iv)`; infinite where nothing is proved.
        before: `(B,)` likewise of `|V_i − (V₀ + d)|`.
        size: `(B,)` upper bounds of the gradients at `V₀ + d`, in the dual norm.
    """

    t: Array
    near: Array
    before: Array
    size: Array


def first_step(at: Reference, left: Left) -> Step:
    """The step from V₀ itself, where the gradient is that of the row, and of the decay if its n changes."""
    reduced, q = at.reduced, at.reduced.q
    own = -at.pull[left.rows]
    shift = reduced.mu_after[0] - reduced.mu[0]
    common = reduced.decay(at.V, shift) if shift else np.zeros_like(at.V)
    start = left.along(own)
    size = reduced.lengths[left.rows] * _lengths(own) * RAISE
    common_size, V_size = fp.frobenius(common), fp.frobenius(at.V)
    lost = _lost(at, size, own.shape[1])
    if shift:
        start += (at.inverse.P @ common.ravel()).reshape(*common.shape, 1)
        lost = lost + fp.dot_unit(len(at.inverse.P)) * at.inverse.size * common_size
    wrong = reduced.mu_after[1] + reduced.mu[1] + (2 * q + 8) * U * (abs(shift) + reduced.mu[0] * bool(shift))
    error = at.near + at.kappa[left.rows] * (reduced.soft_error + at.unsure[left.rows] + 2 * U)
    error = (error + at.flat[1] * wrong * V_size) * RAISE

    def dot(t: Array) -> Array:
        return np.asarray(np.einsum("ba,ba->b", own, left.seen(t)) + np.einsum("am,amb->b", common, t))

    return _enclosed(at, left, start, (size + common_size, lost, dot), (error, np.ones(len(error))))


def next_step(at: Reference, left: Left, found: Gradients) -> Step:
    """The step from weights whose gradients are enclosed."""
    q, m, B = found.g.shape
    start = (at.inverse.P @ found.g.reshape(q * m, B)).reshape(q, m, B)
    size = np.sqrt(np.einsum("amb,amb->b", found.g, found.g)) * fp.sum_up(q * m) + fp.FLOOR
    lost = fp.dot_unit(q * m) * at.inverse.size * size

    def dot(t: Array) -> Array:
        return np.asarray(np.einsum("amb,amb->b", found.g, t))

    return _enclosed(at, left, start, (size, lost, dot), (found.error, found.ratio))


def _lost(at: Reference, size: Array, q: int) -> Array:
    """Upper bounds of what `T v` errs by, `|v ⊗ φ| ≤ size`."""
    return np.asarray((fp.dot_unit(at.reduced.m) + fp.dot_unit(q)) * q * at.inverse.size * size * RAISE)


def _enclosed(at: Reference, left: Left, start: Array, given: tuple[Array, Array, Dot],
              errors: tuple[Array, Array]) -> Step:
    """The step `t = start + Tq` and its bound, for `start ≈ P g` of gradients g.

    Args:
        at, left: what is shared, and the rows.
        start: `(q, m, B)`, changed in place.
        given: upper bounds of |g| and of `|start − Pg|`, and a function that gives `g·t` in floats.
        errors: upper bounds of what g errs by in the norm of A, and of `e^δ` on the way from V₀.
    """
    size, lost, dot = given
    error, ratio = errors
    inverse, rows = at.inverse, left.rows
    N, q = len(inverse.P), at.reduced.q
    turned = np.einsum("bac,bc->ba", left.turn, left.seen(start))
    t = start
    t += left.along(turned)
    moved = left.seen(t)
    t_size = np.sqrt(np.einsum("amb,amb->b", t, t)) * fp.sum_up(N) + fp.FLOOR
    lengths = at.reduced.lengths[rows]
    turned_size = lengths * _lengths(turned)
    lost = (lost + _lost(at, turned_size, q) + 4 * U * t_size) * RAISE
    # v = g + φ ⊗ q: A t − v is (AP − 1)v and rounding; A_i t − g is that and φ ⊗ (q − M φᵀt)
    along_g = dot(t)
    square = np.einsum("ba,ba->b", turned, moved) + along_g
    v_size = (size + turned_size) * RAISE
    slack = v_size * (lost + 2 * fp.dot_unit(N) * t_size) * RAISE
    v_near = np.sqrt((np.maximum(square, 0.0) + slack) / (1.0 - inverse.error)) * RAISE
    rest = turned - np.einsum("bac,bc->ba", left.M, moved)
    seen_size = _lengths(moved)
    seen_lost = fp.dot_unit(at.reduced.m) * lengths * t_size
    rest_size = _lengths(rest) + left.bend * (seen_size + seen_lost) + (seen_lost + (2 * q + 8) * U * seen_size)
    missed = inverse.error * v_near + at.kappa[rows] * rest_size + np.sqrt(inverse.top) * lost
    missed = left.room * missed * RAISE
    error = left.room * error * RAISE
    g_near = missed + np.sqrt(np.maximum(along_g, 0.0) + slack) * RAISE + error
    before, near = _reached(at, left.room, (g_near * RAISE, ratio), (missed + error) * RAISE)
    return Step(t, near, before, g_near)


def taken(at: Reference, d: Array, step: Step) -> tuple[Array, Array]:
    """`d − t`, rounded, or d where that is nearer, and upper bounds `(B,)` of how far from the refit it is."""
    new = d - step.t
    size = np.sqrt(np.einsum("amb,amb->b", new, new)) * fp.sum_up(new.shape[0] * new.shape[1]) + fp.FLOOR
    near = (step.near + np.sqrt(at.inverse.top) * 2 * U * size) * RAISE
    stays = np.flatnonzero(step.before < near)
    new[..., stays] = d[..., stays]
    return new, np.asarray(np.fmin(near, step.before))


def whole_near(at: Reference) -> float:
    """Upper bound of how far the minimum with all rows is from V₀, in the norm of A."""
    one = np.ones(1)
    return float(_reached(at, one, (at.near * one, one), at.near * one)[0][0])


def _reached(at: Reference, room: Array, gradients: tuple[Array, Array], missed: Array) -> tuple[Array, Array]:
    """A radius r with `e^δ|g| < r`, δ with what outputs move by within it, and `missed + (e^δ − 1)r`."""
    g_near, ratio = gradients
    steep = at.rho * room * RAISE

    def grown(r: Array) -> Array:
        reach = np.where(steep * r < 600.0, steep * r, 600.0)  # NaN too: of these nothing is said
        return np.asarray(ratio * exp(reach) * RAISE / at.kept)

    with np.errstate(all="ignore"):
        r = g_near * grown(np.zeros_like(g_near)) * 1.001 + fp.FLOOR
        before, after = np.full(len(r), np.inf), np.full(len(r), np.inf)
        for _ in range(ROUNDS):
            factor = grown(r)
            need = factor * g_near * RAISE
            holds = (need < r) & (steep * r < 600.0) & (r < before)
            before = np.where(holds, r, before)
            after = np.where(holds, (missed + (factor - 1.0 + 4 * U * factor) * r) * RAISE, after)
            r = np.where(holds, r, need * 1.001 + fp.FLOOR)
    return before, after


def _room(K: Array, off: Array, M: Array, bend: Array, error: float) -> Array:
    """Upper bounds of `1/√(1 − h)`, h the largest eigenvalue of `MK`, `K ⪯ (K + off)/(1 − ε)`: of `RᵀMR`, `K ≈ RRᵀ`."""
    q, found = K.shape[1], np.full(len(K), np.inf)
    for b in range(len(K)):
        try:
            R = np.linalg.cholesky(K[b])
        except np.linalg.LinAlgError:
            continue
        size, bent = _size(R), _size(M[b]) + float(bend[b])
        gap = _size(K[b] - R @ R.T) + 2 * fp.dot_unit(q) * size * size + float(off[b])
        C = R.T @ M[b] @ R
        slack = (4 * fp.dot_unit(q) * bent + float(bend[b])) * size * size * RAISE + gap * bent
        h = (_largest((C + C.T) / 2) + slack * RAISE) / (1.0 - error) * RAISE
        if h < 1.0 - 2.0**-30:
            found[b] = 1.0 / np.sqrt(1.0 - h) * RAISE
    return found


def _largest(C: Array) -> float:
    """Upper bound of the largest eigenvalue of a symmetric matrix: `‖C^(2^p)‖^(2^-p)`."""
    size = _size(C)
    if not size < np.inf:
        return np.inf
    power, off = C / size, 4 * U
    for _ in range(SQUARINGS):
        n = _size(power)
        off = (2 * n * off + off * off + fp.dot_unit(len(C)) * n * n) * RAISE
        power = power @ power
    root = _size(power) + off
    for _ in range(SQUARINGS):
        root = float(np.sqrt(root)) * (1 + 4 * U)
    return root * size * RAISE


def _size(C: Array) -> float:
    """Upper bound of a small matrix's Frobenius norm, above 0."""
    return (float(np.sqrt((C * C).sum())) + fp.FLOOR) * RAISE


def _lengths(v: Array) -> Array:
    """`(B,)` upper bounds of the lengths of `(B, q)` vectors."""
    return np.asarray(np.sqrt(np.einsum("ba,ba->b", v, v)) * fp.sum_up(v.shape[1]) + fp.FLOOR)
