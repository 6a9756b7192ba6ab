"""The exact refit of a small head by Newton's method in 300 bits: far more digits than anything it is held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
        rows = [(list(map(arb, x)), (new or {}).get(i, y), arb(own[i])) for i, (x, y) in enumerate(
                    zip(phi, Y, strict=True))
                if i not in gone]
        k, m = len(Y[0]), len(phi[0])
        tied = loss == "cross_entropy" and not decayed[-1]
        V = arb_mat([[arb(0)] * m for _ in range(k)])
        for _ in range(STEPS):
            g, H = _derivatives(rows, V, loss, mu, decayed, tied)
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
                there = _derivatives(rows, trial, loss, mu, decayed, tied)[0].entries()
                falls = sum((a * b for a, b in zip(there, flat, strict=True)), arb(0))
                if (falls > -here / 100 if loss in KINKED else _size(there) < now) or t < arb(2) ** -40:
                    break
                t /= 2
            V = trial
        else:
            raise AssertionError("the oracle did not settle")
        return V.tolist()


def _size(x):
    return sum((v * v for v in x), arb(0)).sqrt().mid()


def _derivatives(rows, V, loss, mu, decayed, tied):
    k, m = V.nrows(), V.ncols()
    g = [arb(0)] * (k * m)
    H = [[arb(0)] * (k * m) for _ in range(k * m)]
    for x, y, c in rows:
        z = [sum((V[a, j] * x[j] for j in range(m)), arb(0)) for a in range(k)]
        s = [c * v for v in _slope(loss, z, y)]
        M = [[c * v for v in row] for row in _curvature(loss, z, y)]
        for a in range(k):
            for j in range(m):
                g[a * m + j] += s[a] * x[j]
                for b in range(k):
                    for i in range(m):
                        H[a * m + j][b * m + i] += M[a][b] * x[j] * x[i]
    for a in range(k):
        for j in range(m):
            if decayed[j]:
                g[a * m + j] += mu * V[a, j]
                H[a * m + j][a * m + j] += mu
        for b in range(k if tied else 0):
            H[a * m + m - 1][b * m + m - 1] += 1
    return _mid(arb_mat([[x] for x in g])), _mid(arb_mat(H))
