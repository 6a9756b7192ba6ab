"""The tangent kernel some equations at a time: every entry is that of the sum itself, whatever the strips."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from flint import arb, arb_mat

from certify.check.enclosure import network
from certify.check.enclosure.network import Backward, Forward, tangent_kernel


def matrix(rows: int, columns: int, seed: int) -> arb_mat:
    return arb_mat(rows, columns, [arb((seed * 7919 + 31 * j * j + 17 * j) % 101 - 50) for j in range(rows * columns)])


@pytest.mark.parametrize("strip", [1, 2, 3, 5, 96])
@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("squares", [None, {1: arb(3), 2: arb(5)}])
def test_every_entry_is_that_of_the_sum(strip, k, squares, monkeypatch):
    monkeypatch.setattr(network, "STRIP", strip)
    n, layers = 7, (SimpleNamespace(biases=None), SimpleNamespace(biases=(1,)))
    inputs, adjoints = [matrix(n, 4, 1), matrix(n, 3, 2)], [matrix(n * k, 3, 3), matrix(n * k, k, 4)]
    problem = SimpleNamespace(outputs=k, free=(1, 2), layers=layers)
    found = tangent_kernel(problem, Forward(tuple(inputs), (), arb_mat(n, k)), Backward(tuple(adjoints), arb_mat(1, 1)),
                           squares)
    for r in range(n * k):
        for c in range(n * k):
            value = arb(0)
            for h, (A, B, layer) in enumerate(zip(inputs, adjoints, layers, strict=True), 1):
                a = sum((A[r // k, j] * A[c // k, j] for j in range(A.ncols())), arb(layer.biases is not None))
                b = sum((B[r, j] * B[c, j] for j in range(B.ncols())), arb(0))
                value += a * b * (1 if squares is None else squares[h])
            assert found[r, c] == value


def test_balls_hold_products_of_any_two_matrices_in_them(monkeypatch):
    """Both factors vary by themselves, and below the diagonal stand the entries above it."""
    monkeypatch.setattr(network, "STRIP", 2)
    wide = arb_mat(5, 1, [arb(1, 0.5)] * 5)
    problem = SimpleNamespace(outputs=1, free=(1,), layers=(SimpleNamespace(biases=None),))
    found = tangent_kernel(problem, Forward((arb_mat(5, 1, [arb(1)] * 5),), (), arb_mat(5, 1)), Backward((wide,), wide))
    for x in found.entries():
        assert x.contains(arb(0.25)) and x.contains(arb(2.25))
