"""Gradient, Hessian, Gauss–Newton and mixed products of the training loss; `1/n` everywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch.func import grad, jvp, vjp

from certify.estimation.change import Change
from certify.estimation.derivatives.layered_hessian import LayeredHessian
from certify.estimation.derivatives.taped import Tape
from certify.estimation.krylov import Operator
from certify.estimation.model.subject import ModuleProblem
from certify.estimation.solvers.direct import MOST_PARAMETERS

MOST_UNITS = 256
"""Width of a layer up to which a network's Hessian is formed in closed form."""

Field = Callable[[torch.Tensor, slice], torch.Tensor]


def gradient(
    problem: ModuleProblem, weights: torch.Tensor | None = None, at: torch.Tensor | None = None
) -> torch.Tensor:
    r"""`∇_w L = (1/n) Σ s_i ∇ℓ_i + λw`, (p,); s the sample weights, default 1; w the given parameters, or `at`."""
    w = problem.w if at is None else at
    mean = _summed(problem, lambda part: _gradient(problem, w, part, weights))
    return mean + problem.weight_decay * w


def changed_gradient(problem: ModuleProblem, change: Change, at: torch.Tensor) -> torch.Tensor:
    r"""`∇_w L(u, w)` at other parameters, on the changed data, (p,)."""
    X, y = change.data(problem)
    return gradient(replace(problem, X=X, y=y), change.sample_weights(problem), at)


def hessian(problem: ModuleProblem, damping: float = 0.0) -> Operator:
    r"""`v ↦ (∇²L + δI)v`: of small plain networks by matrix products in float64, of others from a tape."""
    extra = problem.weight_decay + damping
    if _closed(problem):
        return _layered(LayeredHessian(problem), extra)
    tape = Tape(problem)

    def product(V: torch.Tensor) -> torch.Tensor:
        return tape.product(V) + extra * V

    return Operator(problem.p, problem.p, product, product, symmetric=True, outputs=tape.outputs)


def gauss_newton(problem: ModuleProblem, damping: float = 0.0) -> Operator:
    r"""`v ↦ ((1/n) Σ J_iᵀ ∂²ℓ_i J_i + (λ + δ)I)v`: equal to the Hessian only where every slope `∂ℓ_i/∂f` is 0."""
    extra = problem.weight_decay + damping
    if _closed(problem):
        return _layered(LayeredHessian(problem, gauss_newton=True), extra)

    def product(V: torch.Tensor) -> torch.Tensor:
        rows = [_summed(problem, lambda part, v=v: _gauss_newton(problem, v, part)) + extra * v for v in V]  # type: ignore[misc]
        return torch.stack(rows)

    return Operator(problem.p, problem.p, product, product, symmetric=True)


def _closed(problem: ModuleProblem) -> bool:
    """Whether closed products and a formed matrix are the cheapest: a layer of w units takes w² numbers a row."""
    plain = problem.plain
    return (plain is not None and problem.p <= MOST_PARAMETERS
            and max(layer.out_features for layer in plain.layers) <= MOST_UNITS)


def _layered(H: LayeredHessian, extra: float) -> Operator:
    """The same map in float64 inside, whatever the type of the vectors, with its matrix."""
    def product(V: torch.Tensor) -> torch.Tensor:
        U = V.detach().double().numpy()
        return torch.from_numpy(H.product(U) + extra * U).to(V)

    def formed(dtype: torch.dtype) -> torch.Tensor:
        A = H.matrix(np.float32 if dtype == torch.float32 else np.float64)
        A.flat[:: len(A) + 1] += extra
        return torch.from_numpy(A)

    return Operator(H.problem.p, H.problem.p, product, product, True, formed)


def mixed(problem: ModuleProblem, change: Change) -> torch.Tensor:
    r"""`∇²_{wu}L · u = d/dt ∇_wL(tu, w̄)` at t = 0, (p,)."""
    if problem.batch_statistics == "recomputed":
        return _mixed_whole(problem, change)
    rows, x, y, u = change.rows, problem.X[change.rows], problem.y[change.rows], change.u
    total = torch.zeros_like(problem.w)
    for _, g in problem.function.chunks.run(len(rows), lambda part: _mixed(problem, change, x[part], y[part], u[part])):
        total += g
    return total / problem.n


def _mixed(problem: ModuleProblem, change: Change, x: torch.Tensor, y: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
    return change.along(lambda a, b, s: _pulled(problem, problem.w, a, b, s), x, y, u)


def _mixed_whole(problem: ModuleProblem, change: Change) -> torch.Tensor:
    """With recomputed batch statistics a row moves every other row's outputs; one left out still counts in them."""
    return _mixed(problem, change, problem.X, problem.y, change.everywhere(problem)) / problem.n


def _summed(problem: ModuleProblem, term: Callable[[slice], torch.Tensor]) -> torch.Tensor:
    total = torch.zeros_like(problem.w)
    for _, g in problem.function.chunks.run(problem.n, term):
        total += g.detach()
    return total / problem.n


def _gradient(problem: ModuleProblem, w: torch.Tensor, part: slice, weights: torch.Tensor | None) -> torch.Tensor:
    s = None if weights is None else weights[part]
    return _pulled(problem, w, problem.X[part], problem.y[part], s)


def _pulled(
    problem: ModuleProblem, w: torch.Tensor, x: torch.Tensor, y: torch.Tensor, s: torch.Tensor | None
) -> torch.Tensor:
    """`Σ s_i ∇_w ℓ_i`."""
    def total(a: torch.Tensor) -> torch.Tensor:
        values = problem.loss.values(problem.function.outputs(a, x), y)
        return values.sum() if s is None else (s * values).sum()

    out: torch.Tensor = grad(total)(w)
    return out


def _gauss_newton(problem: ModuleProblem, v: torch.Tensor, part: slice) -> torch.Tensor:
    x, y = problem.X[part], problem.y[part]
    f, moved = jvp(lambda w: problem.function.outputs(w, x), (problem.w,), (v,))
    _, back = vjp(lambda w: problem.function.outputs(w, x), problem.w)
    out: torch.Tensor = back(problem.loss.curve(f, y, moved))[0]
    return out
