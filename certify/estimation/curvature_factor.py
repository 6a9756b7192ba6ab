r"""Rows R with `RᵀR ≈ (1/n) Σ J_iᵀ ∂²ℓ_i J_i`: the Gauss–Newton matrix, without rows that hardly curve."""

from __future__ import annotations

import torch

from certify.estimation.blocks import Directions, blocks
from certify.estimation.subject import ModuleProblem

LEAST = 0.1
"""Share of the shift below which a row's curvature is left out: beside the shift it hardly moves the spectrum."""

MOST_BYTES = 1 << 30
"""Memory that the rows may take; the largest are kept."""


def curvature_factor(problem: ModuleProblem, shift: float, least: float = LEAST) -> torch.Tensor:
    r"""Rows `√(μ/n) qᵀJ_i` over the eigenpairs (μ, q) of every row's `∂²ℓ_i`, (m, p).

    The largest eigenvalues of all rows are one backward pass; the others another, of those rows where they still matter
    beside `shift`: most rows of a trained classifier are so sure of their label that none of theirs does.

    Args:
        problem: the problem.
        shift: what is added to the matrix.
        least: rows whose squared length is below this share of `shift` are left out.
    """
    def first(part: slice) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        found = []

        def largest(f: torch.Tensor) -> torch.Tensor:
            found[:] = _curvatures(problem, f, problem.y[part])
            return (found[0][:, :1] / problem.n).sqrt()[None] * found[1][:, :, 0]

        return _filled(problem, problem.X[part], largest), found[0] / problem.n, found[1]

    passed = [made for _, made in problem.function.chunks.run(problem.n, first)]
    rows, size, vector = (torch.cat(some) for some in zip(*passed, strict=True))
    length = rows.square().sum(1, dtype=torch.float64)
    # Jᵀq of a row is about as long for its other q
    share = torch.where(size[:, :1] > 0, size / size[:, :1].clamp_min(torch.finfo(size.dtype).tiny), 0.0)
    nearly = length[:, None] * share > least * shift / 4
    row, which = nearly[:, 1:].nonzero(as_tuple=True)
    directions = size[row, which + 1].sqrt()[:, None] * vector[row, :, which + 1]
    more = [some for _, some in problem.function.chunks.run(
        len(row), lambda part: _filled(problem, problem.X[row[part]], directions[None, part]))]
    kept = torch.cat([rows, *more])
    length = kept.square().sum(1, dtype=torch.float64)
    kept, length = kept[length > least * shift], length[length > least * shift]
    most = max(1, MOST_BYTES // (problem.p * problem.w.element_size()))
    return kept[length.topk(most).indices] if len(kept) > most else kept


def _curvatures(problem: ModuleProblem, f: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Eigenvalues of every row's `∂²ℓ`, falling, and its eigenvectors as columns."""
    sizes, vectors = torch.linalg.eigh(problem.loss.hessians(f, y).double())
    return sizes.flip(1).clamp_min(0).to(f.dtype), vectors.flip(2).to(f.dtype)


def _filled(problem: ModuleProblem, x: torch.Tensor, directions: torch.Tensor | Directions) -> torch.Tensor:
    """`d_i · J_i` for rows x, (len(x), p)."""
    out = torch.zeros(len(x), problem.p, dtype=x.dtype, device=x.device)
    for block in blocks(problem, x, directions):
        out[:, block.offset : block.offset + block.rows.shape[1]] = block.rows
    return out
