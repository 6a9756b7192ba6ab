"""Verified positive definiteness, smallest eigenvalue, residual and quadratic form."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.format.words import Verdict
from certify.rigor import cholesky, enclose_lambda_min, verify_positive_definite
from tests import containment, strategies

METHODS = pytest.mark.parametrize("method", ["residual", "a-priori"])
SEEDS = st.integers(0, 2**32).map(np.random.default_rng)


@given(data=st.data(), method=strategies.METHODS, rng=SEEDS)
def test_definite_is_never_claimed_of_an_indefinite_member(data, method, rng):
    A = data.draw(strategies.symmetric())
    containment.definite(A, data.draw(strategies.radii(A.shape)), method, rng)


@given(data=st.data(), method=strategies.METHODS, rng=SEEDS)
def test_lambda_min_lies_in_its_enclosure(data, method, rng):
    A = data.draw(strategies.symmetric())
    containment.lambda_min(A, data.draw(strategies.radii(A.shape)), method, rng)


@given(strategies.squares(strategies.MODERATE), st.booleans())
def test_residual_norm_bounds_any_factor(L, agree):
    M = L @ L.T if agree else np.eye(len(L))
    containment.residual(np.tril(M) + np.tril(M, -1).T, L)


@given(data=st.data())
def test_quadratic_form(data):
    G = data.draw(strategies.symmetric(strategies.MODERATE))
    v = data.draw(strategies.matrices(st.floats(-1e3, 1e3), rows=1, columns=len(G)))[0]
    containment.form(G, v)


SINGULAR = {
    "zero": np.zeros((2, 2)),
    "ones": np.ones((3, 3)),
    "one zero": np.array([[0.0]]),
    "counting": np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).T @ np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),
    "graph laplacian": np.array([[2.0, -1.0, -1.0], [-1.0, 2.0, -1.0], [-1.0, -1.0, 2.0]]),
    "duplicated rows": np.array([[1.0, 1.0, 0.5], [1.0, 1.0, 0.5], [0.5, 0.5, 2.0]]),
    "subnormal ones": np.full((2, 2), 5e-324),
    "huge ones": np.full((2, 2), 1e308),
    "dead direction": np.diag([1.0, 0.0, 2.0]),
}
INDEFINITE = {
    "negative": np.array([[-1.0]]),
    "off-diagonal": np.array([[1.0, 1.0 + 2.0**-52], [1.0 + 2.0**-52, 1.0]]),
    "by 2^-54": np.array([[1.0, 1.0 + 2.0**-27], [1.0 + 2.0**-27, 1.0 + 2.0**-26]]),
    "permutation": np.array([[0.0, 1.0], [1.0, 0.0]]),
    "graded": np.array([[1e-300, 1.0], [1.0, 1e299]]),
    "negative subnormal": np.diag([1.0, -5e-324]),
    "huge": np.array([[1e300, -1e305], [-1e305, 1e300]]),
    "ones less an ulp": np.ones((3, 3)) - np.diag([0.0, 2.0**-53, 0.0]),
}


@METHODS
@pytest.mark.parametrize("name", [*SINGULAR, *INDEFINITE])
def test_singular_and_indefinite_matrices_are_not_certified(name, method):
    proof = verify_positive_definite({**SINGULAR, **INDEFINITE}[name], method=method)
    assert proof.verdict is Verdict.INCONCLUSIVE and proof.reason and not proof


@METHODS
@pytest.mark.parametrize("radius", [1.0, np.array([[0.0, 1.0], [1.0, 0.0]]), np.diag([1.0, 1.0]), 1e308, 1.5])
def test_a_radius_that_reaches_a_singular_member_is_not_certified(radius, method):
    A = np.array([[2.0, 1.0], [1.0, 2.0]])
    assert not verify_positive_definite(A, radius, method) or np.array_equal(radius, 1.5)
    assert not verify_positive_definite(A - np.ones((2, 2)) * 0.0 - np.diag([0.5, 0.5]), 0.5, method)


@METHODS
def test_a_radius_near_the_largest_float_is_inconclusive(method):
    """Scaled to the diagonal of A its norm overflows, which was reported as an error of the caller."""
    for factor in (1.0, 4.0, 2.0**900):
        for radius in (np.full((2, 2), 1.7e308), np.array([[0.0, 1e308], [1.2e308, 0.0]])):
            proof = verify_positive_definite(np.eye(2) / factor, radius, method)
            assert proof.verdict is Verdict.INCONCLUSIVE and "radius" in proof.reason
    one_sided = np.array([[0.0, 1.7e308], [0.0, 0.0]])  # M is symmetric: the smaller radius holds for both
    assert verify_positive_definite(np.eye(2), one_sided, method)


@METHODS
def test_definite_matrices_are_certified(method):
    rng = np.random.default_rng(0)
    for n in (1, 2, 5, 40):
        A = rng.standard_normal((n, n + 3))
        G = A @ A.T + 1e-6 * np.eye(n)
        for scale in (1.0, 2.0**-900, 2.0**900):
            assert verify_positive_definite(G * scale, method=method)
            assert verify_positive_definite(G * scale, 1e-9 * scale, method)
    d = np.ldexp(1.0, np.arange(0, 500, 50))  # wildly graded, well-conditioned after scaling
    assert verify_positive_definite(np.outer(d, d) * (np.eye(10) + 0.05), method=method)
    assert verify_positive_definite(np.array([[1.0, 1 - 1e-12], [1 - 1e-12, 1.0]]), method=method)


@METHODS
def test_lambda_min_is_close(method):
    rng = np.random.default_rng(1)
    for n in (1, 2, 5, 60):
        A = rng.standard_normal((n, n))
        G = A + A.T
        for scale in (1.0, 1e-250, 1e250):
            e = enclose_lambda_min(G * scale, method=method)
            assert 0 <= e.upper - e.lower <= 1e-10 * np.linalg.norm(G) * scale
    e = enclose_lambda_min(np.diag([1.0, 3.0]), 1e-6, method)
    assert 1.9e-6 < e.upper - e.lower < 4.1e-6


def test_a_poor_estimate_still_gives_a_bound():
    """The last resort of a lower bound of λ_min is −‖M‖."""
    M = np.array([[0.5, 0.25], [0.25, -0.5]])
    assert -1 <= cholesky.lambda_min_lower(M, 0.9) <= Fraction(-1, 2)


def test_sloppy_estimates_are_harmless():
    for estimate in (-3.0, -0.6, -0.5, 0.0, 0.7):
        low = cholesky.lambda_min_lower(np.diag([0.5, -0.5]), estimate)
        assert low <= Fraction(-1, 2)
        assert cholesky.lambda_max_upper(np.diag([0.5, -0.5]), estimate) >= Fraction(1, 2)
