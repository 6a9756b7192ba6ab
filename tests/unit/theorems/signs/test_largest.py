"""The sum of the k largest numbers of long rows is found from the largest of groups: none may be missed."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.rigor import fp
from certify.theorems.signs import pairs
from certify.theorems.signs.pairs import SHORT, _candidates, largest


@given(st.integers(1, 4), st.integers(1, 500), st.integers(1, 12), st.integers(0, 2**32 - 1), st.booleans())
def test_it_is_the_exact_sum(rows, n, k, seed, ties):
    rng = np.random.default_rng(seed)
    V = rng.standard_normal((rows, n))
    if ties:  # whole groups of equal numbers, and most of them 0
        V = np.maximum(np.round(V), 0.0)
    found = largest(V, k)
    for one, sum_ in zip(V.tolist(), found.tolist(), strict=True):
        wanted = sorted(map(Fraction, one))[-k:]
        assert abs(Fraction(sum_) - sum(wanted)) <= Fraction(fp.sum_up(k) - 1) * sum(map(abs, wanted))


@pytest.mark.parametrize("place", range(0, 400, 7))
def test_large_numbers_side_by_side_and_in_one_group_are_all_found(place):
    n, k = 401, 4
    size = round((n / k) ** 0.5)
    assert size >= SHORT
    m = -(-n // size)
    for those in ((place + np.arange(k)) % n, (place + m * np.arange(k)) % n):
        V = np.ones((2, n))
        V[0, those] = 100.0 + np.arange(k)
        assert largest(V, k).tolist() == [400.0 + sum(range(k)), float(k)]


@pytest.mark.parametrize("n", [400, 401, 419])
def test_a_number_that_is_none_shows(n):
    for place in range(n):
        V = np.zeros((1, n))
        V[0, place] = np.nan
        assert np.isnan(largest(V, 3)).all()


def test_short_rows_are_few_and_hold_as_many_as_are_asked_for():
    V = np.random.default_rng(0).standard_normal((5, 4191))
    held = _candidates(V, 25, 323)
    assert held.shape == (5, 13 * 25)
    assert np.array_equal(np.sort(held)[:, -25:], np.sort(V)[:, -25:])
    assert set(held[np.isfinite(held)].tolist()) <= set(V.ravel().tolist())


def test_one_group_fewer_would_miss_some(monkeypatch):
    whole = pairs._candidates
    monkeypatch.setattr(pairs, "_candidates", lambda V, k, m: np.pad(whole(V, k - 1, m), ((0, 0), (0, 1))))
    V = np.zeros((1, 401))
    V[0, :4] = 1.0
    assert largest(V, 4).tolist() == [3.0]
