"""The largest eigenvalue of `CᵀM⁻¹C` with its vector, by Lanczos, M by its Cholesky factor; nothing here is trusted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg.blas import dtrsv

from certify.rigor.blocked.columns import Columns
from certify.rigor.fp import Array

STEPS = 60
TOLERANCE = 3e-5
"""Relative residual of the top pair at which no more steps are taken."""


@dataclass(frozen=True, eq=False)
class Top:
    """`λ ≈ λ_max(CᵀM⁻¹C)` and `z ≈ M⁻¹Cv`, v its vector."""

    value: float
    z: Array


def top_pair(C: Array, solve: Callable[[Array], Array]) -> Top | None:
    """By Lanczos with full orthogonalisation, from a fixed random start.

    Args:
        C: `(n, k, q)` blocks.
        solve: `b ↦ M⁻¹b`.
    """
    n, k, q = C.shape

    def spread(v: Array) -> Array:
        return np.asarray(np.einsum("ikq,iq->ik", C, v.reshape(n, q)).ravel())

    def gather(y: Array) -> Array:
        return np.asarray(np.einsum("ikq,ik->iq", C, y.reshape(n, k)).ravel())

    rng = np.random.default_rng(0)
    v = gather(spread(rng.standard_normal(n * q)))
    if not v.any() or not np.isfinite(v).all():
        return None
    basis: list[Array] = [v / np.linalg.norm(v)]
    alpha: list[float] = []
    beta: list[float] = []
    for _ in range(min(STEPS, n * q)):
        w = gather(solve(spread(basis[-1])))
        alpha.append(float(w @ basis[-1]))
        for b in basis:
            w -= (w @ b) * b
        norm = float(np.linalg.norm(w))
        if not np.isfinite(norm):
            return None
        try:
            values, vectors = np.linalg.eigh(np.diag(alpha) + np.diag(beta, 1) + np.diag(beta, -1))
        except np.linalg.LinAlgError:
            return None
        if norm * abs(vectors[-1, -1]) <= TOLERANCE * values[-1]:
            break
        beta.append(norm)
        basis.append(w / norm)
    top = np.array(basis[: len(alpha)]).T @ vectors[:, -1]
    z = solve(spread(top))
    return Top(float(values[-1]), z) if np.isfinite(z).all() and z.any() else None


def forward_solve(factor: Sequence[Columns], b: Array) -> Array:
    """`L⁻¹b` for the rows of a factor in blocks of columns, the first of which starts its rows."""
    b, first = b.copy(), factor[0].start
    for block in factor:
        own = slice(block.start - first, block.start - first + block.width)
        L = block.entries[: block.width]
        b[own] = dtrsv(L.T, b[own], lower=0, trans=1)
        b[own.stop :] -= block.entries[block.width : block.width + len(b) - own.stop] @ b[own]
    return b


def backward_solve(factor: Sequence[Columns], b: Array) -> Array:
    """`L⁻ᵀb`."""
    b, first = b.copy(), factor[0].start
    for block in reversed(factor):
        own = slice(block.start - first, block.start - first + block.width)
        below = block.entries[block.width : block.width + len(b) - own.stop]
        rest = b[own] - below.T @ b[own.stop :]
        b[own] = dtrsv(block.entries[: block.width].T, rest, lower=0, trans=0)
    return b
