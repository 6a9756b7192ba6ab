r"""Rows R with `RᵀR ≈ (1/n) Σ J_iᵀ ∂²ℓ_i J_i`: the Gauss–Newton matrix, without rows that hardly curve."""

from __future__ import annotations

import torch

from certify.estimation.model.blocks import blocks
from certify.estimation.model.subject import ModuleProblem

LEAST = 0.3
"""Share of the shift below which a row's curvature is left out: beside the shift it hardly moves the spectrum."""

FIRST = 0.99
"""Share of the outputs' curvature whose rows are made before it is known how long they are."""

WORTH = 10.0
"""How many times as much others must weigh to be worth passes of their own."""

MOST_BYTES = 1 << 30
"""Memory that the rows may take; the largest are kept."""


def curvature_factor(
    problem: ModuleProblem, shift: float, least: float = LEAST, largest: int | None = None,
    outputs: torch.Tensor | None = None,
) -> torch.Tensor:
    r"""Rows `√(μ/n) qᵀJ_i` over the eigenpairs (μ, q) of every row's `∂²ℓ_i`, (m, p).

    Most rows of a trained classifier are so sure of their label that their μ are nothing beside those of a few. So the
    largest μ of all go backward first, and then those that still matter beside `shift`, if their rows are as long for
    their μ as these are.

    Args:
        problem: the problem.
        shift: what is added to the matrix.
        least: rows whose squared length is below this share of `shift` are left out.
        largest: how many may be made, those of the largest μ; None: as many as fit into memory.
        outputs: the network's at every row, where they are known.
    """
    run = problem.function.chunks.run
    f = problem.function.all_outputs(problem.w, problem.X) if outputs is None else outputs
    passed = [made for _, made in run(problem.n, lambda part: _curvatures(problem, f[part], problem.y[part]))]
    sizes, vectors = (torch.cat(some) for some in zip(*passed, strict=True))
    weight, order = (sizes / problem.n).flatten().sort(descending=True, stable=True)
    row, which = order // sizes.shape[1], order % sizes.shape[1]

    def made(some: slice) -> torch.Tensor:
        at = row[some]
        directions = weight[some].sqrt()[:, None] * vectors[at, :, which[some]]
        parts = run(len(at), lambda part: _filled(problem, problem.X[at[part]], directions[None, part]))
        return torch.cat([directions.new_zeros(0, problem.p), *(rows for _, rows in parts)])

    most = max(1, min(MOST_BYTES // (problem.p * problem.w.element_size()), len(order) if largest is None else largest))
    total = weight.cumsum(0, dtype=torch.float64)
    count = min(int((total < FIRST * total[-1]).sum()) + 1, most)
    if count > problem.function.chunks.size:  # whole chunks: none for a handful that may not matter
        count -= count % problem.function.chunks.size
    rows = made(slice(0, count))
    length = _squared(rows)
    ratio = float(length.sum() / total[count - 1].clamp_min(torch.finfo(torch.float64).tiny))
    end = min(int((weight * ratio > WORTH * least * shift).sum()), most)
    if end > count:
        rows = torch.cat([rows, made(slice(count, end))])
        length = _squared(rows)
    return rows[length > least * shift]


def _squared(rows: torch.Tensor) -> torch.Tensor:
    return rows.square().sum(1, dtype=torch.float64)


def _curvatures(problem: ModuleProblem, f: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Eigenvalues of every row's `∂²ℓ`, falling, and its eigenvectors as columns."""
    sizes, vectors = torch.linalg.eigh(problem.loss.hessians(f, y).double())
    return sizes.flip(1).clamp_min(0).to(f.dtype), vectors.flip(2).to(f.dtype)


def _filled(problem: ModuleProblem, x: torch.Tensor, directions: torch.Tensor) -> torch.Tensor:
    """`d_i · J_i` for rows x, (len(x), p)."""
    out = torch.zeros(len(x), problem.p, dtype=x.dtype, device=x.device)
    for block in blocks(problem, x, directions):
        out[:, block.offset : block.offset + block.rows.shape[1]] = block.rows
    return out
