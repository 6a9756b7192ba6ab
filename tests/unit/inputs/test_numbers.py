"""Numbers become float64 exactly, or are refused with their place."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from certify.format.errors import InputError
from certify.inputs.numbers import exact_float64

KINDS = ["f2", "f4", "f8", ">f4", ">f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", ">i8", "?"]


@given(st.data())
def test_exact_or_refused(data):
    dtype = data.draw(st.sampled_from(KINDS))
    array = data.draw(hnp.arrays(dtype, hnp.array_shapes(max_dims=3, max_side=4)))
    fine = all(np.isfinite(float(v)) and (array.dtype.kind == "f" or abs(int(v)) <= 2**53) for v in array.flat)
    try:
        result = exact_float64(array, "X")
    except InputError:
        assert not fine
        return
    assert fine and result.dtype == np.float64 and result.shape == array.shape
    assert not result.flags.writeable and result.flags.c_contiguous
    for before, after in zip(array.flat, result.flat, strict=True):
        assert Fraction(before.item()) == Fraction(float(after))


def test_subnormals_of_every_width_survive():
    for dtype in (np.float16, np.float32, np.float64):
        tiny = np.nextafter(dtype(0), dtype(1))
        assert Fraction(float(exact_float64(np.array([tiny, -tiny]), "X")[0])) == Fraction(tiny.item()) > 0


@pytest.mark.parametrize("array, words", [
    (np.array([[1.0, 2.0], [3.0, np.nan]]), "X, row 1, column 1: nan;"),
    (np.array([1.0, -np.inf, np.nan]), r"X, entry 1: -inf \(and 1 more\)"),
    (np.array([[0, 2**53 + 1]]), "row 0, column 1: 9007199254740993 is beyond 2\\^53"),
    (np.array([-(2**53) - 1]), "entry 0: -9007199254740993"),
    (np.array([2**64 - 1], dtype=np.uint64), "entry 0: 18446744073709551615"),
    (np.array([1j]), "complex128"),
    (np.array([1], dtype=np.longdouble), "float128|longdouble|float96"),
    (np.array(["a"]), "<U1"),
    (np.array([None]), "object"),
    (np.array(["2020-01-01"], dtype="datetime64[D]"), "datetime64"),
])
def test_refusals_say_where_and_what(array, words):
    with pytest.raises(InputError, match=words):
        exact_float64(array, "X")


def test_largest_integers_are_taken():
    assert exact_float64(np.array([2**53, -(2**53)]), "X").tolist() == [2.0**53, -(2.0**53)]
