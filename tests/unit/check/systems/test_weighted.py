"""The largest eigenvalue of `XΣC_iE_iC_iᵀXᵀ`, by the rows' own matrix, against floats from both sides of the truth."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from flint import arb, arb_mat, ctx, fmpz_mat

from certify.check.linalg.definite import Truth
from certify.check.linalg.fixed import Fixed
from certify.check.systems.critical import Stationary
from certify.check.systems.data_derivative.weighted import weighted

STEP = 1e-9


def stationary(X, C, q, error=0):
    """A point at which these whole numbers are known; C up to an error in Frobenius norm."""
    at = Stationary.__new__(Stationary)
    at.problem, at.width, at.kind = SimpleNamespace(parameters=len(X)), 60, "output"
    columns = Fixed(fmpz_mat(C.tolist()), 0, arb(error))
    at.data = SimpleNamespace(structured=False, columns=columns, each=q)
    at.measured = SimpleNamespace(X=Fixed(fmpz_mat(X.tolist()), 0, arb(0)))
    return at


def drawn(seed, q, rows=5, p=20):
    rng = np.random.default_rng(seed)
    X, C = rng.integers(-9, 10, (p, p)), rng.integers(-9, 10, (p, q * rows))
    weights = 2.0 ** rng.integers(-20, 20, q * rows)
    return X, C, weights


def balls(weights, q):
    return [arb_mat([[arb(weights[i + a]) if a == b else arb(0) for b in range(q)] for a in range(q)])
            for i in range(0, len(weights), q)]


@pytest.mark.parametrize("q", [1, 2])
@pytest.mark.parametrize("seed", range(3))
def test_it_lies_between_what_is_a_little_less_and_a_little_more(q, seed):
    X, C, weights = drawn(seed, q)
    top = np.linalg.svd(X @ C * np.sqrt(weights), compute_uv=False)[0] ** 2
    with ctx.workprec(128):
        found = weighted(stationary(X, C, q), balls(weights, q))
        assert found.plain.shape == (5 * q, 5 * q)
        assert found.below(arb(top * (1 + STEP))) is Truth.PROVED
        assert found.below(arb(top * (1 - STEP))) is not Truth.PROVED


def test_what_c_errs_by_counts_with_the_largest_weight():
    X, C, weights = drawn(0, 1)
    with ctx.workprec(128):
        exact, loose = (weighted(stationary(X, C, 1, error), balls(weights, 1)) for error in (0, 2.0**-20))
        most = float(weights.max()) ** 0.5 * np.linalg.norm(X, 2)
        size = np.linalg.svd(X @ C * np.sqrt(weights), compute_uv=False)[0]
        assert loose.plain.radius > 2 * size * most * 2.0**-20 * (1 - 1e-6) > 1000 * exact.plain.radius


def test_weights_that_are_not_diagonal_go_the_other_way():
    X, C, _ = drawn(1, 2)
    E = [arb_mat([[arb(2), arb(1)], [arb(1), arb(2)]])] * 5
    top = np.linalg.eigvalsh(X @ C @ np.kron(np.eye(5), [[2, 1], [1, 2]]) @ C.T @ X.T)[-1]
    with ctx.workprec(128):
        found = weighted(stationary(X, C, 2), E)
        assert found.plain.shape == (20, 20)
        assert found.below(arb(top * (1 + STEP))) is Truth.PROVED
        assert found.below(arb(top * (1 - STEP))) is not Truth.PROVED
        assert weighted(stationary(X, C, 2), [-e for e in E]).below(arb(-1)) is not Truth.PROVED


def test_weights_below_zero_are_no_squares():
    X, C, weights = drawn(2, 1)
    with ctx.workprec(128):
        found = weighted(stationary(X, C, 1), balls(-weights, 1))
        assert found.plain.shape == (20, 20)


@pytest.mark.parametrize("off", ["[0.9 +/- 0.95]", "nan"])
def test_what_may_be_0_is_not_taken_for_0(off):
    """Balls: were the numbers off the diagonal dropped, 1.01 would be said to be enough for up to 1 + 1.85."""
    E, one = [arb_mat([[arb(1), arb(off)], [arb(off), arb(1)]])], np.eye(2, dtype=int)
    with ctx.workprec(128):
        assert weighted(stationary(one, one, 2), E).below(arb(1.01)) is not Truth.PROVED


def test_every_row_has_to_have_diagonal_weights():
    E = [arb_mat([[1, 0], [0, 1]]), arb_mat([[1, 0.9], [0.9, 1]])]
    with ctx.workprec(128):
        found = weighted(stationary(np.eye(4, dtype=int), np.eye(4, dtype=int), 2), E)
        assert found.below(arb(1.5)) is not Truth.PROVED
        assert found.below(arb(1.91)) is Truth.PROVED


def test_what_weights_err_by_counts():
    E = [arb_mat([[arb(4, 1)]])]
    with ctx.workprec(128):
        found = weighted(stationary(np.eye(1, dtype=int), np.eye(1, dtype=int), 1), E)
        assert found.below(arb(4.5)) is not Truth.PROVED
        assert found.below(arb(5.2)) is Truth.PROVED
