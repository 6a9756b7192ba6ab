"""Descent to a strict minimum: Newton's method with a trust region, in float64, to a tiny gradient.

Steps are truncated conjugate gradients (Steihaug and Toint, 1983) on the Hessian where they are, in the metric of a
positive definite matrix that was factored once: that of the Hessian at w̄, with its eigenvalues made positive.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from resnet import Training

FLOOR = 1e-3
"""Eigenvalues of the metric are at least this."""


def dense_hessian(training: Training, w: torch.Tensor) -> torch.Tensor:
    """∇²L at w, (p, p), a product a column."""
    slope = Slope.at(training, w)
    H = torch.stack([slope.product(e) for e in torch.eye(len(w), dtype=w.dtype)])
    return (H + H.T) / 2


@dataclass(frozen=True, eq=False)
class Slope:
    """L and ∇L at w, recorded so that Hessian products are one backward pass each."""

    w: torch.Tensor
    value: float
    recorded: torch.Tensor

    @staticmethod
    def at(training: Training, w: torch.Tensor) -> Slope:
        """Recorded at w."""
        w = w.detach().clone().requires_grad_(True)
        loss = training.loss(w)
        (g,) = torch.autograd.grad(loss, w, create_graph=True)
        return Slope(w, float(loss.detach()), g)

    @property
    def gradient(self) -> torch.Tensor:
        """∇L, (p,)."""
        return self.recorded.detach()

    def product(self, v: torch.Tensor) -> torch.Tensor:
        """∇²L v."""
        return torch.autograd.grad(self.recorded, self.w, v, retain_graph=True)[0]


@dataclass(frozen=True, eq=False)
class Metric:
    """`RRᵀ`, R lower triangular."""

    R: torch.Tensor

    @staticmethod
    def of(H: torch.Tensor) -> Metric:
        """|H|, its eigenvalues in absolute value and at least the floor."""
        sizes, Q = torch.linalg.eigh(H)
        return Metric(torch.linalg.cholesky((Q * sizes.abs().clamp_min(FLOOR)) @ Q.T))

    def down(self, v: torch.Tensor) -> torch.Tensor:
        """`R⁻¹v`."""
        return torch.linalg.solve_triangular(self.R, v[:, None], upper=False)[:, 0]

    def up(self, z: torch.Tensor) -> torch.Tensor:
        """`R⁻ᵀz`."""
        return torch.linalg.solve_triangular(self.R.T, z[:, None], upper=True)[:, 0]


@dataclass(frozen=True, eq=False)
class Found:
    """Where a descent ended: weights, L and |∇L| there, Newton steps and Hessian products, and whether it converged."""

    w: torch.Tensor
    value: float
    gradient: float
    steps: int
    products: int
    converged: bool


def minimum(training: Training, w: torch.Tensor, metric: Metric, tolerance: float, most: int = 200) -> Found:
    """Newton's method from w until |∇L| ≤ tolerance, or `most` steps.

    A step must lower L; where L moves by rounding only, it must lower |∇L|.
    """
    radius, products = 0.1, 0
    here = Slope.at(training, w)
    for step in range(most):
        size = float(here.gradient.norm())
        if size <= tolerance:
            return Found(here.w.detach(), here.value, size, step, products, True)
        z, model, used = _truncated(here, metric, radius)
        products += used
        there = Slope.at(training, here.w.detach() + metric.up(z))
        noise = 1e-14 * (1 + abs(here.value))
        if model > 1e2 * noise:
            ratio = (here.value - there.value) / model
        else:
            ratio = 1.0 if float(there.gradient.norm()) < size else 0.0
        if ratio < 0.25:
            radius = 0.25 * float(z.norm())
        elif ratio > 0.75 and float(z.norm()) > 0.9 * radius:
            radius *= 2.5
        if ratio > 1e-3:
            here = there
        elif radius < 1e-12:
            break
    size = float(here.gradient.norm())
    return Found(here.w.detach(), here.value, size, most, products, size <= tolerance)


def _truncated(here: Slope, metric: Metric, radius: float) -> tuple[torch.Tensor, float, int]:
    """`min gᵀz + ½ zᵀR⁻¹HR⁻ᵀz`, `|z| ≤ radius`: z, how far the model falls, and the products it took."""
    r = metric.down(here.gradient)
    z, d, model = torch.zeros_like(r), -r, 0.0
    aim = float(r.norm()) * min(0.1, float(here.gradient.norm()))
    for used in range(1, 101):
        Hd = metric.down(here.product(metric.up(d)))
        curvature = float(d @ Hd)
        a = float(r @ r) / curvature if curvature > 0 else float("inf")
        if curvature <= 0 or float((z + a * d).norm()) >= radius:
            zd, dd = float(z @ d), float(d @ d)
            a = (-zd + (zd * zd + dd * (radius * radius - float(z @ z))) ** 0.5) / dd
            return z + a * d, model - a * float(r @ d) - a * a * curvature / 2, used
        z, model = z + a * d, model - a * float(r @ d) - a * a * curvature / 2
        new = r + a * Hd
        if float(new.norm()) <= aim:
            return z, model, used
        d, r = -new + float(new @ new) / float(r @ r) * d, new
    return z, model, 100
