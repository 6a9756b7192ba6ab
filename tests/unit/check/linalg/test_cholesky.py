"""A factor without its inverse proves what is positive definite, exactly, and nothing else, whatever the factor is."""

from __future__ import annotations

import numpy as np
import pytest
from flint import arb, arb_mat, ctx
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.check.linalg import cholesky
from certify.check.linalg.cholesky import LEAF, proved
from certify.check.linalg.definite import MANY, Truth
from certify.check.systems.near.in_balls import Positive
from tests.effort import examples
from tests.unit.check.linalg.test_definite import exactly_definite, matrix

KINDS = ["gram", "graded", "singular", "indefinite", "shifted", "blocks"]
SIZES = st.one_of(st.integers(2, 2 * LEAF), st.integers(2 * LEAF + 1, 5 * LEAF))


@pytest.fixture(autouse=True)
def _precision():
    with ctx.workprec(128):
        yield


def near(N: int, seed: int = 0) -> arb_mat:
    """A matrix with eigenvalues from about 1 to about N."""
    J = np.random.default_rng(seed).normal(size=(N, N))
    A = J @ J.T + np.eye(N)
    return arb_mat(((A + A.T) / 2).tolist())


@settings(max_examples=examples(150), deadline=None)
@given(seed=st.integers(0, 10**9), N=SIZES, kind=st.sampled_from(KINDS))
def test_what_is_proved_is_true(seed, N, kind):
    A = matrix(seed, N, kind)
    with ctx.workprec(128):
        assert not proved(arb_mat(A)) or exactly_definite(A)


@pytest.mark.parametrize("N", [2, 3, LEAF + 1, 3 * LEAF, MANY])
def test_plain_and_graded_matrices_are_proved(N):
    A = near(N)
    assert proved(A)
    D = [arb(2) ** int(e) for e in np.random.default_rng(1).integers(-90, 90, N)]
    assert proved(arb_mat([[x * u * v for x, v in zip(row, D, strict=True)]
                           for row, u in zip(A.tolist(), D, strict=True)]))


@pytest.mark.parametrize("N", [3, 40])
def test_what_is_a_little_less_than_definite_is_not_proved(N):
    """Singular matrices, and those whose smallest eigenvalue is no more than what numbers are cut by."""
    J = np.random.default_rng(2).integers(-9, 10, (N, N - 1)).astype(object)
    A = arb_mat((J @ J.T).tolist())
    assert not proved(A)
    for shift, expected in ((2.0**-200, False), (-(2.0**-200), False), (-1e-6, False), (1e-6, True)):
        assert proved(A + arb_mat(N, N, [arb(shift) if i % (N + 1) == 0 else arb(0) for i in range(N * N)])) == expected


@pytest.mark.parametrize("place", [(0, 0), (39, 39), (39, 0), (0, 39)])
def test_balls_that_hold_another_matrix_are_not_proved(place):
    """Below the diagonal, above which only a symmetric matrix is meant, and on it."""
    A, (i, j) = near(40), place
    for radius, expected in ((2.0**-60, True), (1e3, False)):
        B = arb_mat(A.tolist())
        B[i, j] += arb(0, radius)
        B[j, i] = B[i, j]
        assert proved(B) == expected


@pytest.mark.parametrize("x", ["nan", "inf", "-1", "0", "[1 +/- inf]"])
def test_numbers_that_are_none_are_not_proved(x):
    A = near(40)
    A[7, 7] = arb(x)
    assert not proved(A)
    A = near(40)
    A[30, 2] = A[2, 30] = arb("nan")
    assert not proved(A)


@pytest.mark.parametrize("N", [20, 60])
@pytest.mark.parametrize("change", [
    lambda L: L * 0, lambda L: L * (1 + arb(2) ** -20), lambda L: -L.transpose(),
    lambda L: L + arb_mat(L.nrows(), L.nrows(), [arb(i == L.nrows() ** 2 - 1) / 999 for i in range(L.nrows() ** 2)]),
    lambda L: L + arb_mat(L.nrows(), L.nrows(), [arb(i == 0) / 999 for i in range(L.nrows() ** 2)]),
    lambda L: L * arb("nan"),
])
@pytest.mark.parametrize("which", [True, False])
def test_another_factor_proves_nothing(change, which, N, monkeypatch):
    """Of the first half of the rows, whose inverse is asked for, or of the second."""
    A, honest = near(N), cholesky.factor
    assert proved(A)
    monkeypatch.setattr(cholesky, "factor", lambda B, places, inverted: (
        (change(found[0]), found[1]) if (found := honest(B, places, inverted)) and inverted is which else found))
    assert not proved(A)


def test_another_inverse_proves_nothing(monkeypatch):
    """The lower left block of L is made with it."""
    A, honest = near(40), cholesky.factor
    monkeypatch.setattr(cholesky, "factor", lambda B, places, inverted: (
        (found[0], found[1] * (1 + arb(2) ** -20)) if (found := honest(B, places, inverted)) and inverted else found))
    assert not proved(A)


def test_many_rows_are_tried_so_first_and_others_never(monkeypatch):
    asked = []
    monkeypatch.setattr(cholesky, "proved", lambda A, near: asked.append((A.nrows(), near)) or A.nrows() % 2 == 0)
    for N in (MANY, MANY + 1, MANY - 1):
        assert Positive(near(N), "it").judged().truth is Truth.PROVED
    assert asked == [(MANY, False), (MANY + 1, False)], "and where it proves nothing a factorisation in balls does"
    assert Positive(near(MANY), "it", near=True).judged().truth is Truth.PROVED and asked[-1] == (MANY, True)
    assert Positive(-near(MANY + 1), "it").judged().truth is Truth.DISPROVED


def test_balls_too_wide_for_many_bits_are_proved_with_fewer():
    """What numbers are cut by must exceed the radii."""
    A = near(40)
    c = cholesky._shift(A, cholesky.PLACES[0])
    for share, expected in ((arb(1) / 2, True), (arb(100), False)):
        B = arb_mat((A * arb(2) ** -8).tolist())
        B[3, 2] = B[2, 3] = B[2, 3] + arb(0, (c * share).upper())
        assert proved(B) == expected


def test_near_a_singular_matrix_fewer_bits_are_not_tried(monkeypatch):
    """What 68 bits cannot prove takes their time, and 80 prove it; what is not definite is refused at once too."""
    tried, plain = [], cholesky._proved
    monkeypatch.setattr(cholesky, "_proved", lambda A, places: tried.append(places) or plain(A, places))
    A = near(40)
    for step in (2.0**-56, -(2.0**-56)):
        J = np.random.default_rng(2).integers(-1, 2, (40, 39)).astype(object)
        B = arb_mat((J @ J.T).tolist()) + arb_mat(40, 40, [arb(step) if i % 41 == 0 else arb(0) for i in range(1600)])
        assert proved(B, True) is proved(B) is (step > 0)
    assert tried == [80, 68, 80] * 2
    assert proved(A, True) and tried[-1] == 80 and proved(A) and tried[-1] == 68
