"""Gram matrices summed by blocks in a tree: within their bound of the exact ones, which hardly grows with the rows."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from certify.rigor import fp
from certify.rigor.blocked.grams import BLOCK, gram


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
