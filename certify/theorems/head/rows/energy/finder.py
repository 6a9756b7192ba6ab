"""Float solvers of the energy method; nothing here is trusted (D7)."""

from __future__ import annotations

import numpy as np

from certify.rigor.fp import Array
from certify.theorems.head.rows.energy.rows import Index, Rows

_STEPS = 60
_LINE_STEPS = 10
_BATCH = 2**21
"""Entries of one batch of Hessians."""

TRACE = 1e-9
"""Share of the mean curvature that is added where a Hessian is singular."""


def slopes(rows: Rows, z: Array) -> Array:
    """Sigmoid or softmax of outputs z `(…, N)`."""
    if rows.width == 1:
        return np.asarray(0.5 * (1.0 + np.tanh(0.5 * z)))
    grouped = z.reshape(*z.shape[:-1], -1, rows.width)
    grouped = np.exp(grouped - grouped.max(-1, keepdims=True))
    return np.asarray((grouped / grouped.sum(-1, keepdims=True)).reshape(z.shape))


def _bent(rows: Rows, q: Array, d: Array) -> Array:
    """The loss's Hessian in the outputs, applied to d."""
    if rows.width == 1:
        return np.asarray(q * (1.0 - q) * d)
    shape = (*q.shape[:-1], -1, rows.width)
    q, d = q.reshape(shape), d.reshape(shape)
    return np.asarray((q * (d - (q * d).sum(-1, keepdims=True))).reshape(*shape[:-2], -1))


def hessians(rows: Rows, q: Array) -> Array:
    """`(B, p, p)` Hessians at slopes q `(B, N)`."""
    p = rows.A.shape[1]
    if rows.width == 1 and len(q) > 4 and rows.squares is not None:
        out = ((q * (1.0 - q)) @ rows.squares).reshape(-1, p, p)
        out[:, np.arange(p), np.arange(p)] += rows.ridge
        return out
    out = np.empty((len(q), p, p))
    for b, line in enumerate(q):
        rows.check()
        out[b] = _hessian(rows, line)
    return out


def _hessian(rows: Rows, line: Array) -> Array:
    if rows.width == 1:
        H = (rows.A.T * (line * (1.0 - line))) @ rows.A
    else:
        grouped = (line[:, None] * rows.A).reshape(-1, rows.width, rows.A.shape[1]).sum(1)
        H = (rows.A.T * line) @ rows.A - grouped.T @ grouped
    H[np.diag_indices(len(H))] += rows.ridge
    return np.asarray(H)


def _steps(H: Array, g: Array, e: Array | None) -> Array:
    """Newton steps `H⁻¹g`, on the hyperplane e·w = 0 where e is given."""
    if e is None:
        return np.asarray(_solve(H, g[..., None])[..., 0], dtype=np.float64)
    both = _solve(H, np.stack([g, np.broadcast_to(e, g.shape)], -1))
    a, b = both[..., 0], both[..., 1]
    return np.asarray(a - ((a @ e) / (b @ e))[:, None] * b, dtype=np.float64)


def _solve(H: Array, right: Array) -> Array:
    """Solutions; where every row is so far on its side that a free intercept has no curvature, with a trace of it."""
    try:
        return np.asarray(np.linalg.solve(H, right))
    except np.linalg.LinAlgError:
        p = H.shape[-1]
        more = TRACE / p * np.trace(H, axis1=1, axis2=2)[:, None, None]
        return np.asarray(np.linalg.solve(H + more * np.eye(p), right))


def lengths(rows: Rows, tau: Array, w: Array, z: Array, step: Array, slope: Array) -> Array:
    """Step lengths near the minimum along −step: Newton on the slope, kept inside a bracket."""
    dz, shift = -step @ rows.A.T, -step * rows.ridge
    straight = (shift * w).sum(1) - (tau * dz).sum(1)
    bend = -(shift * step).sum(1)
    low, high, a = np.zeros(len(w)), np.full(len(w), np.inf), np.ones(len(w))
    for _ in range(_LINE_STEPS):
        rows.check()
        q = slopes(rows, z + a[:, None] * dz)
        h = straight + a * bend + (q * dz).sum(1)
        if (np.abs(h) <= 0.1 * np.abs(slope)).all():
            break
        turn = bend + (_bent(rows, q, dz) * dz).sum(1)
        high, low = np.where(h > 0, a, high), np.where(h > 0, low, a)
        new = a - h / np.maximum(turn, 1e-300)
        middle = np.where(np.isinf(high), 2.0 * a, 0.5 * (low + np.where(np.isinf(high), 0.0, high)))
        a = np.where((new > low) & (new < high), new, middle)
    return a


def minimise(rows: Rows, tau: Array, w: Array, e: Array | None = None, tolerance: float = 1e-3) -> Array:
    """Minimisers `(B, p)` of the energies with targets τ `(B, N)`, on e·w = c where e is given, by Newton's method.

    Stops where half the squared Newton decrement is below the tolerance.
    """
    w = w.copy()
    if e is not None:
        w -= ((w @ e - rows.level) / (e @ e))[:, None] * e
    live = np.arange(len(w))
    batch = max(1, _BATCH // rows.A.shape[1] ** 2)
    for _ in range(_STEPS):
        left = []
        for part in np.array_split(live, -(-len(live) // batch)):
            rows.check()
            z = w[part] @ rows.A.T
            q = slopes(rows, z)
            g = (q - tau[part]) @ rows.A + rows.ridge * w[part]
            step = _steps(hessians(rows, q), g, e)
            slope = (step * g).sum(1)
            length = np.ones(len(part))
            far = slope > 0.05
            if far.any():
                length[far] = lengths(rows, tau[part[far]], w[part[far]], z[far], step[far], slope[far])
            w[part] -= length[:, None] * step
            left.append(part[slope > 2.0 * tolerance])
        live = np.concatenate(left)
        if not len(live):
            break
    return w


def rays(rows: Rows, tau: Array, times: float, w: Array, chosen: Index, e: Array) -> tuple[Array, Array]:
    """Matrix P and `(L,)` lengths c: `w − c_l P s_l` is near the minimiser on e·w = 0 with l counted `times`.

    P is the inverse Hessian along the hyperplane at w. For one output c is exact in the changed line, everything else
    taken as quadratic; for several it is a Newton step, shortened where outputs would move far.
    """
    z = rows.A @ w
    q = slopes(rows, z)
    P = np.linalg.inv(hessians(rows, q[None])[0])
    pe = P @ e
    P = P - np.outer(pe, pe) / (e @ pe)
    S = rows.steps[chosen]
    S_ = S @ P
    if rows.width > 1:
        reach = np.abs(S_ @ rows.A.T).max(1)
        return P, times * np.minimum(1.0, 2.0 / np.maximum(times * reach, 1e-9))
    lines = rows.lines[chosen, 0]
    sign = rows.deltas[chosen, 0]  # the step is −sign·a
    K = (S_ * S).sum(1)
    z0, q0 = z[lines], q[lines]
    bend = q0 * (1.0 - q0)
    # along u = P s the line's output moves by t = −sign·(…): solve t − sign·K·(times − sign(σ(z0+t) − q0 − bend t)) = 0
    low, high = np.minimum(0.0, sign * times * K * 50) - 1.0, np.maximum(0.0, sign * times * K * 50) + 1.0
    for _ in range(50):
        t = 0.5 * (low + high)
        f = t - K * (sign * times - (slopes(rows, z0 + t) - q0 - bend * t))
        high, low = np.where(f > 0, t, high), np.where(f > 0, low, t)
    return P, sign * t / np.maximum(K, 1e-300)


def singles(rows: Rows, tau: Array, times: float, w: Array, chosen: Index, e: Array, tolerance: float) -> Array:
    """Minimisers `(L, p)` on e·w = 0 with one alternative counted `times`, from that without, w: chords first."""
    target = np.broadcast_to(tau, (len(chosen), len(tau))).copy()
    for column in range(2):
        target[np.arange(len(chosen)), rows.lines[chosen, column]] += times * rows.deltas[chosen, column]
    P, c = rays(rows, tau, times, w, chosen, e)
    S_ = rows.steps[chosen] @ P
    start = w - c[:, None] * S_
    if rows.width > 1:
        return minimise(rows, target, start, e, tolerance)
    lines = rows.lines[chosen, 0]
    before, after = slopes(rows, rows.A[lines] @ w), slopes(rows, (rows.A[lines] * start).sum(1))
    extra = after * (1.0 - after) - before * (1.0 - before)
    K = (S_ * rows.steps[chosen]).sum(1)
    return _chords(rows, target, start, (S_, extra / (1.0 + extra * K), P), e, tolerance)


def _chords(
    rows: Rows, target: Array, w: Array, chord: tuple[Array, Array, Array], e: Array, tolerance: float
) -> Array:
    """Chord steps with the Hessian corrected in the changed line; Newton's method for what does not settle."""
    S_, factor, P = chord
    live, last = np.arange(len(w)), np.full(len(w), np.inf)
    slow = []
    for _ in range(4):
        rows.check()
        q = slopes(rows, w[live] @ rows.A.T)
        g = (q - target[live]) @ rows.A + rows.ridge * w[live]
        step = g @ P - (factor[live] * (S_[live] * g).sum(1))[:, None] * S_[live]
        slope = np.maximum((step * g).sum(1), 0.0)
        good = slope < 0.5 * last[live]
        slow.append(live[~good])
        w[live[good]] -= step[good]
        last[live] = slope
        live = live[good & (slope > 2.0 * tolerance)]
        if not len(live):
            break
    again = np.concatenate([live, *slow])
    if len(again):
        w[again] = minimise(rows, target[again], w[again], e, tolerance)
    return w
