"""The truth about refits of small heads: every change at once in long doubles; one of them in many bits next door.

The first says how far its outputs may be off and is believed only where a sign is clear; the second is a proof
(interval Newton). Neither shares anything with the product: own losses, Hessians and bounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Pairs = tuple[tuple[int, int], ...]
"""Rows and what they become: a code, or −1 where they are deleted."""

GONE = -1
STEPS, CLOSE = 400, 1e-9
EPS = float(np.finfo(np.longdouble).eps)
LARGE = 4.0
"""Factor on the estimated error of an output before its sign is believed."""


def losses(loss: str, Z: Array, Y: Array) -> tuple[Array, Array]:
    """Slopes `(…, k)` and curvatures `(…, k, k)` at outputs, in the precision of Z."""
    k = Z.shape[-1]
    eye = np.eye(k)
    if loss == "squared":
        return Z - Y, np.broadcast_to(eye, (*Z.shape, k))
    if loss == "logistic":
        t = Y * Z
        small = np.exp(-np.abs(t))
        p = np.where(t > 0, small / (1 + small), 1 / (1 + small))
        return -Y * p, (small / (1 + small) ** 2)[..., None]
    E = np.exp(Z - Z.max(axis=-1, keepdims=True))
    S = E / E.sum(axis=-1, keepdims=True)
    # 1 − s of the largest without cancellation
    rest = (E.sum(axis=-1, keepdims=True) - E) / E.sum(axis=-1, keepdims=True)
    top = S > 0.5
    if top.any():
        others = np.where(top, 0.0, E).sum(axis=-1, keepdims=True) / E.sum(axis=-1, keepdims=True)
        rest = np.where(top, others, rest)
    g = np.where(Y == 1.0, -rest, S - Y)
    C = -S[..., :, None] * S[..., None, :]
    C[..., np.arange(k), np.arange(k)] = S * rest
    return g, C


def _hessian(C: Array, phi: Array) -> Array:
    B, n, k, _ = C.shape
    m = phi.shape[1]
    outer = (phi[:, :, None] * phi[:, None, :]).reshape(n, m * m)
    H = C.reshape(B, n, k * k).transpose(0, 2, 1) @ outer
    return H.reshape(B, k, k, m, m).transpose(0, 1, 3, 2, 4).reshape(B, k * m, k * m).copy()


def _scaled(H: Array) -> tuple[Array, Array]:
    d = np.sqrt(np.maximum(np.einsum("bii->bi", H), 1e-300))
    return H / (d[:, :, None] * d[:, None, :]), d


def solve(H: Array, g: Array) -> Array:
    """`H⁻¹g` for a batch, columns scaled first; NaN where it is singular."""
    A, d = _scaled(H)
    try:
        return np.asarray(np.linalg.solve(A, (g / d).astype(np.float64)[..., None])[..., 0] / d)
    except np.linalg.LinAlgError:
        out = np.full_like(d, np.nan)
        for b in range(len(A)):
            try:
                out[b] = np.linalg.solve(A[b], (g[b] / d[b]).astype(np.float64)) / d[b]
            except np.linalg.LinAlgError:
                pass
        return out


@dataclass(frozen=True, eq=False)
class Problem:
    """A head without any of the product's own classes.

    Attributes:
        loss: its word; phi `(n, m)`; Y `(n, k)`; codes `(c, k)` or None; label `(n,)` or None.
        decay: λ; decayed `(m,)`; remaining: whether μ follows the rows that are left.
    """

    loss: str
    phi: Array
    Y: Array
    codes: Array | None
    label: NDArray[np.int64] | None
    decay: float
    decayed: NDArray[np.bool_]
    remaining: bool

    def of(self, choices: list[Pairs]) -> tuple[Array, Array, Array]:
        """Targets, weights of rows and μ of each change."""
        B, n = len(choices), len(self.phi)
        Y, left = np.repeat(self.Y[None], B, axis=0), np.ones((B, n))
        for b, change in enumerate(choices):
            for row, code in change:
                if code == GONE:
                    left[b, row] = 0.0
                else:
                    assert self.codes is not None
                    Y[b, row] = self.codes[code]
        mu = self.decay * (left.sum(axis=1) if self.remaining else np.full(B, float(n)))
        return Y, left, mu

    def unique(self, choice: Pairs) -> bool:
        """Whether the refit exists and is unique (up to what no prediction sees)."""
        new = dict(choice)
        stay = [i for i in range(len(self.phi)) if new.get(i, 0) != GONE]
        if self.remaining and not stay:
            return False
        if self.decayed.all():
            return True
        if self.loss == "squared":
            return bool(stay)
        assert self.label is not None and self.codes is not None
        return {new.get(i, int(self.label[i])) for i in stay} == set(range(len(self.codes)))


def changes(p: Problem, relabels: bool, count: int) -> list[Pairs]:
    """Every change of at most `count` rows, that of none first."""
    n = len(p.phi)
    found: list[Pairs] = []
    for size in range(min(count, n) + 1):
        for rows in combinations(range(n), size):
            each: list[list[int]] = [[GONE] for _ in rows]
            if relabels:
                assert p.codes is not None and p.label is not None
                each = [[c for c in range(len(p.codes)) if c != p.label[i]] for i in rows]
            found += [tuple(zip(rows, codes, strict=True)) for codes in product(*each)]
    return found


def weakest(p: Problem, V: Array, choices: list[Pairs]) -> Array:
    """`(B, k, m)` unit vectors along which the sums curve least at weights V, a shift that no output sees left out."""
    Y, left, mu = p.of(choices)
    ridge = np.where(p.decayed, mu[:, None], 0.0)
    _, H, _ = _at(p.loss, p.phi, Y, left, ridge, p.decayed, V)
    return np.asarray(np.linalg.eigh(H)[1][:, :, 0].reshape(V.shape))


@dataclass(frozen=True, eq=False)
class Refits:
    """All refits.

    Attributes:
        choices: the changes.
        V: `(B, k, m)` weights near their refits.
        Z: `(B, N, k)` outputs of evaluation rows; off: `(B, N)` how far they may be off, or infinite.
        exists: `(B,)` whether there is a refit.
    """

    choices: list[Pairs]
    V: Array
    Z: Array
    off: Array
    exists: NDArray[np.bool_]

    def margins(self, today: NDArray[np.int64], threshold: float) -> Array:
        """`(B, N)` how far each label of today is from being lost."""
        if self.Z.shape[2] == 1:
            return np.asarray((self.Z[..., 0] - threshold) * np.where(today == 1, 1.0, -1.0))
        mine = np.take_along_axis(self.Z, np.maximum(today, 0)[None, :, None], axis=2)[..., 0]
        others = self.Z.copy()
        np.put_along_axis(others, np.broadcast_to(np.maximum(today, 0)[None, :, None], (*self.Z.shape[:2], 1)),
                          -np.inf, axis=2)
        return np.asarray(mine - others.max(axis=2))


def units(phi: Array) -> Array:
    """Powers of two that bring columns near 1."""
    most = np.abs(phi).max(axis=0)
    return np.asarray(2.0 ** np.round(-np.log2(np.where(most > 0, most, 1.0))))


def weights(p: Problem, choices: list[Pairs]) -> Array:
    """`(B, k, m)` weights near the refits of changes that have one, in float64; 0 where that fails."""
    Y, left, mu = p.of(choices)
    scale = units(p.phi)
    V = _damped(p.loss, p.phi * scale, Y, left, np.where(p.decayed, mu[:, None] * scale**2, 0.0), p.decayed, None)
    return np.where(np.isfinite(V), V * scale, 0.0)


def refit_today(p: Problem) -> Array:
    """`(k, m)` weights near the refit of the data as they are."""
    return np.asarray(weights(p, [()])[0])


def refits(p: Problem, points: Array, choices: list[Pairs]) -> Refits:
    """All of them, in long doubles at the end, with estimates of what outputs are off by."""
    Y, left, mu = p.of(choices)
    exists = np.array([p.unique(c) for c in choices])
    scale = units(p.phi)
    (B, _, k), m, N = Y.shape, p.phi.shape[1], len(points)
    V, Z, off = np.zeros((B, k, m)), np.zeros((B, N, k), np.longdouble), np.full((B, N), np.inf)
    at = np.flatnonzero(exists)
    if not len(at):
        return Refits(choices, V, Z.astype(np.float64), off, exists)
    phi = p.phi * scale  # in other units: V of the given ones is `W·scale`; the decay of a column changes with them
    W, Zs, offs = _refits(p, phi, scale, Y[at], left[at], mu[at], points * scale)
    V[at], Z[at], off[at] = W * scale, Zs, offs
    return Refits(choices, V, Z, off, exists)


def _refits(p: Problem, phi: Array, scale: Array, Y: Array, left: Array, mu: Array, points: Array
            ) -> tuple[Array, Array, Array]:
    ridge, (B, n) = np.where(p.decayed, mu[:, None] * scale**2, 0.0), left.shape
    today = np.where(p.decayed, p.decay * n * scale**2, 0.0)[None]
    start = _damped(p.loss, phi, p.Y[None], np.ones((1, n)), today, p.decayed, None)[0]
    W = _damped(p.loss, phi, Y, left, ridge, p.decayed, start).astype(np.longdouble)
    long = tuple(a.astype(np.longdouble) for a in (phi, Y, left, ridge))
    for last in (False, False, True):
        g, H, bulk = _at(p.loss, *long, p.decayed, W)
        if last:
            break
        step = solve(H, g.reshape(B, -1)).reshape(W.shape)
        moved = (np.abs(np.einsum("nm,bkm->bnk", phi, step)) * left[:, :, None]).max(axis=(1, 2))
        W = W - np.where((np.isfinite(step).all(axis=(1, 2)) & (moved < 0.1))[:, None, None], step, 0.0)
    Z = np.einsum("jm,bkm->bjk", points.astype(np.longdouble), W)
    off = _off(phi, left, H, g.reshape(B, -1), bulk.reshape(B, -1), points)
    size = np.einsum("jm,bkm->bjk", np.abs(points), np.abs(W).astype(np.float64)).max(axis=2)
    return W.astype(np.float64), Z, np.asarray(LARGE * (off + 20 * EPS * size))


def _off(phi: Array, left: Array, H: Array, g: Array, bulk: Array, points: Array) -> Array:
    """`(B, N)`: in the norm of H the refit is about `|g|_{H⁻¹}` away where curvatures hardly change on the way."""
    (B, km), m = g.shape, phi.shape[1]
    k = km // m
    A, d = _scaled(H)
    try:
        P = np.linalg.inv(A)
    except np.linalg.LinAlgError:
        return np.full((B, len(points)), np.inf)
    with np.errstate(all="ignore"):
        wrong = np.abs(np.eye(km) - P @ A).max(axis=(1, 2)) * km
        # H itself is off by its rounding
        wrong = wrong + 1e-14 * km * np.abs(P).max(axis=(1, 2))
        scaled = (g / d).astype(np.float64)
        way = np.sqrt(np.maximum(np.einsum("bi,bij,bj->b", scaled, P, scaled), 0))
        way = way + ((bulk / d + 1e-12 * np.abs(scaled)) * np.sqrt(np.maximum(np.einsum("bii->bi", P), 0))).sum(axis=1)
        blocks = (P / (d[:, :, None] * d[:, None, :])).reshape(B, k, m, k, m)

        def lengths(x: Array) -> Array:
            return np.sqrt(np.maximum(np.einsum("xm,bkmkl,xl->bxk", x, blocks, x, optimize=True), 0)).max(axis=2)

        far = way * (lengths(phi) * left).max(axis=1)
        bound = 2 * way[:, None] * lengths(points)
        good = (wrong < 0.01) & (far < 0.05)
        return np.where(good[:, None] & np.isfinite(bound), bound, np.inf)


def _at(loss: str, phi: Array, Y: Array, left: Array, ridge: Array, decayed: NDArray[np.bool_], W: Array
        ) -> tuple[Array, Array, Array]:
    """Gradient, Hessian in float64, and a bound of the gradient's rounding, entry by entry."""
    B, k, m = W.shape
    Z = np.einsum("nm,bkm->bnk", phi, W)
    g, C = losses(loss, Z, Y)
    g, C = g * left[..., None], C * left[..., None, None]
    G = np.einsum("bnk,nm->bkm", g, phi) + ridge[:, None, :] * W
    H = _hessian(C.astype(np.float64), phi.astype(np.float64))
    on = np.arange(k * m)
    H[:, on, on] += np.tile(ridge, (1, k)).astype(np.float64)
    if loss == "cross_entropy" and not decayed[-1]:
        last = np.arange(k) * m + m - 1
        H[:, last[:, None], last] += left.sum(axis=1).astype(np.float64)[:, None, None]
    size, near = np.abs(phi).astype(np.float64), np.abs(W).astype(np.float64)
    zoff = np.einsum("nm,bkm->bnk", size, near).max(axis=2, keepdims=True)
    curved = np.abs(C).astype(np.float64).max(axis=(2, 3))[..., None]
    terms = (np.abs(g).astype(np.float64) * 16 + 4 * curved * zoff * 4)
    bulk = EPS * (np.einsum("bnk,nm->bkm", terms, size) + 16 * ridge.astype(np.float64)[:, None, :] * near)
    return G, H, bulk


def _damped(loss: str, phi: Array, Y: Array, left: Array, ridge: Array, decayed: NDArray[np.bool_],
            start: Array | None) -> Array:
    """Damped Newton steps in float64 until they are small."""
    B, k, m = len(left), Y.shape[-1], phi.shape[1]
    V = np.zeros((B, k, m)) if start is None else np.repeat(start[None], B, axis=0)
    active = np.arange(B)
    for _ in range(STEPS):
        g, H, _ = _at(loss, phi, Y[active], left[active], ridge[active], decayed, V[active])
        step = solve(H, g.reshape(len(active), -1)).reshape(len(active), k, m)
        moved = (np.abs(np.einsum("nm,bkm->bnk", phi, step)) * left[active][:, :, None]).max(axis=(1, 2))
        far = np.ones(len(active))
        if loss != "squared":
            far = np.where(moved > 1e-3, np.log1p(2 * moved) / np.maximum(2 * moved, 1e-300), 1.0)
        good = np.isfinite(step).all(axis=(1, 2))
        V[active] -= np.where(good[:, None, None], far[:, None, None] * step, 0.0)
        active = active[good & (moved > CLOSE)]
        if not len(active) or loss == "squared":
            break
    return V
