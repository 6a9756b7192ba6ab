"""D16: the single refits of a node, each with what it does to every row. proofs/heads-softmax-pairs.md.

`δ_i` is any matrix near `W_i − Ŵ`, `W_i` the minimiser without row i; Newton's method with the curvature of the centre
less that of the row proposes it. Rows with small pulls have none: for them δ = 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.finders.head.anderson import Mixed
from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.boxes.inverses import inverse
from certify.systems.head.rows.head import Whole
from certify.systems.head.rows.losses.cross_entropy import softmax
from certify.theorems.head.rows.softmax.centre import Centre, roots
from certify.theorems.head.rows.softmax.trap import ROOT2, hessian, own_blocks

TURNS, SETTLED = 6, 1e-6
"""Corrections at most, and how short one is, in the norm of the Hessian, that is the last."""

FARTHEST = 60.0
"""Largest range of a change of outputs that is looked at."""

NEAR_ONE = 1.0 - 2.0**-10


@dataclass(frozen=True, eq=False)
class Near:
    """A centre with the inverse of its Hessian, in floats: proposals.

    Attributes:
        c: the centre.
        X: `(k, p, k, p)`.
        pull: `(n,)` about how far each row moves the weights when it is deleted alone, in the norm of the Hessian.
        own: `(n, k, k)` the blocks `(xᵀ ⊗ 1)X(x ⊗ 1)`.
    """

    c: Centre
    X: Array
    pull: Array
    own: Array


def near(c: Centre) -> Near | None:
    """The inverse at a centre, and about how far rows pull."""
    k, p = c.head.k, c.head.m
    found = inverse(hessian(c, c.kept), 0.0, proved=False) if np.isfinite(c.V).all() and c.gradient < np.inf else None
    if found is None or not np.isfinite(found[0]).all():
        return None
    X = found[0].reshape(k, p, k, p)
    own = own_blocks(X, c.head.phi)
    E = roots(c, np.arange(c.head.n))
    block = E @ own @ E.transpose(0, 2, 1)
    leverage = np.minimum(np.linalg.eigvalsh(block)[:, -1], NEAR_ONE)
    slope = c.S - c.head.Y
    size = np.sqrt(np.maximum(np.einsum("na,nab,nb->n", slope, own, slope), 0.0))
    return Near(c, X, size / (1.0 - leverage) * c.kept, own)


@dataclass(frozen=True, eq=False)
class Steps:
    """The single refits of a node.

    Attributes:
        c: the centre.
        rows: `(f,)` rows with a step of their own.
        delta: `(f, k, p)` the steps, exactly these floats; `size` `(f,)` upper bounds of their norms.
        T: `(f, n, k)` floats `δ_i x_j`, off by at most `off` `(n,)` as vectors.
        P: `(f, n, k)` slopes at the steps.
        s_off: `(n,)` what slopes at the centre, at steps and at sums of two of them are off by, as vectors.
        ranges: `(f, n)` upper bounds of `range τ`; `lengths` of `|τ|_j`.
        left: `(f, k, p)` float gradients without row i at its step; `left_off` `(f,)` their errors.
    """

    c: Centre
    rows: Whole
    delta: Array
    size: Array
    T: Array
    off: Array
    P: Array
    s_off: Array
    ranges: Array
    lengths: Array
    left: Array
    left_off: Array


def steps(b: Near, rows: Whole, start: Array | None = None, turns: int = TURNS) -> Steps | None:
    """The steps of some rows; None where outputs move too far.

    Args:
        b: the centre.
        rows: the rows.
        start: `(f, k, p)` steps to begin with.
        turns: corrections at most.
    """
    c, head = b.c, b.c.head
    k, p = head.k, head.m
    delta = _newton(b, rows, np.zeros((len(rows), k, p)) if start is None else start, turns)
    size = np.sqrt(np.einsum("fkp,fkp->f", delta, delta)) * fp.sum_up(k * p) + fp.FLOOR
    most = float(size.max(initial=0.0))
    T = changes(delta, head.phi)
    off = fp.dot_unit(p) * head.phi_norm * most * RAISE
    if not (np.isfinite(T).all() and np.isfinite(size).all()):
        return None
    ranges = (T.max(axis=-1) - T.min(axis=-1) + 2.0 * off) * RAISE
    if not ranges.max(initial=0.0) < FARTHEST:
        return None
    P, error = softmax(c.Z + T)
    wide = np.abs(c.Z).max(axis=-1) + 2.0 * np.abs(T).max(axis=(0, 2), initial=0.0)
    s_off = (0.5 * (c.off + 2.0 * off + 8.0 * U * np.sqrt(k) * wide) + np.sqrt(k) * error) * RAISE
    prob = c.S + c.s_off[:, None]
    mean = np.einsum("fnk,nk->fn", T, c.S)
    T2 = T - mean[..., None]
    lengths = (np.sqrt(np.einsum("fnk,nk->fn", T2 * T2, prob)) + off + 4.0 * U * np.abs(T).max(axis=-1)) * RAISE
    left, left_off = _left(c, rows, delta, size, P, s_off)
    return Steps(c, rows, delta, size, T, off, P, s_off, ranges, lengths, left, left_off)


def changes(delta: Array, x: Array) -> Array:
    """`(f, n, k)`: `δ_i x_j` in floats."""
    f, k, p = delta.shape
    return np.ascontiguousarray((delta.reshape(f * k, p) @ x.T).reshape(f, k, len(x)).transpose(0, 2, 1))


def _left(c: Centre, rows: Whole, delta: Array, size: Array, P: Array, s_off: Array) -> tuple[Array, Array]:
    """`e_i` in floats, and what it is off by."""
    head = c.head
    n, k, p = head.n, head.k, head.m
    R = (P - head.Y) * c.kept[:, None]
    R[np.arange(len(rows)), rows] = 0.0
    left = (np.ascontiguousarray(R.transpose(0, 2, 1)).reshape(-1, n) @ head.phi).reshape(len(rows), k, p)
    data = np.sqrt(np.einsum("fkp,fkp->f", left, left))
    left += c.decay * (c.V + delta)
    left[:, :, -1] += c.tie * delta[:, :, -1].sum(axis=1)[:, None]
    norms = head.phi_norm
    slopes = float(norms @ (s_off + 2.0 * ROOT2 * (fp.dot_unit(n) + 8.0 * U))) * fp.sum_up(n)
    whole = float(fp.row_norms(c.V.reshape(1, -1))[0]) + size
    most = float(c.decay.max(initial=0.0))
    off = slopes + (8.0 * U * most + c.decay_off) * whole + 8.0 * (k + 4) * k * U * c.tie * size + 8.0 * U * data
    return left, np.asarray(off * RAISE)


def _newton(b: Near, rows: Whole, start: Array, turns: int) -> Array:
    """Proposals: Newton's method with the factor of the centre less the row.

    With `A = EᵀE`, `y = Xv`: `(H − x ⊗ A ⊗ xᵀ)⁻¹v = y + X(x ⊗ 1)Eᵀ(1 − EKEᵀ)⁻¹E(xᵀ ⊗ 1)y`.
    """
    c, head = b.c, b.c.head
    n, k, p = head.n, head.k, head.m
    x, flat = head.phi[rows], b.X.reshape(k * p, k * p)
    E = roots(c, rows)
    block = np.eye(k) - E @ b.own[rows] @ E.transpose(0, 2, 1)
    gone = E.transpose(0, 2, 1) @ np.linalg.inv(block) @ E
    delta, size = start.copy(), np.full(len(rows), np.inf)
    for _ in range(turns):
        live = np.flatnonzero(size > SETTLED)
        if not len(live):
            break
        P, _error = softmax(c.Z + changes(delta[live], head.phi))
        R = (P - head.Y) * c.kept[:, None]
        R[np.arange(len(live)), rows[live]] = 0.0
        g = (np.ascontiguousarray(R.transpose(0, 2, 1)).reshape(-1, n) @ head.phi).reshape(len(live), k, p)
        g += c.decay * (c.V + delta[live])
        g[:, :, -1] += c.tie * delta[live][:, :, -1].sum(axis=1)[:, None]
        y = (g.reshape(len(live), k * p) @ flat).reshape(len(live), k, p)
        u = np.einsum("fab,fbp,fp->fa", gone[live], y, x[live], optimize=True)
        pulled = (u[:, :, None] * x[live][:, None, :]).reshape(len(live), k * p) @ flat
        fix = y + pulled.reshape(len(live), k, p)
        delta[live] -= fix
        size[live] = np.sqrt(np.maximum(np.einsum("fkp,fkp->f", fix, g), 0.0))
    return np.asarray(np.where(np.isfinite(delta).all(axis=(1, 2), keepdims=True), delta, 0.0))


def shares(Z: Array) -> Array:
    """About the softmax of outputs `(B, k, n)`, in their place: proposals need no bound of errors."""
    Z -= Z.max(axis=1, keepdims=True)
    np.exp(Z, out=Z)
    Z /= Z.sum(axis=1, keepdims=True)
    return Z


def settled(c: Centre, X: Array, rows: Whole, W: Array, turns: int = TURNS,
            goal: float | None = None, first: Array | None = None) -> Array:
    """Proposals: weights `(B, k, p)` nearer to the refits without `(B, r)` rows, several rows at once.

    Args:
        c: the centre, of which these rows are not out.
        X: `(k, p, k, p)` about the inverse of the Hessian there.
        rows: the rows.
        W: weights to begin with.
        turns: corrections.
        goal: where it is given, each is mixed with those before it, until the gradient is shorter in the norm of X.
        first: `(B, k, p)` the gradients at the weights to begin with, but for the tie.
    """
    head = c.head
    n, k, p = head.n, head.k, head.m
    B, r = rows.shape
    x, W = head.phi[rows], W.copy()
    E = roots(c, rows.ravel()).reshape(B, r, k, k)
    U = np.empty((B, r, k, k * p))  # X(x ⊗ e_a)
    for a in range(k):
        U[:, :, a] = x @ X[a].reshape(p, k * p)
    K = np.einsum("bsacp,brp->brcsa", U.reshape(B, r, k, k, p), x, optimize=True)
    inner = np.einsum("brec,brcsa,bsfa->bresf", E, K, E, optimize=True).reshape(B, r * k, r * k)
    try:
        gone = np.linalg.inv(np.eye(r * k) - inner).reshape(B, r, k, r, k)
    except np.linalg.LinAlgError:
        return W
    flat, mixed, on = X.reshape(k * p, k * p), Mixed(), np.arange(B)
    for turn in range(turns):
        if first is not None and not turn:
            G = first.copy()
        else:
            R = shares((W[on].reshape(len(on) * k, p) @ head.phi.T).reshape(len(on), k, n))
            R -= head.Y.T
            R *= c.kept
            R[np.arange(len(on))[:, None], :, rows[on]] = 0.0
            G = (R.reshape(-1, n) @ head.phi).reshape(len(on), k, p)
            G += c.decay * W[on]
        G[:, :, -1] += c.tie * (W[on] - c.V)[:, :, -1].sum(axis=1)[:, None]
        g = G.reshape(len(on), k * p)
        y = g @ flat
        seen = np.einsum("bkp,brp->brk", y.reshape(-1, k, p), x[on])
        u = np.einsum("brea,bresf,bsfc,bsc->bra", E[on], gone[on], E[on], seen, optimize=True)
        step = y + np.einsum("bra,brax->bx", u, U[on])
        if goal is None:
            W -= step.reshape(B, k, p)
            continue
        go = np.einsum("bx,bx->b", y, g) > goal * goal
        on, g, step = on[go], g[go], step[go]
        if not len(on):
            break
        mixed.keep(np.flatnonzero(go))
        W[on] = mixed.step(W[on].reshape(len(on), k * p), g, step).reshape(-1, k, p)
    return W
