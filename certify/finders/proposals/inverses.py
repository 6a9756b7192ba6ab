"""An inverse, or an inverse Cholesky factor, to some ninety bits: LAPACK's, and what a sharp residual says it lacks."""

from __future__ import annotations

import numpy as np

from certify.finders.proposals.sliced import LEVELS, SHORT, Array, Pair, product, sum_of

MILD = 1e13
"""A condition number up to which a slice less of every product is enough."""

ROUNDS, FAR, SMALL = 3, 0.25, 2.0**-20
"""Corrections of the factor, the residual from which none helps, and one of which two terms are enough."""

PLAIN = 2.0**-24
"""The residual at a vector from which a factor of floats is none: its judge asks for less than 2^-20 of its norm."""

LEAF = 64
"""Rows of a triangular matrix that is inverted as any other."""

VECTORS, STEPS, SHORT_STEPS = 32, 8, 32
"""Of the subspace iteration for the largest eigenvalues: vectors, steps, and those before in short floats."""


def inverse(A: Pair) -> tuple[Array, Array] | None:
    """X with `XA ≈ I`: `X₀ + (S + S² + S³)X₀` for LAPACK's X₀, `S = I − X₀A`."""
    try:
        X: Array = np.asarray(np.linalg.inv(A[0]), dtype=np.float64)
    except np.linalg.LinAlgError:
        return None
    S = _residual(product((X, None), A))
    if not np.isfinite(S).all() or np.linalg.norm(S) > FAR:
        return None
    more = S @ S
    high, low = product((S + more + more @ S, None), (X, None), SHORT)
    X, lost = sum_of(X, high)
    return sum_of(X, lost + low)


def inverse_factor(A: Pair, plain: bool = False) -> Pair | None:
    """A lower triangular R with `RARᵀ ≈ I`: `R₀ + FR₀` for LAPACK's R₀, where `(I + F)(R₀AR₀ᵀ)(I + F)ᵀ ≈ I`.

    Plain: `R₀`, where it is near.
    """
    try:
        R = _inverse_lower(np.linalg.cholesky(A[0]))
    except np.linalg.LinAlgError:
        return None
    if plain:
        v = np.random.default_rng(0).standard_normal(len(R))
        return (R, None) if np.linalg.norm(R @ (A[0] @ (R.T @ v)) - v) < PLAIN * np.linalg.norm(v) else None
    levels = LEVELS - int(np.linalg.norm(R) ** 2 * np.linalg.norm(A[0]) < MILD)
    moved = product((R, None), A, levels, lower=True)
    E = np.tril(-_residual(product(moved, (np.ascontiguousarray(R.T), None), levels, half=True)))
    E += np.tril(E, -1).T
    if not np.isfinite(E).all() or np.linalg.norm(E) > FAR:
        return None
    F = -_lower(E)
    if np.linalg.norm(E) < SMALL:  # what is left with it is −(FF + FᵀFᵀ + FFᵀ), and terms of the third order
        turned = F @ F
        F = F + _lower(turned + turned.T + F @ F.T)
        return sum_of(R, np.tril(F @ R))
    for _ in range(1, ROUNDS):
        image = E @ F.T
        step = _lower(E + F + F.T + image + image.T + F @ F.T + F @ image)
        F = F - step - step @ F
    return sum_of(R, np.tril(F @ R))


def _inverse_lower(L: Array) -> Array:
    """The inverse of a lower triangular matrix by halves: scipy, which has it too, takes longer to load."""
    n, m = len(L), len(L) // 2
    if n <= LEAF:
        return np.tril(np.linalg.inv(L))
    found = np.zeros_like(L)
    found[:m, :m], found[m:, m:] = _inverse_lower(L[:m, :m]), _inverse_lower(L[m:, m:])
    found[m:, :m] = -(found[m:, m:] @ (L[m:, :m] @ found[:m, :m]))
    return found


def _lower(M: Array) -> Array:
    """`N` with `N + Nᵀ = M`, lower triangular, of a symmetric M."""
    found: Array = np.tril(M)
    found[np.diag_indices_from(found)] /= 2
    return found


def topmost(R: Array, T: Array) -> Array:
    """Orthonormal columns near the eigenvectors of the largest eigenvalues of RT, positive semidefinite."""
    V = np.random.default_rng(0).standard_normal((len(R), VECTORS))
    whole = [M / (np.abs(M).max() or 1) for M in (R, T)]
    short = [M.astype(np.float32) for M in whole]
    for step in range(SHORT_STEPS + STEPS):
        first, second = short if step < SHORT_STEPS else whole
        V = np.linalg.qr(first @ (second @ V.astype(first.dtype)))[0]
    return V


def _residual(found: tuple[Array, Array]) -> Array:
    """`I` less a pair."""
    high, low = found
    high = -high
    high[np.diag_indices_from(high)] += 1  # exact near 1
    return high - low
