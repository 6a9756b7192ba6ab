r"""Rows R with `RᵀR ≈ (1/n) Σ J_iᵀ ∂²ℓ_i J_i`: the Gauss–Newton matrix, without rows that hardly curve."""

from __future__ import annotations

import torch

from certify.estimation.blocks import blocks
from certify.estimation.subject import ModuleProblem

LEAST = 1e-3
"""Share of the shift below which a row's curvature is left out: all together they move the spectrum little."""

MOST_BYTES = 1 << 30
"""Memory that the rows may take; the largest are kept."""


def curvature_factor(problem: ModuleProblem, shift: float) -> torch.Tensor:
    r"""Rows `√(μ/n) qᵀJ_i` over the eigenpairs (μ, q) of every row's `∂²ℓ_i`, (m, p).

    The d-th largest eigenvalue of all rows is one backward pass, of those rows where it still matters beside `shift`:
    most rows of a trained classifier are so sure of their label that none of theirs does.
    """
    f = problem.function.all_outputs(problem.w, problem.X)
    sizes, vectors = _curvatures(problem, f)
    most = max(1, MOST_BYTES // (problem.p * problem.w.element_size()))
    going = torch.arange(problem.n, device=f.device)
    kept = torch.zeros(0, problem.p, dtype=f.dtype, device=f.device)
    for d in range(f.shape[1]):
        rows = _rows(problem, going, (sizes[going, d] / problem.n).sqrt()[:, None] * vectors[going, :, d])
        length = rows.square().sum(1)
        matters = length > LEAST * shift
        kept = torch.cat([kept, rows[matters]])
        if len(kept) > most:
            kept = kept[kept.square().sum(1).topk(most).indices]
        # Jᵀq of a row is about as long for its next q
        nearly = length.double() * _ratio(sizes[going, d + 1], sizes[going, d]) if d + 1 < f.shape[1] else length * 0
        going = going[nearly > LEAST * shift / 4]
        if not len(going):
            break
    return kept


def _curvatures(problem: ModuleProblem, f: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Eigenvalues of every row's `∂²ℓ`, falling, and its eigenvectors as columns."""
    sizes, vectors = torch.linalg.eigh(problem.loss.hessians(f, problem.y).double())
    return sizes.flip(1).clamp_min(0).to(f.dtype), vectors.flip(2).to(f.dtype)


def _rows(problem: ModuleProblem, chosen: torch.Tensor, directions: torch.Tensor) -> torch.Tensor:
    """`d_i · J_i` for the chosen rows, (len(chosen), p)."""
    X = problem.X[chosen]

    def filled(part: slice) -> torch.Tensor:
        out = torch.zeros(part.stop - part.start, problem.p, dtype=X.dtype, device=X.device)
        for block in blocks(problem, X[part], directions[None, part]):
            out[:, block.offset : block.offset + block.rows.shape[1]] = block.rows
        return out

    return torch.cat([rows for _, rows in problem.function.chunks.run(len(chosen), filled)])


def _ratio(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return torch.where(b > 0, a / b, 0.0).double()
