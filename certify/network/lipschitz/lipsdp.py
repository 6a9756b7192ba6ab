"""Lipschitz constants of a chain of layers, units with slopes in intervals: LipSDP, proved from multipliers (Q8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.cholesky import verify_positive_definite
from certify.rigor.fp import Array, U

LADDER = (2.0**-24, 2.0**-18, 2.0**-14, 2.0**-10, 2.0**-7)
"""Slacks tried, relative to the square of the constant."""

LARGEST = 2.0**100
"""Of weights and multipliers: beyond it nothing is proved, so that what underflows stays below FLOOR."""


@dataclass(frozen=True, eq=False)
class Chain:
    """`x ↦ C·D_LW_L ⋯ D_1W_1x`, every `D_j` diagonal with entries within `halves[j]` of `mids[j]`.

    Attributes:
        weights: `W_1 … W_L`; L may be 0. Entries of the first may be off by one rounding (units of features).
        mids, halves: of every hidden layer, one number a unit; halves ≥ 0.
        last: C without its factors; where L = 0 it may be off by a rounding.
        factors: C is `diag(factors)·last`; None: all 1.
    """

    weights: tuple[Array, ...]
    mids: tuple[Array, ...]
    halves: tuple[Array, ...]
    last: Array
    factors: Array | None = None


def chain_bound(chain: Chain, multipliers: Sequence[Array], guess: float) -> float | None:
    """An upper bound near `guess` of the norm of every such map, if the multipliers prove one.

    `s²|x|² − |Ca_L|² − Σ_jΣ_i λ_ji(a − αz)_ji(βz − a)_ji` with `z_j = W_ja_{j−1}`, `a_0 = x`, is a quadratic form in
    `(x, a_1, …, a_L)`, block tridiagonal; where it is positive definite for some λ ≥ 0, s is a bound, since the terms
    subtracted are not negative for `a_j = D_jz_j`. Its matrix is formed with its rounding and proved positive definite.

    Args:
        chain: the chain.
        multipliers: λ, one array a hidden layer; untrusted.
        guess: about the bound; untrusted.

    Returns:
        s; None where nothing was proved.

    >>> chain = Chain((np.eye(2),), (np.full(2, 0.5),), (np.full(2, 0.5),), np.array([[3.0, 4.0]]))
    >>> round(chain_bound(chain, (np.array([18.0, 32.0]) * 1.5,), 6.0), 3)
    6.0
    """
    arrays = (*chain.weights, chain.last, *chain.mids, *chain.halves, *multipliers)
    if not 0 < guess < LARGEST or not all(np.max(np.abs(v), initial=0.0) <= LARGEST for v in arrays):
        return None
    if any((v < 0).any() for v in (*multipliers, *chain.halves)):
        return None
    N, R, at = _matrix(chain, multipliers)
    if not (np.isfinite(N).all() and np.isfinite(R).all()):
        return None
    d, eye = at[1], np.arange(at[1])
    for slack in LADDER:
        square, M, radius = guess * guess * (1.0 + slack), N.copy(), R.copy()
        M[eye, eye] += square
        radius[:d, :d] += np.eye(d) * (2 * U * (np.abs(N[eye, eye]) + square))
        if verify_positive_definite(M, radius):
            return fp.up(fp.sqrt_up(fp.exact(square)))
    return None


def _matrix(chain: Chain, multipliers: Sequence[Array]) -> tuple[Array, Array, list[int]]:
    """The form's matrix without `s²I`, an entrywise bound of its error, and where its blocks start."""
    sizes = [W.shape[1] for W in (*chain.weights, chain.last)]
    at = [0, *np.cumsum(sizes).tolist()]
    N = np.zeros((at[-1], at[-1]))
    R, size = np.zeros_like(N), np.zeros_like(N)

    def add(i: int, j: int, block: Array, error: Array) -> None:
        rows, columns = slice(at[i], at[i + 1]), slice(at[j], at[j + 1])
        for a, b, M, E in ((rows, columns, block, error), (columns, rows, block.T, error.T))[: 2 if i != j else 1]:
            N[a, b] += M
            R[a, b] += E
            size[a, b] += np.abs(M)

    for j, (W, mid, half, factor) in enumerate(
            zip(chain.weights, chain.mids, chain.halves, multipliers, strict=True)):
        # α + β = 2·mid, αβ = (mid − half)(mid + half): every factor has one rounding, and so has W where it is scaled
        cross = -(factor * mid)[:, None] * W
        add(j + 1, j, cross, 4 * U * np.abs(cross))
        add(j + 1, j + 1, np.diag(factor), np.zeros((len(factor), len(factor))))
        add(j, j, *_gram(W, factor * (mid - half) * (mid + half)))
    top = np.ones(len(chain.last)) if chain.factors is None else chain.factors
    G, error = _gram(chain.last, top * top)
    add(len(sizes) - 1, len(sizes) - 1, -G, error)
    return N, (R + 4 * U * size) * fp.RAISE + fp.FLOOR, at


def _gram(W: Array, weights: Array) -> tuple[Array, Array]:
    """`Wᵀdiag(weights)W`, symmetric, and its error; weights with four roundings, W with one."""
    scaled = np.abs(weights)[:, None] * np.abs(W)
    G = W.T @ (weights[:, None] * W)
    error = (fp.dot_unit(len(W)) + 16 * U) * (np.abs(W).T @ scaled) * fp.sum_up(len(W))
    return np.triu(G) + np.triu(G, 1).T, np.maximum(error, error.T)
