"""Descent to a critical point: L-BFGS whose first metric is the damped Gauss–Newton matrix, to a tiny gradient."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from resnet import Training

MEMORY = 100
DAMPING = 5e-2
ROWS = 10


@dataclass(frozen=True, eq=False)
class Metric:
    """The Cholesky factor of `(1/n) Σ J_iᵀ ∂²ℓ_i J_i + δI` at some weights, for descent and as a preconditioner."""

    factor: torch.Tensor
    keeps_range: bool = False

    @staticmethod
    def at(training: Training, w: torch.Tensor, damping: float = DAMPING) -> Metric:
        """Sample weights are left out: any metric leads to the same points."""
        rows = [_weighted_jacobian(training, w, training.X[at : at + ROWS]) for at in range(0, len(training.X), ROWS)]
        J = torch.cat(rows).float()
        G = (J.T @ J).double() / len(training.X)
        return Metric(torch.linalg.cholesky(G + damping * torch.eye(len(G), dtype=G.dtype)))

    def apply(self, V: torch.Tensor) -> torch.Tensor:
        """Its inverse times each row of V, (r, p)."""
        return torch.cholesky_solve(V.T.contiguous(), self.factor).T.contiguous()


def _weighted_jacobian(training: Training, w: torch.Tensor, X: torch.Tensor) -> torch.Tensor:
    """`S_iᵀJ_i` with `S_iS_iᵀ = diag(p) − ppᵀ`, the curvature of the cross-entropy; (rows·10, p)."""
    from torch.func import vjp, vmap

    f, pull = vjp(lambda a: training.outputs(a, X), w)
    p = f.detach().softmax(1)
    root = p.sqrt()
    S = torch.diag_embed(root) - p[:, :, None] * root[:, None, :]
    n, k = f.shape
    cotangents = torch.zeros(n, k, n, k, dtype=f.dtype)
    index = torch.arange(n)
    cotangents[index, :, index, :] = S.transpose(1, 2)
    parts = vmap(lambda c: pull(c)[0], chunk_size=200)(cotangents.reshape(n * k, n, k))
    return parts.detach()


@dataclass(frozen=True, eq=False)
class Found:
    """Where a descent ended: weights, |∇L| there, its steps, and whether the tolerance was reached."""

    w: torch.Tensor
    gradient: float
    steps: int
    converged: bool


def descend(training: Training, w: torch.Tensor, metric: Metric, tolerance: float, most: int = 400) -> Found:
    """L-BFGS from w until |∇L| ≤ tolerance; a step must lower L, or, where L moves by rounding only, |∇L|."""
    pairs: list[tuple[torch.Tensor, torch.Tensor, float]] = []
    value, g = training.both(w)
    for step in range(most):
        if float(g.norm()) <= tolerance:
            return Found(w, float(g.norm()), step, True)
        direction = -_two_loops(g, pairs, metric)
        slope = float(g @ direction)
        if slope >= 0:
            pairs, direction = [], -metric.apply(g[None])[0]
            slope = float(g @ direction)
        t = 1.0
        while True:
            new = w + t * direction
            there, gradient = training.both(new)
            flat = abs(there - value) <= 1e-13 * (1 + abs(value)) and float(gradient.norm()) < float(g.norm())
            if there <= value + 1e-4 * t * slope or flat:
                break
            t /= 2
            if t < 1e-6:
                return Found(w, float(g.norm()), step, False)
        s, change = new - w, gradient - g
        if float(s @ change) > 1e-12 * float(s.norm() * change.norm()):
            pairs = [*pairs[-MEMORY + 1 :], (s, change, float(s @ change))]
        w, value, g = new, there, gradient
    return Found(w, float(g.norm()), most, float(g.norm()) <= tolerance)


def _two_loops(g: torch.Tensor, pairs: list[tuple[torch.Tensor, torch.Tensor, float]], metric: Metric) -> torch.Tensor:
    q, kept = g.clone(), []
    for s, change, product in reversed(pairs):
        a = float(s @ q) / product
        q -= a * change
        kept.append(a)
    r = metric.apply(q[None])[0]
    for (s, change, product), a in zip(pairs, reversed(kept), strict=True):
        r += s * (a - float(change @ r) / product)
    return r


def newton(training: Training, w: torch.Tensor, metric: Metric, tolerance: float, most: int = 100) -> Found:
    """Newton's method with a trust region in the metric, truncated conjugate gradients (Steihaug and Toint, 1983).

    Where L-BFGS crawls: long curved valleys, and directions of negative curvature.
    """
    R, radius = metric.factor, 0.5
    value, g = training.both(w)
    for step in range(most):
        if float(g.norm()) <= tolerance:
            return Found(w, float(g.norm()), step, True)
        z, model = _truncated(training, w, torch.linalg.solve_triangular(R, g[:, None], upper=False)[:, 0], R, radius)
        new = w + torch.linalg.solve_triangular(R.T, z[:, None], upper=True)[:, 0]
        there, gradient = training.both(new)
        noise = 1e-14 * (1 + abs(value))
        ratio = (value - there) / model if model > noise else 1.0 if gradient.norm() < g.norm() else 0.0
        if ratio < 0.25:
            radius = 0.25 * float(z.norm())
        elif ratio > 0.75 and float(z.norm()) > 0.9 * radius:
            radius *= 2.5
        if ratio > 1e-3:
            w, value, g = new, there, gradient
        elif radius < 1e-10:
            return Found(w, float(g.norm()), step, False)
    return Found(w, float(g.norm()), most, float(g.norm()) <= tolerance)


def _truncated(
    training: Training, w: torch.Tensor, g: torch.Tensor, R: torch.Tensor, radius: float
) -> tuple[torch.Tensor, float]:
    """`min gᵀz + ½ zᵀR⁻¹HR⁻ᵀz`, `|z| ≤ radius`, and how far the model falls."""
    z, r, model = torch.zeros_like(g), g.clone(), 0.0
    d, aim = -r, float(g.norm()) * min(0.1, float(g.norm()) ** 0.5)
    for _ in range(60):
        Hd = torch.linalg.solve_triangular(R.T, d[:, None], upper=True)[:, 0]
        Hd = torch.linalg.solve_triangular(R, training.product(w, Hd)[:, None], upper=False)[:, 0]
        curvature = float(d @ Hd)
        a = float(r @ r) / curvature if curvature > 0 else float("inf")
        if curvature <= 0 or float((z + a * d).norm()) >= radius:
            zd, dd = float(z @ d), float(d @ d)
            a = (-zd + (zd * zd + dd * (radius * radius - float(z @ z))) ** 0.5) / dd
            return z + a * d, model - a * float(r @ d) - a * a * curvature / 2
        z, model = z + a * d, model - a * float(r @ d) - a * a * curvature / 2
        new = r + a * Hd
        if float(new.norm()) <= aim:
            return z, model
        d, r = -new + float(new @ new) / float(r @ r) * d, new
    return z, model
