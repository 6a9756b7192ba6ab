"""Cholesky by blocks of columns: what is proved by it holds exactly, and what must be refused is."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.finders.top_vector import backward_solve, forward_solve
from certify.rigor import fp
from certify.rigor.blocked import cholesky
from certify.rigor.blocked.columns import Columns, blocks, subtract_gram
from tests.containment.streamed import defect, factor_holds


def of(M, width):
    return [Columns(own.start, M[own.start :, own].copy()) for own in blocks(len(M), width)]


def definite(N, seed=0):
    A = np.random.default_rng(seed).standard_normal((N, N + 5))
    return A @ A.T


@given(seed=st.integers(0, 2**32), N=st.integers(1, 8), width=st.integers(1, 8), leaf=st.integers(1, 4))
def test_a_factor_bounds_the_least_eigenvalue(seed, N, width, leaf):
    factor_holds(definite(N, seed) - 1e-3 * np.eye(N), width, leaf)


def borderline(seed, k=12):
    """`M = [[I, c], [cᵀ, m]]`, m the least float with a factor; its ε, and its Schur complement `m − |c|²`, exact."""
    c = np.random.default_rng(seed).uniform(1, 2, k)
    M = np.eye(k + 1)
    M[k, :k] = c
    M[k, k] = c @ c * (1 - 2.0**-49)
    while (epsilon := defect(M, 1, 1)) is None:
        M[k, k] = np.nextafter(M[k, k], np.inf)
    return epsilon, Fraction(M[k, k]) - sum(Fraction(x) ** 2 for x in c.tolist()), c


def holds(epsilon, schur, c):
    """`M + ε ⪰ 0`: the Schur complement of M + ε."""
    square = sum(Fraction(x) ** 2 for x in c.tolist())
    return schur + epsilon + square - square / (1 + epsilon) >= 0


def test_a_matrix_that_is_not_definite_has_a_factor_all_the_same():
    """Roundings of the sums let some through: their bound keeps the claim true."""
    found = [borderline(seed) for seed in range(40)]
    assert sum(schur < 0 for _, schur, _ in found) >= 5
    assert all(holds(*one) for one in found)


def test_the_bound_needs_what_sums_lose(monkeypatch):
    """Without it the same matrices refute the bound: the test above can fail."""
    monkeypatch.setattr(fp, "block_unit", lambda longest, parts: Fraction(0))
    assert sum(not holds(*borderline(seed)) for seed in range(40)) >= 5


def test_a_factor_that_lies_costs_what_it_leaves_out(monkeypatch):
    honest = cholesky.dpotrf
    M = definite(6)
    monkeypatch.setattr(cholesky, "dpotrf", lambda *a, **o: (honest(*a, **o)[0] * (1 - 1e-3), 0))
    epsilon = defect(M, 2, 1)
    assert epsilon is not None and epsilon > 1e-3
    factor_holds(M, 2, 1)
    monkeypatch.setattr(cholesky, "factor_defect", lambda size, order, left: Fraction(0))
    with pytest.raises(Exception, match="M ⪰"):  # what the residual is for
        factor_holds(M - float(np.linalg.eigvalsh(M)[0]) * np.eye(6) - 1e-9 * np.eye(6), 2, 1)


@pytest.mark.parametrize("spoil", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("at", [(0, 0), (5, 0), (5, 3), (5, 5)])
def test_what_is_not_finite_is_refused(spoil, at):
    M = definite(6)
    M[at] = spoil
    with np.errstate(invalid="ignore"):
        assert [_factored(M, width) for width in (1, 2, 6)] == [False] * 3


def _factored(M, width):
    made = []
    for columns in of(M, width):
        if cholesky.factor_next(columns, made) is None:
            return False
        made.append(columns)
    return True


def test_an_indefinite_matrix_has_no_factor():
    M = definite(6)
    M[4, 4] = -1.0
    assert not _factored(M, 2) and _factored(definite(6), 2)


def test_a_residual_that_is_no_number_proves_nothing():
    for squares in (np.nan, np.inf):
        assert cholesky.factor_defect(Fraction(1), 2, cholesky.Residual(squares, 1, 1)) is None
    assert cholesky.factor_defect(Fraction(2) ** 201, 2, cholesky.Residual(0.0, 1, 1)) is None
    assert cholesky.factor_defect(Fraction(-1), 2, cholesky.Residual(0.0, 1, 1)) is None


def test_many_rows_are_factorised_as_few_are():
    """Several tiles, blocks and leaves: the factor multiplied again, and both solves."""
    N = 700
    M = definite(N) + N * np.eye(N)
    made = of(M, 300)
    for i, columns in enumerate(made):
        assert cholesky.factor_next(columns, made[:i]) is not None
    L = np.zeros((N, N))
    for columns in made:
        L[columns.start :, columns.start : columns.start + columns.width] = np.tril(columns.entries)
    assert np.abs(L @ L.T - M).max() < 1e-9 * N
    b = np.arange(float(N))
    assert np.abs(M @ backward_solve(made, forward_solve(made, b)) - b).max() < 1e-6


def test_products_are_subtracted_on_and_below_the_diagonal(monkeypatch):
    monkeypatch.setattr("certify.rigor.blocked.columns.TILE", 2)
    A = np.random.default_rng(0).standard_normal((7, 3))
    C = np.zeros((7, 5))
    subtract_gram(C, A)
    assert np.allclose(np.tril(C), -np.tril(A @ A[:5].T))
