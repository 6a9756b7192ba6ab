"""Products of pairs of floats to about a hundred bits, whole and in part, against exact ones."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from certify.finders.proposals.sliced import product, product_of


def exactly(M) -> list[list[Fraction]]:
    low = np.zeros_like(M[0]) if M[1] is None else M[1]
    return [[Fraction(x) + Fraction(y) for x, y in zip(*rows, strict=True)]
            for rows in zip(M[0].tolist(), low.tolist(), strict=True)]


def pair(rng, n: int, m: int):
    high = rng.normal(size=(n, m)) * 10.0 ** rng.integers(-3, 4, (n, 1))
    return high, high * rng.uniform(-1, 1, (n, m)) * 2.0**-54


@pytest.mark.parametrize("lower, half", [(False, False), (True, False), (False, True)])
@pytest.mark.parametrize("levels, bits", [(4, 70), (5, 90)])
def test_a_product_is_near_the_exact_one(lower, half, levels, bits, monkeypatch):
    monkeypatch.setattr("certify.finders.proposals.sliced.NARROW", 4)
    rng, n = np.random.default_rng(levels), 11
    A, B = pair(rng, n, n), pair(rng, n, n)
    A = tuple(map(np.tril, A)) if lower else A
    B = tuple(map(np.triu, B)) if half else B
    found, a, b = exactly(product(A, B, levels, lower, half)), exactly(A), exactly(B)
    for i in range(n):
        for j in range(i + 1 if half else n):
            true = sum(a[i][k] * b[k][j] for k in range(n))
            size = max(map(abs, a[i])) * max(abs(row[j]) for row in b)
            assert abs(found[i][j] - true) <= size / 2**bits


def test_a_product_of_entries_is_exact():
    rng = np.random.default_rng(2)
    a, b = (rng.normal(size=(9, 7)) * 10.0 ** rng.integers(-20, 20, (9, 7)) for _ in range(2))
    found = exactly(product_of(a, b))
    assert all(x == Fraction(u) * Fraction(v) for row, us, vs in zip(found, a.tolist(), b.tolist(), strict=True)
               for x, u, v in zip(row, us, vs, strict=True))
