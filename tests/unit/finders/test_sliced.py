"""Products of pairs of floats to about a hundred bits, whole and in part, against exact ones."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from certify.finders.proposals.inverses import _inverse_lower, inverse_factor, topmost
from certify.finders.proposals.sliced import product, product_of


def exactly(M) -> list[list[Fraction]]:
    low = np.zeros_like(M[0]) if M[1] is None else M[1]
    return [[Fraction(x) + Fraction(y) for x, y in zip(*rows, strict=True)]
            for rows in zip(M[0].tolist(), low.tolist(), strict=True)]


def pair(rng, n: int, m: int):
    high = rng.normal(size=(n, m)) * 10.0 ** rng.integers(-3, 4, (n, 1))
    return high, high * rng.uniform(-1, 1, (n, m)) * 2.0**-54


@pytest.mark.parametrize("lower, half, symmetric", [
    (False, False, False), (True, False, False), (False, True, False), (False, False, True)])
@pytest.mark.parametrize("levels, bits", [(4, 70), (5, 90)])
def test_a_product_is_near_the_exact_one(lower, half, symmetric, levels, bits, monkeypatch):
    monkeypatch.setattr("certify.finders.proposals.sliced.NARROW", 4)
    rng, n = np.random.default_rng(levels), 11
    A, B = pair(rng, n, n), pair(rng, n, n)
    A = tuple(map(np.tril, A)) if lower else A
    B = tuple(map(np.triu, B)) if half else B
    found, a, b = exactly(product(A, B, levels, lower, half, symmetric)), exactly(A), exactly(B)
    for i in range(n):
        for j in range(i + 1 if half or symmetric else n):
            true = sum(a[i][k] * b[k][j] for k in range(n))
            size = max(map(abs, a[i])) * max(abs(row[j]) for row in b)
            assert abs(found[i][j] - true) <= size / 2**bits


@pytest.mark.parametrize("n", [1, 5, 64, 65, 150])
def test_a_triangular_matrix_is_inverted_by_halves(n):
    L = np.tril(np.random.default_rng(n).normal(size=(n, n)) / n) + np.eye(n)
    R = _inverse_lower(L)
    assert not np.triu(R, 1).any() and np.abs(R @ L - np.eye(n)).max() < 1e-13


def test_a_matrix_that_is_not_definite_has_no_factor():
    assert inverse_factor((np.diag([1.0, -1.0]), np.zeros((2, 2)))) is None
    assert inverse_factor((np.full((2, 2), np.nan), np.zeros((2, 2)))) is None


@pytest.mark.parametrize("size", [1.0, 1e-200, 1e200, 0.0])
def test_vectors_for_the_largest_eigenvalues_are_near_these_whatever_their_size(size):
    """Also of numbers that short floats do not hold as they are."""
    rng, n = np.random.default_rng(7), 60
    R = np.tril(rng.normal(size=(n, n))) * 0.7 ** np.arange(n)[:, None]
    V = topmost(R * size, R.T * size)
    assert np.abs(V.T @ V - np.eye(V.shape[1])).max() < 1e-12
    if size:
        kept = np.linalg.svd(R, compute_uv=False)[:V.shape[1]]
        assert np.linalg.norm(R.T @ V) == pytest.approx(np.linalg.norm(kept), rel=1e-9)


def test_a_product_of_entries_is_exact():
    rng = np.random.default_rng(2)
    a, b = (rng.normal(size=(9, 7)) * 10.0 ** rng.integers(-20, 20, (9, 7)) for _ in range(2))
    found = exactly(product_of(a, b))
    assert all(x == Fraction(u) * Fraction(v) for row, us, vs in zip(found, a.tolist(), b.tolist(), strict=True)
               for x, u, v in zip(row, us, vs, strict=True))
