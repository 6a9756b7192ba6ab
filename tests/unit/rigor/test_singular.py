"""Smallest singular value and spectral norm, and the witness that sharpens them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.rigor import enclose_norm2, enclose_sigma_min
from tests.containment import rigor as containment
from tests.families import strategies

METHODS = pytest.mark.parametrize("method", ["residual", "a-priori"])
SEEDS = st.integers(0, 2**32).map(np.random.default_rng)
SIZES = st.one_of(strategies.FINITE, st.integers(-3, 3).map(float), st.floats(-2.0, 2.0))


@given(data=st.data(), method=strategies.METHODS, rng=SEEDS)
def test_sigma_min_lies_in_its_enclosure(data, method, rng):
    A = data.draw(strategies.matrices(SIZES))
    containment.sigma_min(A, data.draw(strategies.radii(A.shape)), method, rng)


@given(data=st.data(), method=strategies.METHODS, rng=SEEDS)
def test_norm2_lies_in_its_enclosure(data, method, rng):
    A = data.draw(strategies.matrices(SIZES))
    containment.norm2(A, data.draw(strategies.radii(A.shape)), method, rng)


KNOWN = {
    "1..9": np.arange(1.0, 10.0).reshape(3, 3),
    "svd above the truth": np.array([[1.0, -6.0], [-5.0, -9.0]]),
    "duplicated rows": np.array([[1.0, 2.0], [1.0, 2.0]]),
    "zero": np.zeros((2, 3)),
    "tiny": np.array([[2.0**-540, 0.0], [0.0, 1.0]]),
    "subnormal": np.array([[5e-324, 1e-323], [1e-323, 5e-324]]),
    "huge": np.array([[1e308, 0.0], [0.0, -1e308]]),
    "huge and tiny": np.diag([1e300, 1e-300]),
    "dead unit": np.array([[1.0, 2.0], [0.0, 0.0]]),
    "nearly equal rows": np.array([[1.0, 1.0], [1.0, 1.0 + 2.0**-52]]),
    "one row": np.array([[3.0, 4.0]]),
    "one column": np.array([[3.0], [4.0]]),
    "one number": np.array([[-7.0]]),
    "cancelling": np.array([[1e16, 1.0, -1e16], [1.0, 1.0, 1.0]]),
}
for _eps in (1.0544543879449973e-08, 1e-4, 2.0**-27, 1e-12):
    KNOWN[f"Läuchli {_eps:.3g}"] = np.hstack([np.ones((3, 1)), _eps * np.eye(3)])


@METHODS
@pytest.mark.parametrize("name", KNOWN)
def test_known_hard_matrices(name, method):
    for radius in (None, 1e-9, np.abs(KNOWN[name]) * 1e-3):
        for kernel in (containment.sigma_min, containment.norm2):
            kernel(KNOWN[name], radius, method, np.random.default_rng(0))


@METHODS
@pytest.mark.parametrize("name", ["1..9", "duplicated rows", "zero", "dead unit"])
def test_singular_matrices_have_lower_end_zero(name, method):
    e = enclose_sigma_min(KNOWN[name], method=method)
    assert e.lower == 0.0 and e.upper < 1e-6


def conditioned(rng: np.random.Generator, n: int, m: int, condition: float) -> np.ndarray:
    U, V = (np.linalg.qr(rng.standard_normal((k, n)))[0] for k in (n, m))
    return (U * np.logspace(0, -np.log10(condition), n)) @ V.T


@METHODS
@pytest.mark.parametrize("condition", [1.0, 1e3, 1e6, 1e9, 1e12])
def test_sigma_min_is_close(condition, method):
    """A useless enclosure [0, ‖A‖] would fail: the ends meet within 1e-4 up to a condition number of 1e12."""
    A = conditioned(np.random.default_rng(2), 12, 20, condition)
    for scale in (1.0, 2.0**-300, 2.0**900):
        e = enclose_sigma_min(A * scale, method=method)
        assert e.upper - e.lower <= 1e-4 * e.upper and 0.5 < e.upper * condition / scale < 2.0


@METHODS
def test_norm2_is_close(method):
    rng = np.random.default_rng(3)
    for n, m in ((1, 1), (3, 7), (40, 25)):
        A = rng.standard_normal((n, m))
        for scale in (1.0, 1e-250, 1e250):
            e = enclose_norm2(A * scale, method=method)
            assert 0 < e.lower <= e.upper <= e.lower * (1 + 1e-9)
    e = enclose_norm2(np.eye(2), 1e-6, method)
    assert 1.9e-6 < e.upper - e.lower < 4.1e-6


def test_a_radius_lowers_sigma_min_to_zero_and_not_below():
    assert enclose_sigma_min(np.eye(2), 2.0).lower == 0.0
    assert enclose_sigma_min(np.eye(2), 0.25).lower == pytest.approx(0.5, abs=1e-6)
