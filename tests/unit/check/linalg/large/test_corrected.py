"""A number above the largest eigenvalue of an inverse (W3, W8), by a proposed inverse: near the true end, never below.

`K⁻¹ = X + XR + RᵀK⁻¹R`, `R = I − KX`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flint import arb, arb_mat, ctx, fmpz_mat

from certify.check.linalg.definite import frobenius
from certify.check.linalg.fixed import enclosed
from certify.check.linalg.large import corrected
from certify.check.linalg.large.corrected import is_below
from certify.check.linalg.large.few_vectors import FRACTION
from certify.check.linalg.large.whole_factor import VECTORS
from certify.check.probed import inverse_blocks
from certify.check.probed.inverse_blocks import Inverse, inverse_of

N, STEP = 60, 1e-9


@pytest.fixture(autouse=True)
def bits():
    with ctx.workprec(128):
        yield


def drawn(seed: int = 0) -> np.ndarray:
    """Whole numbers with eigenvalues that fall off."""
    rng = np.random.default_rng(seed)
    J = rng.integers(-9, 10, (N, N + 60)) * (1 + 200 // (1 + np.arange(N)))[:, None]
    return J @ J.T


def least(K: np.ndarray) -> float:
    """The root of the smallest eigenvalue, to some 1e-12."""
    with ctx.workprec(300):
        v = arb_mat(np.linalg.eigh(K.astype(float))[1][:, :1].tolist())
        inverse = arb_mat(K.tolist()).inv()
        for _ in range(20):
            v = (inverse * v).mid()
            v = v * (1 / (v.transpose() * v)[0, 0].sqrt()).mid()
        return float(1 / (v.transpose() * inverse * v)[0, 0].sqrt())


@pytest.mark.parametrize("seed", range(4))
def test_the_end_is_near_and_true(seed):
    assert N > VECTORS
    K = drawn(seed)
    found, true = inverse_of(arb_mat(K.tolist())), least(K)
    assert found.is_above(true * (1 - STEP)) and not found.is_above(true * (1 + STEP))


@pytest.mark.parametrize("seed", range(2))
def test_by_an_inverse_of_few_bits_the_end_is_as_near(seed, monkeypatch):
    """What it lacks counts squared: 1e-4 of the inverse leaves 1e-8."""
    monkeypatch.setattr(inverse_blocks, "PLACES", 36)
    K = drawn(seed)
    found, true = inverse_of(arb_mat(K.tolist())), least(K)
    assert 1e-7 < found.lacks < 1e-2
    assert found.is_above(true * (1 - 1e-4)) and not found.is_above(true * (1 + STEP))


def test_of_balls_the_end_is_that_of_each_of_them():
    K = drawn()
    v = np.sign(np.linalg.eigh(K.astype(float))[1][:, 0]).astype(int)
    found = inverse_of(arb_mat([[arb(x, 2.0**-10) for x in row] for row in K.tolist()]))
    true, low = least(K), least(K - np.outer(v, v) * 2.0**-10)
    assert low < true * (1 - 1e-8)
    assert not found.is_above((low + true) / 2) and found.is_above(true * 0.99)


def test_without_the_correction_ends_are_missed_or_false(monkeypatch):
    """X alone, of few bits, is a part in 10^5 from the inverse, above or below."""
    monkeypatch.setattr(inverse_blocks, "PLACES", 34)
    missed = 0
    for seed in range(3):
        K = drawn(seed)
        found, true = inverse_of(arb_mat(K.tolist())), least(K)
        if found is None:
            continue
        crooked = replace(found, R=arb_mat(N, N))
        missed += crooked.is_above(true * (1 + STEP)) or not crooked.is_above(true * (1 - STEP))
        assert not found.is_above(true * (1 + STEP))
    assert missed


def ends(X: arb_mat, R: arb_mat, crude: float, most: float, radius: float) -> bool:
    return is_below(X, R, arb(crude), arb(most), arb(radius))


def falling(top: float, last: float = 0.0) -> arb_mat:
    """A diagonal matrix: `top`, then 1, 1/4, 1/9, …, and a last number."""
    values = [top, *(1 / (1 + j) ** 2 for j in range(N - 2)), last]
    return arb_mat([[values[i] if i == j else 0 for j in range(N)] for i in range(N)])


def test_every_term_counts():
    """By diagonal matrices: the largest eigenvalue of `X + XR` is `2(1 + 1/8)`, and `G` may be larger by the radius."""
    X, R = falling(2.0), arb_mat([[0.125 if i == j == 0 else 0 for j in range(N)] for i in range(N)])
    assert ends(X, R, 0.25, 2.2501, 0.0) and not ends(X, R, 0.25, 2.25, 0.0) and not ends(X, R, 0.25, 2.2, 0.0)
    assert ends(X, R, 0.25, 2.36, 0.1) and not ends(X, R, 0.25, 2.3499, 0.1)
    assert not ends(X, R, 2.5, 2.2501, 0.0)  # what the correction may add away from the vectors
    assert not ends(X, R, 0.25, 2.2501, 1e9) and not ends(X, R, 1e9, 2.2501, 0.0)


def test_what_no_vector_shows_counts_by_all_that_is_left():
    """As many eigenvalues as there are vectors, and one more: it is in what is left or in a vector."""
    values = [3.0 - j / 1e4 for j in range(VECTORS + 1)] + [0.0] * (N - VECTORS - 1)
    X = arb_mat([[values[i] if i == j else 0 for j in range(N)] for i in range(N)])
    assert not ends(X, arb_mat(N, N), 0.0, 2.99, 0.0) and not ends(X, arb_mat(N, N), 0.0, 2.999, 0.0)


def test_what_is_cut_off_counts_where_no_vector_sees_it(monkeypatch):
    """`I + 0.2·11ᵀ` has the eigenvalue 13, of which two bits say nothing, nor `e_j − e_{j+1}`."""
    monkeypatch.setattr(corrected, "CRUDE", 2)
    blind = fmpz_mat(N, VECTORS, [((i == j) - (i == j + 1)) << FRACTION - 1 for i in range(N) for j in range(VECTORS)])
    monkeypatch.setattr(corrected, "towards_largest", lambda _: blind)
    X = arb_mat([[1.2 if i == j else 0.2 for j in range(N)] for i in range(N)])
    A = enclosed(X, 2)
    assert A.mid == fmpz_mat(N, N, [int(i == j) << A.bits for i in range(N) for j in range(N)])
    assert not ends(X, arb_mat(N, N), 0.0, 12.0, 0.0)
    assert ends(arb_mat(A.mid) * arb(2) ** -A.bits, arb_mat(N, N), 0.0, 500.0, 0.0)  # of what is known it is enough


@pytest.mark.parametrize("bad", ["nan", "inf"])
@pytest.mark.parametrize("what", ["X", "R", "crude", "most", "radius"])
def test_what_is_not_known_proves_nothing(bad, what):
    X, R = falling(2.0), arb_mat(N, N)
    if what in ("X", "R"):
        M = X if what == "X" else R
        M[3, 3] = arb(bad)
    told = {"crude": 0.0, "most": 9.0, "radius": 0.0} | ({what: float(bad)} if what not in ("X", "R") else {})
    if (what, bad) != ("most", "inf"):
        assert not ends(X, R, **told)


def test_what_is_not_symmetric_or_too_small_proves_nothing():
    X = falling(2.0)
    assert ends(X, arb_mat(N, N), 0.0, 2.5, 0.0)
    X[2, 40] = arb(2) ** -60
    assert not ends(X, arb_mat(N, N), 0.0, 2.5, 0.0)
    X[40, 2] = X[2, 40] = arb(0, arb(2) ** -60)
    assert not ends(X, arb_mat(N, N), 0.0, 2.5, 0.0), "of balls members differ"
    assert not ends(arb_mat(VECTORS, VECTORS), arb_mat(VECTORS, VECTORS), 0.0, 2.5, 0.0)


def test_of_a_matrix_whose_middles_are_not_symmetric_there_is_no_inverse():
    K = arb_mat(drawn().tolist())
    assert inverse_of(K) is not None
    K[0, N - 1] += 1
    assert inverse_of(K) is None


def diagonal(values: list[float]) -> arb_mat:
    return arb_mat([[x if i == j else 0 for j in range(N)] for i, x in enumerate(values)])


def told(K: list[float], X: list[float], loose: float = 0.0, most: float = 1.0) -> Inverse:
    """What X says of a diagonal matrix; all numbers are exact."""
    R = diagonal([1 - k * x for k, x in zip(K, X, strict=True)])
    size, lacks = frobenius(diagonal(X)), frobenius(R)
    return Inverse(diagonal(X), R, arb(loose), arb(most), size, lacks, arb(1))


FOURS = [4.0 ** (j.bit_length() - 1) for j in range(1, N + 1)]
"""Near the squares of 1, 2, 3, …, with inverses that are floats."""


def test_what_an_inverse_lacks_counts_squared():
    """K has the eigenvalue 1, of which X says ½ and `X + XR` ¾: the quarter that is left is `lacks²`."""
    found = told(FOURS, [0.5, *(1 / k for k in FOURS[1:])])
    assert found.is_above(0.99) and not found.is_above(1.05)


def test_what_a_matrix_is_cut_by_counts_twice():
    """X is the inverse of K̂ with the eigenvalue 1, K has 0.7: 1/0.7 is above `1 + 0.3|X|²`, or `1 + (0.3|X|)²/0.7`."""
    found = told(FOURS, [1 / k for k in FOURS], loose=0.3, most=1.43)
    assert found.is_above(0.8) and not found.is_above(0.85) and 0.85**2 > 0.7


def test_what_a_correction_adds_is_as_large_as_the_inverse(monkeypatch):
    """K has the eigenvalue 1/1024 where no vector looks: X says 448, the correction 252 more, and the rest is 324."""
    seen = fmpz_mat(N, VECTORS, [(i == j) << FRACTION for i in range(N) for j in range(VECTORS)])
    monkeypatch.setattr(corrected, "towards_largest", lambda _: seen)
    last = [1.0] * (N - VECTORS - 1)
    found = told([2.0**-9] * VECTORS + last + [2.0**-10], [512.0] * VECTORS + last + [448.0], most=1024.0)
    assert found.size > 2**10 and not found.is_above((0.97 * 1024) ** -0.5) and found.is_above((6 * 1024) ** -0.5)
