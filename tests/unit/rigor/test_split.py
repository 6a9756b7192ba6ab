"""Products by two slices: within their unit of exact ones, and hundreds of times nearer than plain ones."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.rigor import fp
from certify.rigor.split import split_product, split_unit


def inner(a, b):
    return sum((Fraction(x) * Fraction(y) for x, y in zip(a.tolist(), b.tolist(), strict=True)), Fraction())


@given(seed=st.integers(0, 2**32), k=st.sampled_from([1, 2, 3, 17, 64, 700]))
def test_entries_are_within_the_unit(seed, k):
    rng = np.random.default_rng(seed)
    A, B = (rng.standard_normal((3, k)) * 10.0 ** rng.uniform(-6, 6, (3, k)) for _ in range(2))
    if rng.random() < 0.5:  # cancels
        B[0] = np.roll(A[0], 1) * np.where(np.arange(k) % 2, -1, 1)
    C, unit = split_product(A, B), Fraction(split_unit(k))
    for i in range(3):
        for j in range(3):
            exact = inner(A[i], B[j])
            size = Fraction(float(fp.row_norms(A[i : i + 1])[0])) * Fraction(float(fp.row_norms(B[j : j + 1])[0]))
            assert abs(Fraction(float(C[i, j])) - exact) <= unit * size


@pytest.mark.parametrize("k", [2, 100, 5000, 10**5])
def test_the_unit_is_hardly_more_than_one_rounding(k):
    assert 2.0**-53 < split_unit(k) < min(fp.dot_unit(k), 2000 * 2.0**-53)
    assert split_unit(k) < 4 * 2.0**-53 or k > 5000


def test_leading_slices_multiply_exactly():
    """What the plain product loses is seen: entries of one size, whose products cancel up to their last bits."""
    rng = np.random.default_rng(5)
    A = rng.uniform(1, 2, (1, 4001))
    B = A.copy()
    B[0, ::2] *= -1
    B[0, -1] = 0.0
    exact = float(inner(A[0], B[0]))
    fine, plain = (abs(float(C[0, 0]) - exact) for C in (split_product(A, B), A @ B.T))
    assert fine <= 2.0**-40 * max(plain, 2.0**-30) or fine < plain / 4
