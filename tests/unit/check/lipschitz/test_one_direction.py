"""`A + R ≺ m·I` from one vector: what is proved is so in rationals, and what is across the vector is not forgotten."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from flint import arb, ctx, fmpz, fmpz_mat
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.check.lipschitz import one_direction
from certify.check.lipschitz.one_direction import Rest, below
from certify.check.lipschitz.whole_numbers import Image
from tests.effort import examples
from tests.unit.network.lipschitz.test_lipsdp import positive

BITS = 40


def whole(M: np.ndarray) -> list[list[int]]:
    return [[int(x) for x in row] for row in np.round(M * 2.0**BITS).tolist()]


def image(rows: list[list[int]], radius: float = 0.0) -> Image:
    size = float(np.linalg.norm(np.array(rows, float) / 2.0**BITS)) * (1 + 1e-9)
    return Image(fmpz_mat(rows), BITS, arb(size), arb(size), arb(radius))


def rational(rows: list[list[int]]) -> list[list[Fraction]]:
    return [[Fraction(x, 2**BITS) for x in row] for row in rows]


def rest(R: list[list[int]], share: float, spread: float, far: float = 0.0) -> Rest:
    """R as it is up to a radius, and what is said of it."""
    known = image(R, far)
    return Rest(lambda X: X.turned * (known * X), arb(share), arb(spread))


def problem(rng: np.random.Generator):
    """A and R ⪰ 0, in whole numbers; R lies anywhere, is as large as is said, and is small or not so small."""
    n = int(rng.integers(1, 5))
    Q = np.linalg.qr(rng.standard_normal((n, n)))[0]
    values = np.concatenate([[1.0], rng.uniform(0, rng.choice([0.3, 0.9, 0.999, 1.0]), n - 1)])
    A = whole(Q @ np.diag(values) @ Q.T)
    A = [[A[min(i, j)][max(i, j)] for j in range(n)] for i in range(n)]
    P = np.linalg.qr(rng.standard_normal((n, n)))[0] if rng.random() < 0.5 else Q
    small = rng.uniform(0, 1, n) * 10.0 ** float(rng.integers(-5, 0))
    share = float(rng.choice([0.0, 1e-3, 1e-2]))
    R = whole(P @ np.diag(small) @ P.T + share * Q @ np.diag(values) @ Q.T)
    R = [[R[min(i, j)][max(i, j)] for j in range(n)] for i in range(n)]
    spread = float(small.max()) * (1 + 1e-9) + n * 2.0 ** (1 - BITS) + 1e-12
    return A, R, share * (1 + 1e-9), spread


def least(A, R, share: float, spread: float, radius: float, proves, far: float = 0.0) -> float:
    """About the least number that is proved."""
    with ctx.workprec(64):
        low, high = 0.0, 4.0
        for _ in range(30):
            middle = (low + high) / 2
            proved = proves(image(A, radius), rest(R, share, spread, far), arb(middle))
            low, high = (low, middle) if proved else (middle, high)
    return high


@settings(max_examples=examples(100), deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([0.0, 1e-9, 1e-3]), st.sampled_from([0.0, 1e-9, 1e-3]))
def test_what_is_proved_is_so_in_rationals(seed, radius, far):
    """Of members as long as may be along the largest direction of the sum, or antisymmetric beside the middle."""
    rng = np.random.default_rng(seed)
    A, R, share, spread = problem(rng)
    n = len(A)
    turned = [[int(x) for x in row] for row in np.triu(rng.integers(-2**30, 2**30, (n, n)), 1).tolist()]
    told = [[a + turned[i][j] - turned[j][i] for j, a in enumerate(row)] for i, row in enumerate(A)]
    total = [[a + b for a, b in zip(*rows, strict=True)] for rows in zip(rational(A), rational(R), strict=True)]
    top = [Fraction(x) for x in np.linalg.eigh(np.array(total, float))[1][:, -1].tolist()]
    size = sum(x * x for x in top)
    for proves in (below, one_direction._soon):
        most = least(told, R, share, spread + far, radius, proves, far)
        if most == 4.0:
            continue
        longer = (Fraction(radius) + Fraction(far)) * (1 - Fraction(1, 2**40)) / size
        assert positive([[(Fraction(most) if i == j else 0) - x - longer * top[i] * top[j]
                          for j, x in enumerate(row)] for i, row in enumerate(total)])


@settings(max_examples=examples(40), deadline=None)
@given(st.integers(0, 2**32))
def test_it_proves_nearly_what_is_so(seed):
    """Where R is small beside the gap below the largest eigenvalue one vector does, with a sixteenth of R more."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 6))
    Q = np.linalg.qr(rng.standard_normal((n, n)))[0]
    A = whole(Q @ np.diag([1.0, *rng.uniform(0, 0.6, n - 1)]) @ Q.T)
    A = [[A[min(i, j)][max(i, j)] for j in range(n)] for i in range(n)]
    root = rng.standard_normal((n, n)) * 0.02 / n
    R = whole(root @ root.T)
    R = [[R[min(i, j)][max(i, j)] for j in range(n)] for i in range(n)]
    size = float(np.linalg.norm(root) ** 2) + 1e-9
    truth = float(np.linalg.eigvalsh((np.array(A, float) + np.array(R, float)) / 2.0**BITS)[-1])
    most = least(A, R, 0.0, size, 0.0, one_direction._soon)
    assert truth <= most <= truth + size / 8 + 1e-6


@pytest.mark.parametrize("share, spread", [(0.0, 2.0), (4.0, 0.5), (0.5, 1.9)])
def test_what_is_across_counts(share, spread):
    """R is 0 along A's vector, and alone too large across it: one vector sees none of that, so it must be feared."""
    A, R = whole(np.diag([1.0, 0.5])), whole(np.diag([0.0, 1.5]))
    with ctx.workprec(64):
        for most in (1.1, 1.5, 1.9):
            assert not one_direction._soon(image(A), rest(R, share, spread), arb(most))
            assert not below(image(A), rest(R, share, spread), arb(most))
        assert below(image(A), rest(R, share, spread), arb(2.1))  # from all of R


def test_what_is_feared_across_grows_with_the_form():
    """R is a share of A alone, which has room across: of that of the middle, or of that of a member far from it."""
    with ctx.workprec(64):
        A, R = whole(np.diag([1.0, 0.9])), whole(np.diag([0.0, 0.18]))  # the sum has 1.08
        assert not one_direction._soon(image(A), rest(R, 0.2, 0.0), arb(1.05))
        assert not below(image(A), rest(R, 0.2, 0.0), arb(1.05))
        A, R = whole(np.diag([1.0, 0.0])), whole(np.diag([0.0, 1.9]))  # diag(1, 1/2) is a member, and 1.9 less than 4/2
        assert not one_direction._soon(image(A, 0.5), rest(R, 4.0, 0.0), arb(1.52))
        assert not below(image(A, 0.5), rest(R, 4.0, 0.0), arb(1.52))


def test_what_is_feared_across_is_a_seventeenfold():
    """Along the vector a sixteenth of R is feared, so across it all of R and sixteen times that."""
    A, R = whole(np.diag([1.0, 0.0])), whole(np.diag([0.0, 0.0]))
    with ctx.workprec(64):
        for spread, proves in ((1 / 16.5, False), (1 / 17.5, True)):
            assert one_direction._soon(image(A), rest(R, 0.0, spread), arb(1 + 2.0**-10)) is proves


def test_what_mixes_both_counts():
    """R of (1, 1) alone: along the vector and across it as large, and twice as large between them."""
    A, R = whole(np.diag([1.0, 0.5])), whole(np.full((2, 2), 0.1))
    with ctx.workprec(64):
        assert not one_direction._soon(image(A), rest(R, 0.0, 0.2), arb(1.107))
    total = [[x + y for x, y in zip(*rows, strict=True)] for rows in zip(rational(A), rational(R), strict=True)]
    assert not positive([[Fraction(1107, 1000) * (i == j) - x for j, x in enumerate(row)]
                         for i, row in enumerate(total)])


def test_any_vector_may_be_proposed(monkeypatch):
    """Along that of the smaller eigenvalue nothing is near: the larger one lies across, with all that it is off by."""
    none = whole(np.zeros((2, 2)))
    with ctx.workprec(64), monkeypatch.context() as patch:
        patch.setattr(one_direction, "_vector", lambda A: [fmpz(1), fmpz(0)])
        A = whole(np.diag([0.25, 1.0]))
        assert one_direction._soon(image(A), rest(none, 0.0, 0.0), arb(1 + 2.0**-20))
        for radius, most in ((0.0, 1 - 2.0**-20), (1e-3, 1.0005)):
            assert not one_direction._soon(image(A, radius), rest(none, 0.0, 0.0), arb(most))
        # eigenvalues 6 and 11; of twice that 12/5 of (1, 2)(1, 2)ᵀ is taken away, rounded down, which leaves 21.8 of 22
        patch.setattr(one_direction, "_vector", lambda A: [fmpz(1), fmpz(2)])
        unit = 2.0 ** (-BITS - 1)
        assert not one_direction._soon(image([[10, -2], [-2, 7]]), rest(none, 0.0, 0.0), arb(21.9 * unit))
        assert one_direction._soon(image([[10, -2], [-2, 7]]), rest(none, 0.0, 0.0), arb(25 * unit))


def test_of_numbers_that_are_none_nothing_is_said():
    A, R = whole(np.diag([1.0, 0.5])), whole(np.diag([0.001, 0.001]))
    with ctx.workprec(64):
        assert one_direction._soon(image(A), rest(R, 0.0, 0.001), arb(1.5))
        for most in ("nan", "-1", "0"):
            assert not below(image(A), rest(R, 0.0, 0.001), arb(most))
        for share, spread in (("nan", 0), (0, "nan"), ("inf", 0), (0, "inf")):
            assert not one_direction._soon(image(A), rest(R, share, spread), arb(1.5))
        assert not below(image(A, float("inf")), rest(R, 0.0, 0.001), arb(1.5))
        assert not below(image(A, float("nan")), rest(R, 0.0, 0.001), arb(1.5))
        zero = image(whole(np.zeros((2, 2))))
        assert below(zero, None, arb(1)) and not below(zero, None, arb(0))
        assert not one_direction._soon(zero, rest(R, 0.0, 0.001), arb(1))  # no vector is found, and all of R is made
        assert below(zero, rest(R, 0.0, 0.001), arb(1))


@pytest.mark.parametrize("n", [1, 3])
def test_what_is_cut_off_counts(n):
    """A's entries just below a multiple of what is cut: between what is left and the truth nothing is proved."""
    entry = 2**BITS - 1
    A, R = [[entry] * n] * n, whole(np.zeros((n, n)))
    for most in (1 - 2.0**-31, 1 - 2.0**-35):
        with ctx.workprec(64):
            assert not below(image(A), rest(R, 0.0, 0.0), arb(most) * n)
            assert not one_direction._soon(image(A), rest(R, 0.0, 0.0), arb(most) * n)
    with ctx.workprec(64):
        assert one_direction._soon(image(A), rest(R, 0.0, 0.0), arb(1 + 2.0**-20) * n)


def test_the_vector_is_near_the_largest_direction():
    A = fmpz_mat([[3, 1, 0], [1, 3, 0], [0, 0, 1]]) * (fmpz(1) << 20)
    x, y, z = (int(v) for v in one_direction._vector(A))
    assert abs(x - y) <= 1 + abs(x) >> 8 and z == 0 and x != 0
