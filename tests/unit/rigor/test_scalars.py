"""fp: outward rounding, square roots, norms of rows."""

from __future__ import annotations

import math
import warnings
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.format.errors import EnclosureError
from certify.rigor import fp
from certify.rigor.matrices import nonnegative_norm
from tests.containment import rigor as containment
from tests.families import strategies

RATIONALS = st.builds(lambda n, d, e: Fraction(n, d) * Fraction(2) ** e, st.integers(-(2**70), 2**70),
                      st.integers(1, 2**70), st.integers(-1200, 960))


@given(RATIONALS)
def test_rounding_goes_outward_to_the_next_float(x):
    containment.rounding(x)


@given(strategies.FINITE)
def test_floats_round_to_themselves(x):
    assert fp.exact(x) == Fraction(x)
    if x == 0 or abs(x) >= 2.0**-1022:  # smaller bounds move outward to 2^-1022, see `fp.up`
        assert fp.up(Fraction(x)) == fp.down(Fraction(x)) == x


def test_rounding_beyond_the_largest_float():
    largest = Fraction(2) ** 1024 - Fraction(2) ** 971
    assert fp.up(largest) == float(largest)
    assert fp.up(largest + 1) == math.inf and fp.down(largest + 1) == float(largest)
    with pytest.raises(EnclosureError, match="rescale"):
        fp.up(Fraction(2) ** 1024)


@given(RATIONALS.map(abs))
def test_square_roots_enclose(x):
    containment.square_roots(x)


def test_square_root_of_a_negative_number_is_refused():
    with pytest.raises(EnclosureError, match="negative"):
        fp.sqrt_up(Fraction(-1))
    assert fp.sqrt_down(Fraction(-1)) == 0


@given(st.lists(strategies.FINITE))
def test_total_is_exact(values):
    assert fp.total(values) == sum(map(Fraction, values))


@pytest.mark.parametrize("x", [math.nan, math.inf, -math.inf])
def test_nothing_infinite_passes(x):
    with pytest.raises(EnclosureError):
        fp.exact(x)
    with pytest.raises(EnclosureError):
        fp.total([1.0, x])
    for position in range(3):
        A = np.ones((1, 3))
        A[0, position] = x
        for kernel in (fp.row_norms, fp.frobenius, lambda M: fp.require_finite(M, "test")):
            with np.errstate(all="ignore"), pytest.raises(EnclosureError):
                kernel(A)


@given(strategies.matrices())
def test_row_norms_are_upper_bounds(A):
    containment.norms_of_rows(A)


def test_row_norms_have_a_floor_and_are_close():
    assert fp.row_norms(np.zeros((2, 3))).tolist() == [fp.FLOOR, fp.FLOOR]
    norms = fp.row_norms(np.array([[3.0, 4.0], [3e200, 4e200], [3e-100, 4e-100]]))
    assert np.allclose(norms, [5.0, 5e200, 5e-100], rtol=1e-14)


@pytest.mark.parametrize("power", [-1074, -560, -511, -452, -450, -449, -401, -399, 0, 499, 500, 501])
def test_row_norms_where_squares_underflow_or_overflow(power):
    """Numbers of many bits, so that the sums round, on both sides of every threshold."""
    A = np.ldexp([[1.1, 1.3, -1.7], [0.0, 0.0, 1.9]], power)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        norms = fp.row_norms(A)
    for row, norm in zip(A.tolist(), norms.tolist(), strict=True):
        square = sum(Fraction(a) ** 2 for a in row)
        assert square <= Fraction(norm) ** 2 and norm >= fp.FLOOR
        assert norm == fp.FLOOR or Fraction(norm) ** 2 <= square * (1 + Fraction(2) ** -46)


def test_row_norms_of_whole_numbers_do_not_wrap_around():
    assert fp.row_norms(np.full((1, 4), 100, dtype=np.int8))[0] >= 200.0
    assert fp.row_norms(np.full((1, 4), 1e30, dtype=np.float32))[0] >= 1.99e30


def test_inner_products_that_are_too_long_are_refused():
    with pytest.raises(EnclosureError, match="2\\^32"):
        fp.dot_unit(2**34)


@given(strategies.matrices(st.floats(0.0, 1e300)), st.integers(0, 2**32))
def test_nonnegative_norm_bounds_every_member(R, seed):
    signs = np.random.default_rng(seed).choice([-1.0, 0.0, 0.5, 1.0], R.shape)
    containment.norm_of_nonnegative(R, R * signs)


def test_nonnegative_norm_is_close_and_refuses_overflow():
    assert float(nonnegative_norm(np.array([[3.0, 4.0]]))) < 5.0 * (1 + 1e-14)
    assert float(nonnegative_norm(np.ones((9, 9)))) < 9.0 * (1 + 1e-14)
    with np.errstate(over="ignore"), pytest.raises(EnclosureError):
        nonnegative_norm(np.full((2, 2), 1.7e308))
