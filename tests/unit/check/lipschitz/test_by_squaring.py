"""Norms of symmetric matrices of whole numbers by squares: never below the truth, and soon near it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from flint import arb, ctx, fmpz_mat
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.check.lipschitz import by_squaring
from certify.check.lipschitz.by_squaring import norms
from tests.effort import examples
from tests.unit.network.lipschitz.test_lipsdp import positive


def symmetric(rng: np.random.Generator, n: int, size: int) -> list[list[int]]:
    half = [[int(rng.integers(-2**40, 2**40)) * 2**size >> 40 for _ in range(n)] for _ in range(n)]
    return [[half[min(i, j)][max(i, j)] for j in range(n)] for i in range(n)]


def exact(bound: arb) -> Fraction:
    man, exp = bound.man_exp()
    return Fraction(int(man)) * Fraction(2) ** int(exp)


def above(X: list[list[int]], bound: Fraction) -> bool:
    """Whether all eigenvalues lie strictly within `±bound`, in rationals."""
    return all(positive([[(bound if i == j else 0) + sign * Fraction(x) for j, x in enumerate(row)]
                         for i, row in enumerate(X)]) for sign in (-1, 1))


@settings(max_examples=examples(60), deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([1, 5, 29, 31, 40, 90]), st.sampled_from([20, 64]))
def test_no_bound_is_below_the_norm(seed, size, bits):
    rng = np.random.default_rng(seed)
    X = symmetric(rng, int(rng.integers(1, 6)), size)
    with ctx.workprec(bits):
        bounds = list(norms(fmpz_mat(X)))
    assert len(bounds) == by_squaring.STEPS
    for bound in bounds:
        assert above(X, exact(bound) * (1 + Fraction(1, 2**200)) + Fraction(1, 2**200))


@settings(max_examples=examples(30), deadline=None)
@given(st.integers(0, 2**32))
def test_the_last_is_near_the_norm(seed):
    rng = np.random.default_rng(seed)
    X = symmetric(rng, int(rng.integers(1, 9)), 50)
    bound = float(list(norms(fmpz_mat(X)))[-1])
    assert bound <= float(np.linalg.norm(np.array(X, float), 2)) * (1 + 2.0**-11)


def test_of_one_direction_alone_what_is_cut_off_counts():
    """Its Frobenius norm is its norm: nothing else hides what is lost."""
    n, x = 3, 2**31 + 2**2 - 1
    X = fmpz_mat([[x] * n] * n)
    first = next(norms(X))
    assert first > n * x
    drop = (n * x).bit_length() - by_squaring.PLACES
    assert n * (x >> drop << drop) < n * x  # without that it would be below


def test_nothing_is_said_of_what_is_not_symmetric():
    """Of a nilpotent one all squares are 0."""
    with pytest.raises(ValueError, match="symmetric"):
        next(norms(fmpz_mat([[0, 1], [0, 0]])))
    assert next(norms(fmpz_mat(2, 2))) == 0
