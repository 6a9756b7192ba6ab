"""Products with the Jacobian of the outputs, by automatic differentiation; the matrix is never formed."""

from __future__ import annotations

import torch
from torch.func import jvp, vjp

from certify.estimation.krylov import Operator
from certify.estimation.model.subject import ModuleProblem


def centred(f: torch.Tensor) -> torch.Tensor:
    """Outputs without what softmax does not see: each row less its mean."""
    return f - f.mean(-1, keepdim=True)


def output_jacobian(problem: ModuleProblem, X: torch.Tensor, centre: bool, w: torch.Tensor | None = None) -> Operator:
    r"""`J = ∂f/∂w` at rows X, stacked to `(len(X)·k, p)`; with `centre` the Jacobian of the centred outputs.

    A product costs a forward pass and its derivative, an adjoint one gradient. Both go chunk by chunk.

    Args:
        problem: the problem.
        X: the rows.
        centre: whether outputs count up to one number a row (softmax).
        w: parameters, default the given ones.
    """
    w = problem.w if w is None else w
    n, k = len(X), problem.k
    keep = centred if centre else _same

    def product(V: torch.Tensor) -> torch.Tensor:
        out = torch.empty(len(V), n, k, dtype=V.dtype, device=V.device)
        for part, images in problem.function.chunks.run(n, lambda part: _push(problem, w, X[part], V)):
            out[:, part] = keep(images)
        return out.reshape(len(V), n * k)

    def adjoint(U: torch.Tensor) -> torch.Tensor:
        C = keep(U.reshape(len(U), n, k))
        total = torch.zeros(len(U), problem.p, dtype=U.dtype, device=U.device)
        for _, pulled in problem.function.chunks.run(n, lambda part: _pull(problem, w, X[part], C[:, part])):
            total += pulled
        return total

    return Operator(n * k, problem.p, product, adjoint)


def input_derivative(problem: ModuleProblem, X: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
    """`(∂f_i/∂x_i) u_i`, (rows, k)."""
    out = torch.empty(len(X), problem.k, dtype=X.dtype, device=X.device)
    for part, moved in problem.function.chunks.run(
        len(X), lambda part: jvp(lambda x: problem.function.outputs(problem.w, x), (X[part],), (u[part],))[1]
    ):
        out[part] = moved
    return out


def _push(problem: ModuleProblem, w: torch.Tensor, x: torch.Tensor, V: torch.Tensor) -> torch.Tensor:
    return torch.stack([jvp(lambda a: problem.function.outputs(a, x), (w,), (v,))[1] for v in V]).detach()


def _pull(problem: ModuleProblem, w: torch.Tensor, x: torch.Tensor, C: torch.Tensor) -> torch.Tensor:
    _, back = vjp(lambda a: problem.function.outputs(a, x), w)
    return torch.stack([back(c.contiguous(), retain_graph=True)[0] for c in C]).detach()


def _same(f: torch.Tensor) -> torch.Tensor:
    return f
