"""Products, sums and tanh of both arithmetics, and the error-free transforms under them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.format.errors import EnclosureError
from certify.rigor import fp
from certify.rigor.activation import ACTIVATIONS
from certify.rigor.arithmetic import Binary64, DoubleDouble, Pair
from tests.containment import rigor as containment
from tests.families import strategies

ARITHMETICS = [Binary64(), DoubleDouble()]
BOTH = pytest.mark.parametrize("arithmetic", ARITHMETICS, ids=lambda a: a.name)
LENGTHS = st.sampled_from([1, 2, 3, 9, 17, 33])


def plain(P: Pair, arithmetic: object) -> Pair:
    """The pair, or its high part where the arithmetic has no low parts."""
    return Pair(P.hi) if isinstance(arithmetic, Binary64) else P


@given(strategies.matrices(rows=2, columns=4), strategies.matrices(rows=2, columns=4))
def test_error_free_transforms(a, b):
    containment.error_free(a, b)


@BOTH
@given(data=st.data(), k=LENGTHS)
def test_product_errs_within_its_unit(arithmetic, data, k):
    A, B = data.draw(strategies.pairs(2, k)), data.draw(strategies.pairs(3, k))
    containment.product(plain(A, arithmetic), plain(B, arithmetic), arithmetic)


@BOTH
@given(data=st.data())
def test_sums_and_elementwise_products(arithmetic, data):
    A, B = (plain(data.draw(strategies.pairs(2, 3, strategies.FINITE)), arithmetic) for _ in range(2))
    containment.elementwise(A, B, arithmetic, "add")
    containment.elementwise(A, B, arithmetic, "multiply")


@pytest.mark.parametrize("name", ACTIVATIONS)
@given(values=st.lists(strategies.FINITE, min_size=1), low=st.floats(-1.0, 1.0))
def test_activations(name, values, low):
    x = np.array(values)
    containment.activation_values(name, x)
    containment.activation_values(name, x, x * 2.0**-53 * low)


@BOTH
def test_products_are_close(arithmetic):
    A = np.array([[1.0, 1e16, -1e16]])
    C = arithmetic.product(Pair(A), Pair(np.ones((1, 3))))
    assert abs(C.hi[0, 0] - 1.0) <= arithmetic.product_unit(3) * 3e16
    assert arithmetic.product_unit(3) < 1e-15
    if arithmetic.name == "double-double":
        assert C.hi[0, 0] == 1.0 and arithmetic.product_unit(1000) < 1e-22


@BOTH
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 2.0**151])
def test_products_refuse_what_is_out_of_range(arithmetic, bad):
    for i in range(2):
        for j in range(3):
            A = np.ones((2, 3))
            A[i, j] = bad
            for left, right in ((A, np.ones((2, 3))), (np.ones((2, 3)), A)):
                with pytest.raises(EnclosureError):
                    arithmetic.product(Pair(left), Pair(right))


def test_double_double_refuses_overflow_and_long_rows():
    huge = Pair(np.full((1, 1), 1e300))
    with np.errstate(all="ignore"), pytest.raises(EnclosureError):
        DoubleDouble().multiply(huge, huge)
    with pytest.raises(EnclosureError, match="fewer columns"):
        DoubleDouble().product_unit(2**40)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_refuse(name, bad):
    for arithmetic in ARITHMETICS:
        with np.errstate(all="ignore"), pytest.raises(EnclosureError):
            arithmetic.activate(ACTIVATIONS[name], Pair(np.array([[0.0, bad]])))


def test_extended_values_leave_the_precision_alone():
    import flint

    before = flint.ctx.prec
    DoubleDouble().activate(ACTIVATIONS["tanh"], Pair(np.ones((1, 1)), np.zeros((1, 1))))
    assert flint.ctx.prec == before


def test_unit_covers_sum_and_product():
    unit = DoubleDouble().unit
    assert unit >= fp.PAIR_ADD * fp.U**2 and unit >= fp.PAIR_MULTIPLY * fp.U**2
