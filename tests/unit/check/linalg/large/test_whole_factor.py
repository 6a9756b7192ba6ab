"""One factor in whole numbers, against exact eigenvalues: near a true end, and nothing beyond it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.linalg
from flint import arb, arb_mat, ctx, fmpq, fmpq_mat, fmpz_mat
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.check.linalg.balls import ZERO
from certify.check.linalg.fixed import Fixed
from certify.check.linalg.large import whole_factor
from certify.check.linalg.large.largest_pairs import most_in_whole_numbers
from certify.check.linalg.large.whole_factor import VECTORS, WholeFactor, factorised
from tests.effort import examples

N, STEP = 60, 1e-7


def drawn(seed=0):
    """K and the diagonal of W² of whole numbers, with eigenvalues that fall off; some rows do not move."""
    rng = np.random.default_rng(seed)
    J = rng.integers(-9, 10, (N, N + 60)) * (1 + 200 // (1 + np.arange(N)))[:, None]
    return J @ J.T, rng.integers(1, 400, N) * (np.arange(N) % 5 > 0)


def found(K, moved):
    return factorised(arb_mat(K.tolist()), {j: arb(int(x)) for j, x in enumerate(moved) if x})


def ends(K, moved):
    """The largest modulus, and the smallest singular value."""
    modulus = scipy.linalg.eigh(np.diag(moved).astype(float), K.astype(float), eigvals_only=True)[-1] ** 0.5
    return float(modulus), float(np.linalg.eigvalsh(K.astype(float))[0] ** 0.5)


@pytest.fixture(autouse=True)
def bits():
    with ctx.workprec(128):
        yield


@pytest.mark.parametrize("seed", range(4))
def test_both_ends_are_near_and_true(seed):
    assert N > VECTORS
    K, moved = drawn(seed)
    factor, (modulus, least) = found(K, moved), ends(K, moved)
    assert factor.is_beyond(arb(modulus * (1 + STEP))) and not factor.is_beyond(arb(modulus * (1 - STEP)))
    assert factor.is_above(least * (1 - STEP)) and not factor.is_above(least * (1 + STEP))


@settings(max_examples=examples(60), deadline=None)
@given(seed=st.integers(0, 10**9), place=st.integers(0, 10**6), size=st.integers(0, 30))
def test_the_defect_is_never_below_that_of_the_exact_product(seed, place, size):
    """Whatever number of R is wrong, on the diagonal, below it or of the last row."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 14))
    B = rng.integers(-5, 6, (n, n))
    K, L = B @ B.T + np.eye(n, dtype=int), np.tril(np.rint(rng.normal(0, 9, (n, n))).astype(int))
    near = np.linalg.inv(np.linalg.cholesky(K.astype(float)))
    R = [[int(x) for x in row] for row in (np.rint(near * 2.0**30).astype(object) if size else L)]
    i = place % n
    R[i][place // n % (i + 1)] += (1 << size) - 1
    bits = 30 if size else 0
    mid = fmpz_mat(R)
    off = mid * fmpz_mat(K.tolist()) * mid.transpose()
    truth = sum((int(off[a, b]) - (int(a == b) << 2 * bits)) ** 2 for a in range(n) for b in range(n))
    said = whole_factor._off(Fixed(mid, bits, ZERO), Fixed(fmpz_mat(K.tolist()), 0, ZERO))
    with ctx.workprec(300):
        assert said * (1 + arb(2) ** -100) >= arb(truth).sqrt() * arb(2) ** (-2 * bits)


@pytest.mark.parametrize("i, j", [(8, 0), (5, 4), (6, 6)])
def test_the_defect_of_one_is_all_that_a_matrix_differs_from_one_by(i, j):
    """A number below the diagonal stands above it too."""
    one, K = np.eye(9, dtype=int) << 10, np.eye(9, dtype=int) << 10
    K[i, j] = K[j, i] = K[i, j] + 3
    said = whole_factor._off(Fixed(fmpz_mat(one.tolist()), 10, ZERO), Fixed(fmpz_mat(K.tolist()), 10, ZERO))
    assert said * 1024 >= 3 * (2.0**0.5 - 2.0**-50 if i != j else 1)


def test_the_defect_of_a_good_factor_is_small_and_that_of_a_worse_one_is_not():
    K, _ = drawn()
    A, factor = Fixed(fmpz_mat(K.tolist()), 0, ZERO), found(K, np.zeros(N, dtype=int))
    assert whole_factor._off(factor.R, A) < arb(2) ** -40
    R = factor.R.mid.tolist()
    R[N - 1][0] += 1 << factor.R.bits - 8
    assert whole_factor._off(replace(factor.R, mid=fmpz_mat(R)), A) > arb(2) ** -8


@pytest.mark.parametrize("i, j", [(3, 3), (5, 0), (N - 1, N - 2)])
def test_no_factor_in_which_one_number_is_another_is_taken(i, j, monkeypatch):
    """Off by as much as it may be on the diagonal alone, or below it alone."""
    K, _ = drawn()
    honest = whole_factor.inverse_factor

    def wrong(A):
        R = honest(A)
        R[i, j] += 4 * R[i, i]
        return R

    assert factorised(arb_mat(K.tolist()), {}) is not None
    monkeypatch.setattr(whole_factor, "inverse_factor", wrong)
    assert factorised(arb_mat(K.tolist()), {}) is None


@pytest.mark.parametrize("wrong", ["singular", "indefinite", "nan", "inf", "wide", "one-sided"])
def test_what_is_not_proved_definite_has_no_factor(wrong):
    K, moved = drawn()
    if wrong == "singular":
        K[-1], K[:, -1] = 0, 0
    A = arb_mat(K.tolist())
    if wrong == "indefinite":
        A[N - 1, N - 1] = arb(-1)
    if wrong in ("nan", "inf"):
        A[3, 3] = arb(wrong)
    if wrong == "one-sided":  # what stands above the diagonal is in no product of the lower half
        A[0, N - 1] += 1
    if wrong == "wide":
        A = arb_mat([[x + arb(0, 1e3) for x in row] for row in A.tolist()])
    assert factorised(A, {}) is None


@pytest.mark.parametrize("bad", ["nan", "inf", "1 +/- inf"])
def test_an_effect_that_is_not_known_proves_nothing(bad):
    K, _ = drawn()
    factor = factorised(arb_mat(K.tolist()), {3: arb(bad), 4: arb(1)})
    assert not factor.is_beyond(arb(1e9)) and not factor.is_beyond(arb("inf")) and not factor.is_beyond(arb("nan"))


def test_a_factor_that_is_hardly_one_proves_little():
    K, moved = drawn()
    factor, (modulus, least) = found(K, moved), ends(K, moved)
    hardly = WholeFactor(factor.R, arb(1) - arb(2) ** -40, factor.moved)
    assert not hardly.is_above(least / 2) and not hardly.is_beyond(arb(2 * modulus))


def rotated(eigenvalues, seed=1):
    """R of whole numbers for which `RᵀR` has nearly these eigenvalues: lower triangular."""
    rng = np.random.default_rng(seed)
    U = np.linalg.qr(rng.standard_normal((N, N)))[0]
    L = np.linalg.cholesky((U * eigenvalues) @ U.T + 1e-9 * np.eye(N))
    return Fixed(fmpz_mat([[int(x) for x in row] for row in np.rint(np.flip(L).T * 2.0**60)]), 60, ZERO)


@pytest.mark.parametrize("crude", [24, 4])
def test_what_few_bits_cut_off_counts(crude, monkeypatch):
    """Of the square that is formed four bits say little; a number just below the largest is never proved above it."""
    monkeypatch.setattr(whole_factor, "CRUDE", crude)
    R = rotated(1 / (1 + np.arange(N)) ** 2)
    M = np.array(R.mid.tolist(), dtype=object).astype(float) / 2.0**60
    top = float(np.linalg.eigvalsh(M.T @ M)[-1])
    factor = WholeFactor(R, arb(0), {})
    few, radius = factor._squared(*factor.weighed([arb(1)] * N))
    second = float(np.linalg.eigvalsh(M.T @ M)[-VECTORS - 1])
    T = np.array(R.mid.tolist(), dtype=object).astype(float) / 2.0**60
    drop = max(abs(int(x)).bit_length() for row in R.mid.tolist() for x in row) - crude
    lost = np.linalg.norm(np.floor(np.ldexp(T, 60 - drop)) * 2.0 ** (drop - 60), 2) * N * 2.0 ** (drop - 60)
    assert few.left > max(second, 1.9 * lost) and radius > 0
    assert not factor.is_above((top * (1 - STEP)) ** -0.5)
    assert factor.is_above((top * (1 + STEP)) ** -0.5) == (crude == 24)


@pytest.mark.parametrize("part", ["cut", "reach"])
def test_what_weights_and_their_product_lack_counts(part, monkeypatch):
    """With so few bits the numbers say less than the truth; the radius holds what they lack."""
    monkeypatch.setattr(whole_factor, "FINE" if part == "cut" else "WIDE", 6)
    R = rotated(1 / (1 + np.arange(N)) ** 2)
    weights = [arb(1) / (3 + j % 7) for j in range(N)]
    values, bits, off = WholeFactor(R, arb(0), {}).weighed(weights)
    T = np.array([int(x) for x in values], dtype=float).reshape(N, N) / 2.0**bits
    truth = np.array(R.mid.tolist(), dtype=object).astype(float) / 2.0**60 * np.array([float(w) for w in weights])
    lacks = np.linalg.norm(T - truth, 2)
    assert 0 < lacks <= off and off < 100 * N * lacks


@pytest.mark.parametrize("count", [1, 3])
def test_pairs_are_those_of_exact_inverses_from_above(count):
    K, moved = drawn(2)
    factor = found(K, moved)
    weights = [arb(int(x)).sqrt() for x in moved]
    inverse = fmpq_mat(N, N, [fmpq(int(x)) for x in K.ravel()]).inv()
    entries = [[abs(inverse[i, j]) ** 2 * int(moved[i]) * int(moved[j]) for j in range(N)] for i in range(N)]
    sizes = [[(arb(x.p) / arb(x.q)).sqrt() for x in row] for row in entries]
    sums = [sum(sorted(row, key=float)[-count:], ZERO) for row in sizes]
    truth = sum(sorted(sums, key=float)[-count:], ZERO)
    spread = factor.defect / (1 - factor.defect)
    most = most_in_whole_numbers(*factor.weighed(weights), N, spread, count)
    assert most >= truth and most <= truth * (1 + 1e-9)
    values, bits, off = factor.weighed(weights)
    assert most_in_whole_numbers(values, bits, off + 1e-3, N, spread, count) > truth + 1e-3 * truth.sqrt()
    assert most_in_whole_numbers(values, bits, off, N, arb(0.5), count) > truth * 1.4
    assert not most_in_whole_numbers(values, bits, arb("nan"), N, spread, count).is_finite()
