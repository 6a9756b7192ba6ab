"""LAPACK only proposes: whatever it answers, no enclosure may lose the truth."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
import scipy.linalg

from certify.rigor import enclose_lambda_min, enclose_sigma_min, verify_positive_definite
from certify.rigor.arithmetic import Binary64, DoubleDouble
from tests.containment import bounds, network
from tests.containment import rigor as containment
from tests.families import adversarial as families

SEEDS = range(40)
HONEST = scipy.linalg.eigh
HONEST_NUMPY = np.linalg.eigh


def lying_eigh(rng: np.random.Generator):
    """Wrong values, wrong vectors, or both."""

    def answer(*args, **options):
        values, vectors = HONEST(*args, **options)
        kind = rng.integers(3)
        if kind != 0:
            values = values * (1.0 + float(rng.choice([1e-15, -1e-15, 1e-9, -1e-3, 1.0])) * rng.standard_normal())
        if kind != 1:
            vectors = vectors + float(rng.choice([1e-9, 1.0])) * rng.standard_normal(vectors.shape)
        return values, vectors

    return answer


def lying_factor(rng: np.random.Generator):
    """A lower triangle that need not have anything to do with the matrix, and `info = 0`."""

    def answer(M, **options):
        n = len(M)
        L = np.tril(rng.standard_normal((n, n)))
        if rng.random() < 0.7:
            L = np.linalg.cholesky(np.asarray(M) + 10.0 * np.eye(n) * float(np.abs(M).max() + 1e-300))
            L = L * (1 + 1e-3 * rng.standard_normal(L.shape))
        L[np.arange(n), np.arange(n)] = np.abs(np.diagonal(L)) + 1e-3
        return np.tril(L), 0

    return answer


@pytest.mark.parametrize("seed", SEEDS)
def test_eigenvectors_that_lie(seed):
    rng = np.random.default_rng(seed)
    with patch("scipy.linalg.eigh", lying_eigh(rng)):
        for method in ("residual", "a-priori"):
            containment.lambda_min(families.any_symmetric(rng), None, method, rng)
            containment.sigma_min(families.any_matrix(rng), None, method, rng)
            containment.norm2(families.any_matrix(rng), None, method, rng)
        bounds.moduli(*bounds.random_kernel(rng, Binary64()), Binary64(), rng)
        bounds.jacobian_moduli(*bounds.random_jacobian(rng), DoubleDouble(), rng)


@pytest.mark.parametrize("seed", SEEDS)
def test_factors_that_lie(seed):
    rng = np.random.default_rng(seed)
    with patch("certify.rigor.cholesky.dpotrf", lying_factor(rng)):
        for _ in range(3):
            A = families.any_symmetric(rng)
            containment.definite(A, families.radius_for(rng, A), "residual", rng)
            containment.lambda_min(A, None, "residual", rng)


@pytest.mark.parametrize("seed", SEEDS)
def test_witnesses_that_lie(seed):
    """Any X: the one that LAPACK gives, blurred, or one that has nothing to do with the kernel."""
    rng = np.random.default_rng(seed)
    arithmetic = DoubleDouble() if seed % 2 else Binary64()

    def blurred(M, **_):
        X = np.linalg.inv(np.asarray(M))
        return np.tril(X) * (1.0 + float(rng.choice([1e-12, 1e-6, 0.05])) * rng.standard_normal(X.shape)), 0

    def twisted(A):
        X = np.linalg.pinv(A @ np.linalg.svd(A, full_matrices=False)[2].T)
        return X * (1.0 + 0.05 * rng.standard_normal(X.shape))

    congruence = "certify.systems.interpolation.congruence"
    with patch(f"{congruence}.dtrtri", blurred), patch(f"{congruence}.propose", twisted), \
            patch("numpy.linalg.eigh", lambda M: (None, HONEST_NUMPY(M)[1] * (1 + 0.05 * rng.standard_normal()))):
        K, Q = bounds.random_kernel(rng, arithmetic)
        network.congruent(K, arithmetic, rng)
        bounds.moduli(K, Q, arithmetic, rng)
        bounds.jacobian_moduli(*bounds.random_jacobian(rng), DoubleDouble(), rng)


def test_a_factor_of_nan_is_no_proof():
    """OpenBLAS' Cholesky lets NaN through with info = 0."""
    with patch("certify.rigor.cholesky.dpotrf", lambda M, **_: (np.full_like(M, np.nan), 0)):
        for method in ("residual", "a-priori"):
            assert not verify_positive_definite(np.eye(2), method=method)
            assert enclose_lambda_min(np.eye(2), method=method).lower <= 1.0


def test_a_cholesky_that_always_stops_gives_trivial_bounds():
    with patch("certify.rigor.cholesky.dpotrf", lambda M, **_: (np.asarray(M), 1)):
        assert not verify_positive_definite(np.eye(2))
        assert enclose_lambda_min(np.eye(2)).lower <= -1.0
        assert enclose_sigma_min(np.eye(2)).upper >= 1.0
