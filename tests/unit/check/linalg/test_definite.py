"""The one decision everything rests on: is a symmetric matrix positive definite?"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from flint import arb, arb_mat, ctx, fmpq, fmpq_mat
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.check.linalg.definite import LEAF, Truth, definiteness
from tests.effort import examples

SIZES = st.one_of(st.integers(1, LEAF), st.integers(LEAF + 1, 3 * LEAF))
KINDS = st.sampled_from(["gram", "graded", "singular", "indefinite", "shifted", "blocks"])


def matrix(seed: int, N: int, kind: str) -> list[list[int]]:
    """A symmetric integer matrix; definite, singular or indefinite by construction or by accident."""
    rng = np.random.default_rng(seed)
    J = rng.integers(-9, 10, (N, N + (0 if kind != "singular" else -1) + 2 * (kind == "gram"))).astype(object)
    if kind == "graded":
        J = J * np.array([1 << int(e) for e in rng.integers(0, 40, N)], dtype=object)[:, None]
    A = J @ J.T if J.shape[1] else np.zeros((N, N), dtype=object)
    if kind == "indefinite":
        A = A - np.diag(rng.integers(0, 200, N).astype(object))
    if kind == "shifted":
        A[N - 1, N - 1] -= int(rng.integers(0, 4))
    if kind == "blocks":
        half = N // 2
        A[:half, half:] = 0
        A[half:, :half] = 0
        A[half:, half:] *= int(rng.choice([-1, 0, 1]))
    return A.tolist()


def exactly_definite(A: list[list[int]]) -> bool:
    """Sylvester's criterion in rationals, by elimination."""
    a, N = [[fmpq(x) for x in row] for row in A], len(A)
    for j in range(N):
        if not a[j][j] > 0:
            return False
        for i in range(j + 1, N):
            f = a[i][j] / a[j][j]
            for c in range(j, N):
                a[i][c] -= f * a[j][c]
    return True


@settings(max_examples=examples(250), deadline=None)
@given(seed=st.integers(0, 10**9), N=SIZES, kind=KINDS, sharp=st.booleans(), bits=st.sampled_from([64, 128, 256]))
def test_proofs_and_refutations_are_true(seed, N, kind, sharp, bits):
    A = matrix(seed, N, kind)
    with ctx.workprec(bits):
        found = definiteness(arb_mat(A), sharp)
        assert found.truth is Truth.UNDECIDED or (found.truth is Truth.PROVED) == exactly_definite(A)
        if found.truth is Truth.PROVED:
            assert found.R is not None and all(x.is_exact() for x in found.R.entries())
            with ctx.workprec(2000):
                E = found.R * arb_mat(A) * found.R.transpose()
                off = sum(((x - (i % (N + 1) == 0)) ** 2 for i, x in enumerate(E.entries())), arb(0)).sqrt()
            assert off <= found.defect
        if found.truth is Truth.DISPROVED:
            v = arb_mat(found.v)
            with ctx.workprec(2000):
                assert (v * arb_mat(A) * v.transpose())[0, 0] < 0


@pytest.mark.parametrize("N", [1, 2, 5, LEAF, LEAF + 1, 40])
def test_well_conditioned_matrices_are_decided(N):
    rng = np.random.default_rng(N)
    J = arb_mat(rng.normal(size=(N, 2 * N)).tolist())
    with ctx.workprec(128):
        A = J * J.transpose()
        assert definiteness(A).truth is Truth.PROVED
        assert definiteness(A).defect < 1e-30
        assert definiteness(-A).truth is Truth.DISPROVED


@pytest.mark.parametrize("N", [1, LEAF, LEAF + 5])
def test_a_singular_matrix_is_never_decided_as_definite(N):
    ones = arb_mat([[1] * N] * N)
    for bits in (64, 128, 512):
        with ctx.workprec(bits):
            truth = definiteness(ones).truth if N > 1 else definiteness(arb_mat([[0]])).truth
        assert truth is not Truth.PROVED


@pytest.mark.parametrize("N", [3, LEAF + 3])
def test_balls_that_reach_across_zero_are_not_decided(N):
    with ctx.workprec(128):
        A = arb_mat([[arb(1, 1.0001) if i == j else arb(0) for j in range(N)] for i in range(N)])
        assert definiteness(A).truth is Truth.UNDECIDED
        wide = arb_mat([[arb(2) if i == j else arb(0, 1) for j in range(N)] for i in range(N)])
        assert definiteness(wide).truth is Truth.UNDECIDED


@pytest.mark.parametrize("bad", ["nan", "inf", "-inf"])
@pytest.mark.parametrize("N", [2, LEAF + 2])
def test_no_number_is_no_proof(bad, N):
    rows = [[arb(int(i == j)) for j in range(N)] for i in range(N)]
    rows[N - 1][0] = rows[0][N - 1] = arb(bad)
    assert definiteness(arb_mat(rows)).truth is Truth.UNDECIDED
    rows[N - 1][N - 1] = arb(bad)
    assert definiteness(arb_mat(rows)).truth is Truth.UNDECIDED


@pytest.mark.parametrize("gap", [1, -1])
def test_a_hair_decides(gap):
    """diag(1 … 1, 2^-100) plus a rank-one coupling, on either side of singular by 2^-220."""
    N = LEAF + 4
    rows = [[Fraction(int(i == j)) for j in range(N)] for i in range(N)]
    rows[0][N - 1] = rows[N - 1][0] = Fraction(1, 2**50)
    rows[N - 1][N - 1] = Fraction(1, 2**100) + Fraction(gap, 2**220)
    exact = fmpq_mat([[fmpq(x.numerator, x.denominator) for x in row] for row in rows])
    assert (exact.det() > 0) == (gap > 0)
    with ctx.workprec(512):
        A = arb_mat([[arb(x.numerator) / x.denominator for x in row] for row in rows])
        assert definiteness(A).truth is (Truth.PROVED if gap > 0 else Truth.DISPROVED)
    with ctx.workprec(64):
        B = arb_mat([[arb(x.numerator) / x.denominator for x in row] for row in rows])
        assert definiteness(B).truth is Truth.UNDECIDED
