"""The exact refit of a small head by Newton's method in 300 bits: far more digits than anything it is held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from flint import arb, arb_mat, ctx

BITS, STEPS = 300, 200
KINKED = ("squared_hinge", "huber")
"""Losses of which the length of the gradient need not fall along the steps, but the objective does."""


def _mid(A: arb_mat) -> arb_mat:
    return arb_mat([[x.mid() for x in row] for row in A.tolist()])


def _slope(loss: str, z: list[arb], y: Sequence[float]) -> list[arb]:
    if loss == "squared":
        return [a - b for a, b in zip(z, y, strict=True)]
    if loss in ("logistic", "one_vs_rest"):
        return [-arb(b) / (1 + (arb(b) * a).exp()) for a, b in zip(z, y, strict=True)]
    if loss == "squared_hinge":
        return [-arb(b) * max(arb(0), (1 - arb(b) * a).mid(), key=float) for a, b in zip(z, y, strict=True)]
    if loss == "huber":
        return [(a - b) if abs(a - b) < 1 else arb(1 if a > b else -1) for a, b in zip(z, y, strict=True)]
    if loss == "poisson":
        return [a.exp() - b for a, b in zip(z, y, strict=True)]
    if loss == "gamma":
        return [1 - arb(b) * (-a).exp() for a, b in zip(z, y, strict=True)]
    e = [x.exp() for x in z]
    total = sum(e, arb(0))
    return [x / total - b for x, b in zip(e, y, strict=True)]


def _curvature(loss: str, z: list[arb], y: Sequence[float]) -> list[list[arb]]:
    k = len(z)
    if loss == "squared":
        return [[arb(a == b) for a in range(k)] for b in range(k)]
    if loss in ("logistic", "one_vs_rest", "squared_hinge", "huber", "poisson", "gamma"):
        own = {"squared_hinge": lambda a, b: arb(int(b * a < 1)), "huber": lambda a, b: arb(int(abs(a - b) < 1)),
               "poisson": lambda a, b: a.exp(), "gamma": lambda a, b: b * (-a).exp()}.get(
            loss, lambda a, b: 1 / (2 + a.exp() + (-a).exp()))
        return [[own(a, arb(b)) if i == j else arb(0) for j in range(k)] for i, (a, b) in
                enumerate(zip(z, y, strict=True))]
    e = [x.exp() for x in z]
    total = sum(e, arb(0))
    s = [x / total for x in e]
    return [[s[a] * ((a == b) - s[b]) for a in range(k)] for b in range(k)]


def refit(
    phi: Sequence[Sequence[float]], Y: Sequence[Sequence[float]], loss: str, mu: arb, decayed: Sequence[bool],
    gone: Sequence[int] = (), new: Mapping[int, Sequence[float]] | None = None, weights: Sequence[float] | None = None,
) -> list[list[arb]]:
    """The minimiser `(k, m)` of `Σ c_i ℓ(Vφ_i; y_i) + (μ/2)|V decayed|²` to about 200 bits.

    Where the sum of the intercepts is free (cross-entropy) it is held at 0.
    """
    with ctx.workprec(BITS):
        own = [1.0] * len(phi) if weights is None else weights
        kept = [i for i in range(len(phi)) if i not in gone]
        rows = Rows(arb_mat([list(map(arb, phi[i])) for i in kept]), [(new or {}).get(i, Y[i]) for i in kept],
                    [arb(own[i]) for i in kept])
        k, m = len(Y[0]), len(phi[0])
        tied = loss == "cross_entropy" and not decayed[-1]
        V = arb_mat(_start(rows, loss, mu, decayed, k).tolist())
        if tied:  # no step changes the sum
            V[k - 1, m - 1] = -sum((V[a, m - 1] for a in range(k - 1)), arb(0)).mid()
        g, H = _derivatives(rows, V, loss, mu, decayed, tied)
        for _ in range(STEPS):
            try:
                flat = _mid(H.solve(g, algorithm="approx")).entries()
            except ZeroDivisionError:  # on the way, where no row of a loss with kinks holds the intercept
                for j in range(k * m):
                    H[j, j] = H[j, j] + arb(2) ** -40
                flat = _mid(H.solve(g, algorithm="approx")).entries()
            if _size(flat) < arb(2) ** -200:
                break
            t, now = arb(1), _size(g.entries())
            here = sum((a * b for a, b in zip(g.entries(), flat, strict=True)), arb(0))
            while True:
                trial = _mid(arb_mat([[V[a, j] - t * flat[a * m + j] for j in range(m)] for a in range(k)]))
                there, H = _derivatives(rows, trial, loss, mu, decayed, tied)
                falls = sum((a * b for a, b in zip(there.entries(), flat, strict=True)), arb(0))
                less = falls > -here / 100 if loss in KINKED else _size(there.entries()) < now
                if less or t < arb(2) ** -40:
                    break
                t /= 2
            V, g = trial, there
        else:
            raise AssertionError("the oracle did not settle")
        return V.tolist()


@dataclass(frozen=True)
class Rows:
    """Those that are left: features, targets and weights."""

    X: arb_mat
    Y: list[Sequence[float]]
    c: list[arb]


def _start(rows: Rows, loss: str, mu: arb, decayed: Sequence[bool], k: int) -> np.ndarray:
    """Where the steps begin: some of the same in floats for losses with exponentials, 0 for others.

    Nothing rests on it: the steps end where they end, only sooner.
    """
    X, Y, c = (np.array([[float(v) for v in row] for row in part]) for part in (
        rows.X.tolist(), rows.Y, [[v] for v in rows.c]))
    V = np.zeros((k, X.shape[1]))
    ridge = np.where(decayed, float(mu), 0.0)
    if loss not in ("logistic", "one_vs_rest", "cross_entropy"):
        return V

    def derivatives(V: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        Z = X @ V.T
        if loss == "cross_entropy":
            S = np.exp(Z - Z.max(axis=1, keepdims=True))
            S /= S.sum(axis=1, keepdims=True)
            s, M = S - Y, S[:, :, None] * (np.eye(k) - S[:, None, :])
        else:
            q = 1 / (1 + np.exp(Y * Z))
            s, M = -Y * q, (q * (1 - q))[:, :, None] * np.eye(k)
        outer = X[:, None, :, None, None] * X[:, None, None, None, :]
        H = ((c[:, :, None] * M)[:, :, None, :, None] * outer).sum(axis=0).reshape(V.size, V.size)
        return (c * s).T @ X + ridge * V, H + np.diag(np.tile(ridge, k))

    with np.errstate(all="ignore"):
        g, H = derivatives(V)
        for _ in range(40):
            if not np.isfinite(H).all():
                break
            step = np.linalg.lstsq(H, g.ravel(), rcond=None)[0].reshape(V.shape)
            there = derivatives(V - step)
            if not np.abs(there[0]).max() < np.abs(g).max():
                break
            V, (g, H) = V - step, there
    return V


def _size(x):
    return sum((v * v for v in x), arb(0)).sqrt().mid()


def _derivatives(rows, V, loss, mu, decayed, tied):
    k, m = V.nrows(), V.ncols()
    turned, X = rows.X.transpose(), rows.X.tolist()
    Z = (rows.X * V.transpose()).tolist()
    s = [[c * v for v in _slope(loss, z, y)] for z, y, c in zip(Z, rows.Y, rows.c, strict=True)]
    M = [[[c * v for v in row] for row in _curvature(loss, z, y)] for z, y, c in zip(Z, rows.Y, rows.c, strict=True)]
    g = [x for column in (turned * arb_mat(s)).transpose().tolist() for x in column]
    H = [[arb(0)] * (k * m) for _ in range(k * m)]
    for a in range(k):
        for b in range(k):
            own = [row[a][b] for row in M]
            if any(own):
                block = (turned * arb_mat([[v * x for x in row] for v, row in zip(own, X, strict=True)])).tolist()
                for j in range(m):
                    H[a * m + j][b * m:(b + 1) * m] = block[j]
    for a in range(k):
        for j in range(m):
            if decayed[j]:
                g[a * m + j] += mu * V[a, j]
                H[a * m + j][a * m + j] += mu
        for b in range(k if tied else 0):
            H[a * m + m - 1][b * m + m - 1] += 1
    return _mid(arb_mat([[x] for x in g])), _mid(arb_mat(H))
