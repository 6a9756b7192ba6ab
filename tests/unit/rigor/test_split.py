"""Products by two slices: within their unit of exact ones, and hundreds of times nearer than plain ones."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.format.errors import EnclosureError
from certify.rigor import fp, split
from certify.rigor.arithmetic import DoubleDouble, Pair
from certify.rigor.split import Slices, sliced, split_product, split_unit, summed_products


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


def numbers(pair, i):
    low = [0.0] * pair.hi.shape[1] if pair.lo is None else pair.lo[i].tolist()
    return [Fraction(a) + Fraction(b) for a, b in zip(pair.hi[i].tolist(), low, strict=True)]


def errors(A, B, found):
    """Errors of all entries, and the products of the lengths of the rows that they are measured by."""
    left, right = ([numbers(M, i) for i in range(len(M.hi))] for M in (A, B))
    lengths = [fp.row_norms(M.hi) * fp.RAISE for M in (A, B)]
    for i, a in enumerate(left):
        for j, b in enumerate(right):
            truth = sum(x * y for x, y in zip(a, b, strict=True))
            error = abs(truth - Fraction(float(found.hi[i, j])) - Fraction(float(found.lo[i, j])))
            yield error, Fraction(float(lengths[0][i])) * Fraction(float(lengths[1][j]))


def drawn(rng, n, k, low):
    hi = rng.standard_normal((n, k)) * 10.0 ** rng.uniform(-9, 9, (n, k))
    return Pair(hi, hi * rng.uniform(-1, 1, (n, k)) * 2.0**-53 if low else None)


@given(seed=st.integers(0, 2**32), k=st.sampled_from([1, 7, 32, 33, 100]), low=st.booleans(), reach=st.booleans())
def test_pairs_multiply_within_their_unit_whatever_the_tiles_and_where_rows_end(seed, k, low, reach):
    rng = np.random.default_rng(seed)
    A, B = drawn(rng, 5, k, low), drawn(rng, 4, k, not low)
    if reach:  # rows that end in zeros, one of them empty
        ends = rng.integers(0, k + 1, 5)
        for part in (A.hi, A.lo):
            if part is not None:
                part[np.arange(k) >= ends[:, None]] = 0.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(split, "_TILE", int(rng.integers(1, 9)))
        patch.setattr(split, "_WIDE", int(rng.integers(1, 4)))
        found = DoubleDouble().product(A, B)
    unit = Fraction(DoubleDouble().product_unit(k))
    assert all(error <= unit * size for error, size in errors(A, B, found))


@pytest.mark.parametrize("tile", [1, 6, 1000])
def test_a_symmetric_product_is_its_lower_half_twice(tile, monkeypatch):
    rng = np.random.default_rng(3)
    A = Pair(np.tril(rng.standard_normal((7, 7))))
    monkeypatch.setattr(split, "_TILE", tile)
    monkeypatch.setattr(split, "_WIDE", 2)
    half, whole = DoubleDouble().symmetric_product(A, A), DoubleDouble().product(A, A)
    for got, full in ((half.hi, whole.hi), (half.lo, whole.lo)):
        assert (got == got.T).all()
        assert (np.tril(got) == np.tril(full)).all()


def test_sums_of_slices_that_do_not_fit_are_kept_apart_and_one_that_does_not_is_refused():
    """Every slice as large as its bits allow: two products of one order together pass 2^53."""
    full = Pair(np.full((1, 32), 2.0 - 2.0**-52), np.full((1, 32), 2.0**-53))
    found = DoubleDouble().product(full, full)
    unit = Fraction(DoubleDouble().product_unit(32))
    assert all(error <= unit * size for error, size in errors(full, full, found))
    wide = sliced(full.hi, None, 24, 4)
    over = Slices(wide.parts, (2.0**25, 0.0, 0.0, 0.0), wide.exponents, wide.lengths)
    with pytest.raises(EnclosureError, match="slice that is too large"):
        summed_products(over, wide)
