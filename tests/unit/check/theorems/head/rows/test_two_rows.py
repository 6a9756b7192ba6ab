"""D4g in the checker: what one or two deleted rows take, against exact fractions, to a hair on both sides."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from flint import fmpq, fmpq_mat

from certify.check.theorems.head.rows.squared import two_rows
from certify.check.theorems.head.rows.squared.node import ONE, Node, later, without
from certify.check.theorems.head.rows.squared.two_rows import two_stay

HAIR, PLAIN = Fraction(1, 2**24), Fraction(1, 2**8)


def drawn(seed: int, n: int = 7) -> tuple[list[list[Fraction]], list[Fraction], list[Fraction]]:
    """A hat matrix, residuals and influences; some rows hold nearly all of their own fit, and others are twins."""
    rng = np.random.default_rng([seed, 11])
    phi = rng.integers(-4, 5, size=(n, int(rng.integers(1, 4)))) * 10.0 ** rng.integers(-1, 2, size=(n, 1))
    if rng.random() < 0.3:
        phi[1] = phi[0]
    P = fmpq_mat([[fmpq(int(10 * x), 10) for x in row] for row in phi.tolist()])
    mu = fmpq(int(rng.integers(1, 50)), int(rng.choice([1, 10, 1000])))
    p = phi.shape[1]
    H = P.transpose() * P + fmpq_mat([[mu if i == j else fmpq(0) for j in range(p)] for i in range(p)])
    K = (P * H.inv() * P.transpose()).tolist()
    r, c = ([Fraction(int(x), 64) * scale for x, scale in zip(
        rng.integers(-64, 65, size=n), np.where(rng.random(n) < 0.3, 1, Fraction(1, 16)), strict=True)]
        for _ in range(2))
    return [[Fraction(int(x.p), int(x.q)) for x in row] for row in K], r, c


def lost(K: list[list[Fraction]], r: list[Fraction], c: list[Fraction], M: tuple[int, ...]) -> Fraction:
    """`c_Mᵀ(I − K_MM)⁻¹r_M`."""
    N = fmpq_mat([[fmpq((x := (i == j) - K[i][j]).numerator, x.denominator) for j in M] for i in M])
    v = (fmpq_mat([[fmpq(c[i].numerator, c[i].denominator) for i in M]]) * N.inv()
         * fmpq_mat([[fmpq(r[i].numerator, r[i].denominator)] for i in M]))[0, 0]
    return Fraction(int(v.p), int(v.q))


def plain(K: list[list[Fraction]]) -> bool:
    """Whether rounding is far below a hair: no pair of rows leaves next to nothing."""
    D = [1 - K[i][i] for i in range(len(K))]
    return all(D[i] > PLAIN and D[i] * D[j] - K[i][j] ** 2 > PLAIN for i, j in combinations(range(len(K)), 2))


def node_of(K: list[list[Fraction]], r: list[Fraction], c: list[Fraction], z: Fraction) -> Node:
    """Whole numbers of it, cut off."""
    whole = [[int(x * ONE) for x in row] for row in K]
    return Node(list(range(len(r))), whole, [int(x * ONE) for x in r], [int(x * ONE) for x in c], int(z * ONE),
                1, 1, 1, 1)


@pytest.mark.parametrize("limit", [ONE, two_rows.HALF, 0])
def test_one_and_two_rows_to_a_hair(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    """By lengths alone where these decide, with rows of large leverage apart, and with every pair looked at."""
    monkeypatch.setattr(two_rows, "HALF", limit)
    seen = 0
    for seed in range(80):
        K, r, c = drawn(seed)
        apart = {seed % 7} if seed % 3 else set()
        left = [i for i in range(7) if i not in apart]
        worst = max(lost(K, r, c, M) for size in (1, 2) for M in combinations(left, size))
        above, below = max(worst, Fraction(0)) * (1 + HAIR) + HAIR, worst * (1 - HAIR)
        assert not two_stay(node_of(K, r, c, below), apart), seed
        seen += plain(K)
        assert two_stay(node_of(K, r, c, above), apart) or not plain(K), seed
    assert seen > 30


def test_lengths_alone_keep_no_contrast_that_a_pair_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pair may be looked at: what is kept then is kept by lengths, and is true."""
    monkeypatch.setattr(two_rows, "PAIRS", 0)
    monkeypatch.setattr(two_rows, "HALF", 2**40 * ONE)
    kept = refused = 0
    for seed in range(60):
        K, r, c = drawn(seed)
        worst = max(lost(K, r, c, M) for size in (1, 2) for M in combinations(range(7), size))
        for times in (Fraction(1), 1 + Fraction(1, 64), Fraction(4), Fraction(64), Fraction(4096)):
            z = max(worst, HAIR) * times
            if two_stay(node_of(K, r, c, z), set()):
                kept += 1
                assert worst < z, seed
            else:
                refused += 1
    assert kept > 20 and refused > 60


def test_a_pair_of_twins_that_hold_each_other_is_refused() -> None:
    """`I − K_MM` may be singular where each row alone leaves something."""
    half = ONE >> 1
    assert not two_stay(Node([0, 1], [[half, half], [half, half]], [1, -1], [1, 1], ONE, 1, 0, 0, 0), set())
    assert two_stay(Node([0, 1], [[half, half], [half, half]], [1, -1], [1, 1], ONE, 1, 0, 0, 0), {0})
    assert not two_stay(Node([0], [[ONE]], [1], [1], ONE, 1, 0, 0, 0), set())
    assert not two_stay(Node([0], [[half]], [1], [1], 0, 1, 0, 0, 0), set())


def test_entries_after_deletions_are_those_of_the_whole_matrix() -> None:
    for seed in range(8):
        node = node_of(*drawn(seed), Fraction(1))
        first, whole = later(node, 3, {0}), without(node, 3, {0})
        assert first is not None and whole is not None and first.formed() == whole and first.d == whole.d
        second, again = later(first, 5, set()), without(whole, 5, set())
        assert second is not None and again is not None and second.formed() == again
        assert [second.entry(1, a) for a in range(4)] == second.line(1, range(4)) == again.K[1]
