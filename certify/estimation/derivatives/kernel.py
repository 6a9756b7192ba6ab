"""The tangent kernel `JJᵀ` of some rows: exact where J fits into memory, otherwise from a random sketch of J."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from certify.estimation.derivatives.jacobian import centred
from certify.estimation.model.blocks import blocks
from certify.estimation.model.subject import ModuleProblem

Tell = Callable[[str, float], None]


@dataclass(frozen=True, eq=False)
class Kernel:
    """A factor of the tangent kernel, `K ≈ F Fᵀ`, with a Cholesky factorisation of `K + shift·I`.

    With `exact` F is J itself. Otherwise F = JSᵀ for a random sign matrix S that adds up columns: `E[FFᵀ] = JJᵀ`. As
    a preconditioner an inexact one changes how fast a solver is, and never its answer.

    Attributes:
        factor: `(N, m)`, centred where the problem is; of a sketch nothing is kept, because nothing asks for it.
        exact: whether F = J.
        lower: Cholesky factor, float64.
        shift: what was added to the diagonal.
    """

    factor: torch.Tensor
    exact: bool
    lower: torch.Tensor
    shift: float
    k: int
    centre: bool

    @property
    def keeps_range(self) -> bool:
        """Not promised; the dual system does not need it, since Jᵀz has minimum norm whichever z solves it."""
        return False

    def apply(self, V: torch.Tensor) -> torch.Tensor:
        """`P (K + shift·I)⁻¹ P V` for rows V of shape (r, N), P the centring (or I)."""
        out = torch.cholesky_solve(self._kept(V).double().T, self.lower).T.to(V.dtype)
        return self._kept(out)

    def _kept(self, V: torch.Tensor) -> torch.Tensor:
        return centred(V.reshape(len(V), -1, self.k)).reshape(V.shape) if self.centre else V


def kernel(
    problem: ModuleProblem, X: torch.Tensor, centre: bool, columns: int | None, seed: int, relative_shift: float,
    tell: Tell,
) -> Kernel:
    """The tangent kernel of rows X.

    Args:
        problem: the problem.
        X: the rows.
        centre: whether outputs count up to one number a row.
        columns: width of the sketch; None: J itself.
        seed: of the sketch.
        relative_shift: shift over the mean of the diagonal.
        tell: told the stage and the fraction done.
    """
    n, k = len(X), problem.k
    width = problem.p if columns is None else columns
    F = torch.zeros(n, k, width, dtype=X.dtype, device=X.device)
    signs = None if columns is None else sketch_signs(problem, seed)
    for part, filled in problem.function.chunks.run(n, lambda part: sketched_rows(problem, X[part], width, signs)):
        F[part] = filled
        tell("Jacobians of single rows", 0.7 * part.stop / n)
    if centre:
        F -= F.mean(1, keepdim=True)
    flat = F.reshape(n * k, width)
    lower, shift = _factorised(flat, relative_shift, tell)
    return Kernel(flat if columns is None else flat[:, :0].clone(), columns is None, lower, shift, k, centre)


def sketched_rows(problem: ModuleProblem, x: torch.Tensor, width: int, signs: torch.Tensor | None) -> torch.Tensor:
    """J at rows x, or its sketch: column j is added to column j mod width with a random sign."""
    out = torch.zeros(len(x), problem.k, width, dtype=x.dtype, device=x.device)
    for block in blocks(problem, x):
        at, done, size = block.offset, 0, block.rows.shape[1]
        rows = block.rows if signs is None else block.rows * signs[at : at + size]
        while done < size:
            to = (at + done) % width
            take = min(width - to, size - done)
            out[:, block.output, to : to + take] += rows[:, done : done + take]
            done += take
    return out


def sketch_signs(problem: ModuleProblem, seed: int) -> torch.Tensor:
    """Signs of the sketch, one for each parameter."""
    generator = torch.Generator().manual_seed(seed)
    bits = torch.randint(2, (problem.p,), generator=generator)
    return (2 * bits - 1).to(dtype=problem.X.dtype, device=problem.X.device)


def _factorised(F: torch.Tensor, relative_shift: float, tell: Tell) -> tuple[torch.Tensor, float]:
    """Cholesky factor of `FFᵀ + shift·I` in float64; the shift grows until there is one."""
    N, step = len(F), 2048
    K = torch.empty(N, N, dtype=torch.float64, device=F.device)
    for i in range(0, N, step):
        for j in range(0, i + 1, step):
            K[i : i + step, j : j + step] = (F[i : i + step] @ F[j : j + step].T).double()
            K[j : j + step, i : i + step] = K[i : i + step, j : j + step].T.clone()
        tell("tangent kernel", min(1.0, 0.7 + 0.3 * (i + step) / N))
    scale = float(K.diagonal().mean())
    shift = relative_shift * scale
    while True:
        shifted = K.clone()
        shifted.diagonal().add_(shift)
        lower, failed = torch.linalg.cholesky_ex(shifted)
        if not int(failed) and bool(torch.isfinite(lower.diagonal()).all()):
            return lower, shift
        if not shift < 1e3 * scale:  # NaN or a zero matrix
            return torch.eye(N, dtype=torch.float64, device=F.device), 1.0
        shift = max(10 * shift, 1e-12 * scale)
