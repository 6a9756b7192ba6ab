"""Gram matrices summed by blocks in a tree: within their bound of the exact ones, which hardly grows with the rows."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from certify.rigor import fp
from certify.rigor.blocked.forms import COLUMNS, ROWS, forms
from certify.rigor.blocked.grams import BLOCK, WIDE, gram, gram_of_roots


def exact(S: np.ndarray, w: np.ndarray) -> list[list[Fraction]]:
    rows = [[Fraction(float(x)) for x in row] for row in S]
    weights = [Fraction(float(x)) for x in w]
    p = S.shape[1]
    return [[sum((c * row[a] * row[b] for c, row in zip(weights, rows, strict=True)), Fraction(0)) for b in range(p)]
            for a in range(p)]


@pytest.mark.parametrize("n", [0, 1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK + 7, 7 * BLOCK - 1])
def test_a_sum_in_a_tree_is_within_its_bound_of_the_exact_one(n: int) -> None:
    rng = np.random.default_rng(n)
    S = rng.standard_normal((n, 3)) * 10.0 ** rng.integers(-3, 4, (n, 1))
    w = rng.standard_normal(n)
    H, unit = gram(S, w)
    off = sum(((Fraction(float(H[a, b])) - x) ** 2 for a, row in enumerate(exact(S, w)) for b, x in enumerate(row)),
              Fraction(0))
    size = sum((abs(Fraction(float(c))) * sum((Fraction(float(x)) ** 2 for x in row), Fraction(0))
                for c, row in zip(w, S, strict=True)), Fraction(0))
    assert off <= (2 * Fraction(unit) * size) ** 2


@pytest.mark.parametrize(("n", "additions"), [(100, 0), (BLOCK, 0), (BLOCK + 1, 4), (1000, 6), (100_000, 18)])
def test_the_bound_is_that_of_a_block_and_of_the_levels_above_it(n: int, additions: int) -> None:
    unit = gram(np.ones((n, 1)), np.ones(n))[1]
    assert unit == fp.dot_unit(min(n, BLOCK + additions))


def test_every_row_counts_once() -> None:
    for n in (1, BLOCK, BLOCK + 1, 5 * BLOCK + 3):
        assert gram(np.ones((n, 1)), np.arange(1.0, n + 1))[0].item() == n * (n + 1) / 2


@pytest.mark.parametrize("n", [0, 1, 2, BLOCK, WIDE, WIDE + 1, 3 * WIDE + 5])
def test_a_matrix_of_roots_is_within_its_bound_of_the_exact_one(n: int) -> None:
    rng = np.random.default_rng([n, 2])
    S = rng.standard_normal((n, 2)) * 10.0 ** rng.integers(-3, 4, (n, 1))
    w = rng.uniform(0.0, 1.0, n) * 10.0 ** rng.integers(-9, 1, n) * (rng.random(n) < 0.9)
    H, unit = gram_of_roots(S, w)
    off = sum(((Fraction(float(H[a, b])) - x) ** 2 for a, row in enumerate(exact(S, w)) for b, x in enumerate(row)),
              Fraction(0))
    size = sum((Fraction(float(c)) * sum((Fraction(float(x)) ** 2 for x in row), Fraction(0))
                for c, row in zip(w, S, strict=True)), Fraction(0))
    assert off <= (2 * Fraction(unit) * size) ** 2 and (H == H.T).all()


@pytest.mark.parametrize(("n", "p"), [(1, 1), (4, 3), (3, COLUMNS), (2, COLUMNS + 1), (5, 2 * COLUMNS + 3)])
def test_forms_of_a_triangle_are_within_their_bound_of_the_exact_ones(n: int, p: int) -> None:
    rng = np.random.default_rng([n, p])
    X = rng.standard_normal((p, p)) * 10.0 ** rng.integers(-4, 4, (p, 1))
    X, S = X + X.T, rng.standard_normal((n, p))
    for s, found in zip(S, forms(S, X), strict=True):
        row, lines = [Fraction(float(x)) for x in s], [[Fraction(float(x)) for x in line] for line in X]
        true = sum((x * sum(a * y for a, y in zip(line, row, strict=True)) for x, line in zip(row, lines, strict=True)),
                   Fraction(0))
        size = Fraction(float(np.linalg.norm(X))) * sum(x * x for x in row)
        assert abs(Fraction(float(found)) - true) <= 3 * Fraction(fp.dot_unit(p)) * size * Fraction(1001, 1000)


def test_forms_are_those_of_every_row() -> None:
    S = np.arange(1.0, 2.0 * ROWS + 8.0)[:, None]
    assert (forms(S, np.full((1, 1), 2.0)) == 2.0 * S[:, 0] ** 2).all()
