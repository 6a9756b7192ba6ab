"""An inverse as a share of itself: between two multiples of X whatever H may be, in the prover and in the check."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from flint import arb, ctx

from certify.check.theorems.head.rows.boxes import fixed_rows, products
from certify.systems.head.rows.boxes.inverses import judged

Exact = list[list[Fraction]]
LONG = np.array([3.0, 4.0, 12.0]) / 13.0


def exact(A: np.ndarray) -> Exact:
    return [[Fraction(float(x)) for x in row] for row in A]


def plus(A: Exact, B: Exact, times: Fraction) -> Exact:
    return [[a + times * b for a, b in zip(*rows, strict=True)] for rows in zip(A, B, strict=True)]


def determinant(A: Exact) -> Fraction:
    if not A:
        return Fraction(1)
    rest = [[row[:j] + row[j + 1 :] for row in A[1:]] for j in range(len(A))]
    return sum(((-1) ** j * A[0][j] * determinant(rest[j]) for j in range(len(A))), Fraction(0))


def inverted(A: Exact) -> Exact:
    n, whole = len(A), determinant(A)
    return [[(-1) ** (i + j) * determinant([[A[r][c] for c in range(n) if c != i] for r in range(n) if r != j]) / whole
             for j in range(n)] for i in range(n)]


def semidefinite(A: Exact) -> bool:
    """Every principal minor is nonnegative."""
    n = len(A)
    return all(determinant([[A[i][j] for j in at] for i in at]) >= 0
               for size in range(1, n + 1) for at in combinations(range(n), size))


def between(X: Exact, part: Fraction, H: Exact) -> bool:
    inverse = inverted(H)
    return (semidefinite(plus([[x / (1 - part) for x in row] for row in X], inverse, Fraction(-1)))
            and semidefinite(plus(inverse, [[x / (1 + part) for x in row] for row in X], Fraction(-1))))


def held_by_decay(seed: int) -> np.ndarray:
    """Two columns that are the same but for a small decay, long rows: the least eigenvalue is the decay's."""
    rng = np.random.default_rng(seed)
    S = rng.standard_normal((9, 3)) * 30.0
    S[:, 2] = S[:, 1]
    return np.asarray(S.T @ S + 0.5 * np.eye(3))


@pytest.mark.parametrize("seed", range(8))
def test_every_matrix_that_it_may_be_has_its_inverse_between_the_two(seed: int) -> None:
    H = held_by_decay(seed)
    axes = np.linalg.eigh(H)[1]
    unsure = 0.1
    found = judged(H, unsure)
    assert found is not None
    X, part = exact(found[0]), Fraction(found[1])
    tight = False
    for v in (*axes.T, LONG):
        v = np.asarray(v) * (1 - 1e-12)
        along = exact(np.outer(v, v))
        for sign in (-1, 0, 1):
            moved = plus(exact(H), along, Fraction(sign) * Fraction(unsure))
            symmetric = [[(moved[i][j] + moved[j][i]) / 2 for j in range(3)] for i in range(3)]
            assert between(X, part, symmetric)
            tight |= not between(X, part * Fraction(9, 10), symmetric)
    assert tight  # with a smaller share it would be false


def test_what_is_too_unsure_is_refused() -> None:
    H = held_by_decay(0)
    assert judged(H, 0.13) is None  # more than a quarter of the least eigenvalue
    assert judged(np.full((2, 2), np.nan), 0.0) is None
    assert judged(np.zeros((2, 2)), 0.0) is None


@pytest.mark.parametrize("seed", range(8))
def test_the_check_has_the_same_between_its_own(seed: int) -> None:
    rng = np.random.default_rng(seed)
    S = rng.standard_normal((9, 3)) * 8.0
    S[:, 2] = S[:, 1]
    rows = [[float(x) for x in row] for row in S]
    with ctx.workprec(96):
        u = 0.1
        s = replace(fixed_rows.sums(rows, [arb(0.5)] * 3, False), unsure=arb(u))
        weights = [int(w * 2**fixed_rows.WEIGHT) for w in rng.random(9) * 0.5]
        found = products.judged(s, weights)
        assert found is not None
        X = exact(np.array([[float(found.mid[i, j]) for j in range(3)] for i in range(3)]))
        part = Fraction(float(found.part)) + Fraction(2) ** -30  # what floats of mid lose
    H = [[Fraction(1, 2) * (i == j) + sum((Fraction(w, 2**fixed_rows.WEIGHT) * Fraction(r[i]) * Fraction(r[j])
                                           for w, r in zip(weights, rows, strict=True)), Fraction(0))
          for j in range(3)] for i in range(3)]
    tight = False
    for v in (*np.linalg.eigh(np.array(H, dtype=float))[1].T, LONG):
        along = exact(np.outer(v, v) * (1 - 1e-12))
        for sign in (-1, 0, 1):
            moved = plus(H, along, Fraction(sign) * Fraction(u) * (1 - Fraction(1, 10**9)))
            assert between(X, part, moved)
            tight |= not between(X, part * Fraction(3, 4), moved)
    assert tight


def test_the_check_refuses_what_is_too_unsure() -> None:
    rows = [[1.0, 0.0], [0.0, 1.0]]
    with ctx.workprec(96):
        s = fixed_rows.sums(rows, [arb(1)] * 2, False)
        half = 1 << fixed_rows.WEIGHT - 1
        assert products.judged(replace(s, unsure=arb(0.4)), [half, half]) is not None
        assert products.judged(replace(s, unsure=arb(0.8)), [half, half]) is None  # eigenvalues 1.5, more than half
        assert products.judged(s, [half + 1, half]) is None
