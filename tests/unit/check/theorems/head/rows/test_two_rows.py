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
from certify.check.theorems.head.rows.squared_deletions import Shared, Walk

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
    assert not two_stay(Node([0, 1], [[half, half], [half, half]], [-ONE, -ONE], [ONE, ONE], ONE, 1, 0, 0, 0), set())
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


def off(rng: np.random.Generator, x: Fraction, e: int, towards: int | None = None) -> int:
    """A whole number that errs by no more than e, nearly by all of it."""
    return int(x * ONE // 1) + (e - 1) * int(rng.choice([-1, 1]) if towards is None else towards)


def erring(rng: np.random.Generator, K: list[list[Fraction]], r: list[Fraction], c: list[Fraction], z: Fraction,
           errors: tuple[int, int, int, int]) -> Node:
    """Whole numbers that err by nearly all that a node says; the contrast as much above the true one."""
    n, (eK, er, ec, ez) = len(r), errors
    W = [[0] * n for _ in range(n)]
    for i in range(n):
        for j in range(i, n):
            W[i][j] = W[j][i] = off(rng, K[i][j], eK)
    return Node(list(range(n)), W, [off(rng, x, er) for x in r], [off(rng, x, ec) for x in c], off(rng, z, ez, 1),
                eK, er, ec, ez)


@pytest.mark.parametrize("limit", [2**40 * ONE, two_rows.HALF, 0])
@pytest.mark.parametrize("which", range(4))
def test_errors_of_a_node_are_counted(monkeypatch: pytest.MonkeyPatch, limit: int, which: int) -> None:
    """A contrast that one or two rows take whole is not kept by numbers that err the other way, all or one kind."""
    monkeypatch.setattr(two_rows, "HALF", limit)
    kept = 0
    for seed in range(30):
        rng = np.random.default_rng([seed, which, 5])
        K, r, c = drawn(seed, 4)
        worst = max(lost(K, r, c, M) for size in (1, 2) for M in combinations(range(4), size))
        if worst <= 0:
            continue
        for bits in (20, 28, 35):
            errors = [1 << bits] * 4 if not which else [1 << bits if a == which - 1 else 1 for a in range(4)]
            for _ in range(6):
                node = erring(rng, K, r, c, worst, (errors[0], errors[1], errors[2], errors[3]))
                assert not two_stay(node, set()), (seed, bits)
        kept += two_stay(erring(rng, K, r, c, worst * 2, (1 << 20, 1 << 20, 1 << 20, 1 << 20)), set())
    assert kept > (3 if limit > ONE else 10)


def test_errors_grow_with_a_deletion() -> None:
    deleted = 0
    for seed in range(12):
        rng = np.random.default_rng([seed, 6])
        K, r, c = drawn(seed, 4)
        node = erring(rng, K, r, c, Fraction(1), (1 << 30, 1 << 30, 1 << 30, 1 << 30))
        after, D = later(node, 0, set()), 1 - K[0][0]
        if after is None:
            continue
        for a in range(1, 4):
            exact = [K[a][b] + K[a][0] * K[0][b] / D for b in range(1, 4)]
            got = after.line(a - 1, range(3))
            assert all(abs(x - y * ONE) <= after.eK for x, y in zip(got, exact, strict=True)), seed
            assert abs(after.r[a - 1] - (r[a] + K[a][0] * r[0] / D) * ONE) <= after.er
            assert abs(after.c[a - 1] - (c[a] + K[a][0] * c[0] / D) * ONE) <= after.ec
        assert abs(after.z - (1 - c[0] * r[0] / D) * ONE) <= after.ez
        assert after.eK < 1 << 50 or D < PLAIN
        deleted += 1
    assert deleted > 8, deleted


def proves(taken: list[Fraction], k: int, order: list[int]) -> bool:
    """Whether a tree of one node, rows that hold nothing of their own fit, is accepted for a contrast of 1."""
    n = len(taken)
    node = Node(list(range(n)), [[0] * n for _ in range(n)], [int(x * ONE) for x in taken], [ONE] * n, ONE, 0, 0, 0, 0)
    walk = Walk(Shared([[2.0**-30] * n]), iter([(0, order, 0)]), frozenset((0, 1)), 0)
    return walk.proves(node, k, ())


def test_rows_that_are_set_apart_are_children_all_the_same() -> None:
    most, some, few = Fraction(6, 10), Fraction(3, 10), Fraction(1, 10)
    assert proves([most, some, few], 2, [0]) and proves([most, some, few], 2, [0, 1])
    assert not proves([most, most, few], 2, [0]) and not proves([most, few, most], 2, [0, 1])


def test_two_rows_are_no_three() -> None:
    long, short = Fraction(2, 5), Fraction(1, 5)
    assert proves([long] * 3, 2, []) and not proves([long] * 3, 3, []) and proves([short] * 3, 3, [])
