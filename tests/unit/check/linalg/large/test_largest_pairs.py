"""The largest pairs of rows (V27) in whole numbers: never below what exact inverses give, and near it."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from flint import arb, arb_mat, ctx, fmpq, fmpq_mat, fmpz
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.check.linalg.balls import ZERO
from certify.check.linalg.definite import definiteness
from certify.check.linalg.large import largest_pairs
from certify.check.linalg.large.largest_pairs import most_in_whole_numbers, most_of_bodies, most_of_pairs, squared
from certify.check.linalg.large.whole_factor import factorised
from tests.effort import examples

SEEDS = st.integers(0, 10**9)


def drawn(seed, N):
    """A positive definite matrix of integers, weights, and the exact entries of `WK⁻¹W`."""
    rng = np.random.default_rng(seed)
    B = rng.integers(-5, 6, (N, N))
    K, w = B @ B.T + np.eye(N, dtype=int), rng.integers(0, 9, N)
    inverse = fmpq_mat(N, N, [fmpq(int(x)) for x in K.ravel()]).inv()
    M = [[inverse[i, j] * int(w[i]) * int(w[j]) for j in range(N)] for i in range(N)]
    return arb_mat(K.tolist()), [arb(int(x)) for x in w], M


def truth(M, m):
    """The sum of the m largest sums of the m largest of a row, in rationals."""
    return sum(sorted(sum(sorted(map(abs, row))[-m:], fmpq(0)) for row in M)[-m:], fmpq(0))


def ball(x):
    return arb(x.p) / arb(x.q)


@settings(max_examples=examples(80), deadline=None)
@given(seed=SEEDS, N=st.integers(2, 9), m=st.integers(1, 5))
def test_it_is_the_sum_of_exact_entries_from_above(seed, N, m):
    with ctx.workprec(128):
        K, w, M = drawn(seed, N)
        found = definiteness(K)
        most = most_of_pairs(found.R, w, found.defect / (1 - found.defect), m)
        with ctx.workprec(300):
            assert most >= ball(truth(M, m)) and most <= ball(truth(M, m)) * (1 + arb(2) ** -60) + arb(2) ** -60


@settings(max_examples=examples(40), deadline=None)
@given(seed=SEEDS, m=st.integers(1, 3), width=st.sampled_from([3, 8]))
def test_what_few_bits_cut_off_is_counted(seed, m, width):
    """Numbers that are rounded to three bits are far too small about half of the time."""
    with ctx.workprec(128), pytest.MonkeyPatch.context() as patch:
        patch.setattr(largest_pairs, "WIDTH", width)
        K, w, M = drawn(seed, 6)
        assert most_of_pairs(definiteness(K).R, w, ZERO, m) >= ball(truth(M, m))


@settings(max_examples=examples(40), deadline=None)
@given(seed=SEEDS, m=st.integers(1, 4), spread=st.sampled_from([0.0, 0.25, 3.0]))
def test_an_inverse_that_is_off_as_far_as_it_may_be_is_below(seed, m, spread):
    """Every entry larger by `spread·√(M_iiM_jj)`."""
    with ctx.workprec(128):
        K, w, M = drawn(seed, 5)
        entries = [[ball(abs(M[i][j])) + spread * (ball(M[i][i]) * ball(M[j][j])).sqrt() for j in range(5)]
                   for i in range(5)]
        sums = [sum(sorted(row, key=float)[-m:], ZERO) for row in entries]
        most = most_of_pairs(definiteness(K).R, w, arb(spread), m) * (1 + arb(2) ** -60) + arb(2) ** -60
        assert most > sum(sorted(sums, key=float)[-m:], ZERO)


def test_the_defect_of_a_factor_in_whole_numbers_counts_and_not_that_of_another():
    """`K` may be half of what R says where `‖RKRᵀ − I‖ ≤ ½`: its inverse is twice as large."""
    with ctx.workprec(128):
        K, w, M = drawn(3, 6)
        bodies = {at: SimpleNamespace(E=arb_mat([[x * x]]), stretch=arb(1), still=False) for at, x in enumerate(w)}
        whole = factorised(K, {})
        exact, sharp = ball(truth(M, 2)), arb(2) ** -90
        assert exact <= most_of_bodies(arb_mat(6, 6), bodies, sharp, 2, whole) <= exact * (1 + arb(2) ** -40)
        assert most_of_bodies(arb_mat(6, 6), bodies, sharp, 2, replace(whole, defect=arb(0.5))) >= 1.4 * exact


@settings(max_examples=examples(80), deadline=None)
@given(seed=SEEDS, N=st.integers(1, 12), m=st.integers(1, 5), some=st.integers(1, 3), steep=st.sampled_from([0, 1, 4]))
def test_rows_that_are_not_made_are_none_of_the_largest(seed, N, m, some, steep):
    """From the longest column on, exactly as of all rows, whether columns are of one length or of very many."""
    rng = np.random.default_rng(seed)
    T = [[int(x) << steep * j for j, x in enumerate(row)] for row in np.tril(rng.integers(-3, 4, (N, N)))]
    M = [[sum(row[i] * row[j] for row in T) for j in range(N)] for i in range(N)]
    made = []

    def seen(rows, count):
        made.append(rows.nrows())
        return sums(rows, count)

    sums = largest_pairs._sums
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(largest_pairs, "SOME", some)
        patch.setattr(largest_pairs, "_sums", seen)
        found = most_in_whole_numbers([fmpz(x) for row in T for x in row], 3, ZERO, N, ZERO, m)
    assert found * 64 == int(truth([[fmpq(x) for x in row] for row in M], m)) and sum(made) <= N


def test_few_rows_are_made_where_few_columns_are_long(monkeypatch):
    """And of two columns as long as each other none is left out: their products decide."""
    made = []
    sums = largest_pairs._sums
    monkeypatch.setattr(largest_pairs, "SOME", 1)
    monkeypatch.setattr(largest_pairs, "_sums", lambda M, count: made.append(M.nrows()) or sums(M, count))
    assert most_in_whole_numbers([fmpz(x) for x in (9, 0, 0, 0, 1, 0, 0, 0, 1)], 0, ZERO, 3, ZERO, 1) == 81
    assert len(made) == 1
    assert most_in_whole_numbers([fmpz(x) for x in (5, 0, 0, 0, 5, 0, 0, 0, 5)], 0, ZERO, 3, ZERO, 2) == 50


LATE = {
    "a length that is no whole number": (1, [[1, 1, 0], [0, 1, 0], [0, 1, 0]], 3),
    "a row larger than the second, not the first": (2, [[100, 0, 0, 0], [0, 10, 0, 0], [0, 0, 9, 9], [0] * 4], 10162),
    "a row larger by its second product": (2, [[999, 0, 0, 0], [0, 999, 0, 0], [0, 0, 994, 994], [0] * 4], 4 * 994**2),
}


@pytest.mark.parametrize("what", LATE)
def test_a_row_that_comes_late_may_be_among_the_largest(what, monkeypatch):
    count, T, most = LATE[what]
    monkeypatch.setattr(largest_pairs, "SOME", 1)
    values = [fmpz(x) for row in T for x in row]
    assert most_in_whole_numbers(values, 0, ZERO, len(T), ZERO, count) == most


def test_a_column_may_be_longer_than_it_is_known_to_be():
    """`(1 + off)²(1 + spread)` where the true T and the true inverse are as large as they may be."""
    unit = 1 << 20
    found = most_in_whole_numbers([fmpz(unit)], 20, arb(0.25), 1, arb(3), 1)
    assert found >= 1.25**2 * 4 and found < 1.25**2 * 4 * (1 + 4 / unit)


@pytest.mark.parametrize("off, spread", [(0.25, 0.0), (0.0, 0.5), (0.25, 0.5)])
def test_what_columns_and_the_inverse_lack_counts_for_every_number(off, spread):
    """For `T = 2I` the least that any bound may say: `4 + 4·off + off²` on the diagonal, where all of it may be."""
    T = [fmpz(2 if i == j else 0) for i in range(3) for j in range(3)]
    least = (2 + off) ** 2 * (1 + spread)
    assert most_in_whole_numbers(T, 0, arb(off), 3, arb(spread), 1) >= least
    assert most_in_whole_numbers(T, 0, arb(off), 3, arb(spread), 2) >= 2 * least


@pytest.mark.parametrize("bad", ["nan", "inf", "1 +/- inf"])
def test_what_is_not_known_is_no_bound(bad):
    with ctx.workprec(128):
        R = definiteness(arb_mat([[2, 1, 0], [1, 2, 1], [0, 1, 2]])).R
        for place in range(3):
            weights = [arb(bad) if at == place else arb(1) for at in range(3)]
            assert not most_of_pairs(R, weights, ZERO, 1) <= 1e300
        assert not most_of_pairs(R, [arb(1)] * 3, arb(bad), 1) <= 1e300


def test_rows_without_a_body_or_with_one_that_is_still_count_as_none():
    """`w² = Eτ`: with 4·9 of row 0, and nothing of the others."""
    with ctx.workprec(128):
        R = definiteness(arb_mat([[2, 1, 0], [1, 2, 1], [0, 1, 5]])).R
        moves, still = (SimpleNamespace(E=arb_mat([[4]]), stretch=arb(9), still=x) for x in (False, True))
        for bodies, inverse in (({0: moves, 2: still}, arb(9) / 13), ({0: still, 2: moves}, arb(3) / 13)):
            found = most_of_bodies(R, bodies, ZERO, 2)
            assert found >= 36 * inverse - 1e-30 and found < 36 * inverse + 1e-9


@pytest.mark.parametrize("N", [2, 3, 7])
def test_blocks_are_those_of_the_whole_product(N):
    rng = np.random.default_rng(N)
    R = arb_mat(np.tril(rng.normal(size=(N, N))).tolist())
    found, whole = squared(R), R.transpose() * R
    assert all(x.overlaps(y) and x.rad() < 1e-12 for x, y in zip(found.entries(), whole.entries(), strict=True))
