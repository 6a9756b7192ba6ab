"""What a factor in whole numbers loses of K and of RW: every bound of it holds where it is as large as it may be."""

from __future__ import annotations

import numpy as np
import pytest
from flint import arb, arb_mat, ctx, fmpz_mat

from certify.check.linalg.balls import ZERO
from certify.check.linalg.fixed import Fixed
from certify.check.linalg.large import whole_factor
from certify.check.linalg.large.whole_factor import WholeFactor, factorised
from tests.unit.check.linalg.large.test_whole_factor import N, drawn, rotated


@pytest.fixture(autouse=True)
def bits():
    with ctx.workprec(128):
        yield


def floats(M: fmpz_mat, bits: int) -> np.ndarray:
    return np.array(M.tolist(), dtype=object).astype(float) * 2.0**-bits


def diagonal(values: list[float]) -> arb_mat:
    return arb_mat(np.diag(values).tolist())


@pytest.mark.parametrize("last", [-0.125, -0.5, -0.9])
def test_a_matrix_with_a_negative_value_has_no_factor_whatever_is_proposed(last, monkeypatch):
    """`RKRᵀ − I` is between 1 and 2 then."""
    one, K = diagonal([1.0] * N), diagonal([1.0] * (N - 1) + [last])
    monkeypatch.setattr(whole_factor, "inverse_factor", lambda _: one)
    assert factorised(K, {}) is None and factorised(diagonal([1.0] * (N - 1) + [0.125]), {}).defect < 1


@pytest.mark.parametrize("places", [24, 20, 10])
def test_a_factor_of_few_bits_leaves_no_more_than_is_said(places, monkeypatch):
    """Of eigenvalues that differ by so much there is none of 10 bits."""
    K, _ = drawn(1)
    monkeypatch.setattr(whole_factor, "PLACES", places)
    found = factorised(arb_mat(K.tolist()), {})
    assert (found is None) == (places == 10)
    if found is not None:
        R = floats(found.R.mid, found.R.bits)
        assert 1e-6 < np.linalg.norm(R @ K @ R.T - np.eye(N), 2) <= found.defect < 1


@pytest.mark.parametrize("small", [0, 40])
def test_what_a_small_matrix_is_not_known_to_is_seen_as_large_as_its_factor_makes_it(small):
    """The factor of `2^−40·K` is 2²⁰ times as long, and its square counts."""
    K, _ = drawn()
    K, unit = K.astype(float) * 2.0**-small, 2.0**-small
    sharp = factorised(arb_mat(K.tolist()), {})
    R = floats(sharp.R.mid, sharp.R.bits)
    for radius in (1e-4, 1e-2):
        wide = factorised(arb_mat([[x + arb(0, radius * unit) for x in row] for row in K.tolist()]), {})
        true = radius * unit * np.linalg.norm(R @ np.ones((N, N)) @ R.T, 2)
        assert wide.defect >= true > 100 * sharp.defect
    assert factorised(arb_mat([[x + arb(0, K.max()) for x in row] for row in K.tolist()]), {}) is None


@pytest.mark.parametrize("less", [0, 10])
def test_what_is_cut_off_of_small_numbers_counts_as_much(less, monkeypatch):
    """`2‖T'‖r` of a factor whose square has a largest eigenvalue of 1, or of `2^−20`."""
    monkeypatch.setattr(whole_factor, "CRUDE", 4)
    R = rotated(1 / (1 + np.arange(N)) ** 2)
    factor = WholeFactor(Fixed(R.mid, R.bits + less, ZERO), ZERO, {})
    few, _ = factor._squared(*factor.weighed([arb(1)] * N))
    unit = 2.0 ** (max(abs(int(x)).bit_length() for x in R.mid.entries()) - 4 - R.bits - less)
    short = np.floor(floats(R.mid, R.bits + less) / unit) * unit
    assert few.left >= 2 * np.linalg.norm(short, 2) * N * unit


def test_vectors_are_judged_by_all_bits_and_not_by_the_first(monkeypatch):
    """An end above what the first bits have as their largest eigenvalue, and below the true one."""
    monkeypatch.setattr(whole_factor, "CRUDE", 12)
    rng = np.random.default_rng(5)
    L = np.tril(rng.uniform(0.5, 1, (N, N)) * 0.5 ** abs(np.subtract.outer(np.arange(N), np.arange(N)) / 4))
    R = Fixed(fmpz_mat([[int(x) for x in row] for row in np.rint(L * 2.0**60)]), 60, ZERO)
    T = floats(R.mid, 60)
    unit = 2.0 ** (max(abs(int(x)).bit_length() for x in R.mid.entries()) - 12 - 60)
    true, first = (np.linalg.norm(M, 2) ** 2 for M in (T, np.floor(T / unit) * unit))
    between = (true + first) / 2
    factor = WholeFactor(R, ZERO, {})
    assert first * (1 + 1e-6) < between < true * (1 - 1e-6)
    assert not factor.is_above(between**-0.5) and factor.is_above((true * (1 + 1e-9)) ** -0.5)


def test_what_the_product_of_factor_and_weights_is_off_counts_for_its_square(monkeypatch):
    """`2‖T̂‖ϱ + ϱ²`, with numbers of which all but one are lost in the first bits."""
    monkeypatch.setattr(whole_factor, "WIDE", 8)
    monkeypatch.setattr(whole_factor, "CRUDE", 1)
    mid = [[((1 << 40) - 1 if j <= i else 0) for j in range(N)] for i in range(N)]
    mid[N - 1][0] += 1
    R, weights = Fixed(fmpz_mat(mid), 40, ZERO), [arb(1)] * N
    factor = WholeFactor(R, ZERO, {})
    values, bits, off = factor.weighed(weights)
    T = floats(fmpz_mat(N, N, values), bits)
    _, radius = factor._squared(values, bits, off)
    off = float(off)
    assert 0 < off < 50 and radius >= 2 * np.linalg.norm(T, 2) * off + off**2
