"""What the factor of K proves of other matrices, against their eigenvalues: near a true end, and nothing beyond it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import scipy.linalg
from flint import arb, arb_mat, ctx

from certify.check.linalg.definite import Truth
from certify.check.linalg.deflated import VECTORS
from certify.check.systems import by_factor
from certify.check.systems.interpolation import Interpolation
from certify.check.systems.point import Point
from certify.check.theorems.modulus import kernel

STEP = 1e-7


def system(K, blocks):
    """A point at which these matrices are known; K of whole numbers."""
    at = Interpolation.__new__(Interpolation)
    at.problem = SimpleNamespace(block=blocks[0].shape[0])
    at.kernel = arb_mat(K.tolist())
    at.moved = {i: [[arb(int(x)) for x in row] for row in Q.tolist()] for i, Q in enumerate(blocks) if Q.any()}
    point = Point(SimpleNamespace(), 128)
    point._found[Interpolation,] = at
    return point


def drawn(k, rows=30, seed=0):
    rng = np.random.default_rng(seed)
    N = k * rows
    J = rng.integers(-9, 10, (N, N + 60)) * (1 + 200 // (1 + np.arange(N)))[:, None]
    G = [rng.integers(-5, 6, (k, 3)) * (i % 5 > 0) for i in range(rows)]
    return J @ J.T, [g @ g.T for g in G]


@pytest.mark.parametrize("k", [2, 3])
def test_both_ends_are_near_and_true(k):
    K, blocks = drawn(k)
    assert K.shape[0] > VECTORS
    Q = scipy.linalg.block_diag(*blocks)
    modulus = float(scipy.linalg.eigh(Q.astype(float), K.astype(float), eigvals_only=True)[-1]) ** 0.5
    least = float(np.linalg.eigvalsh(K.astype(float))[0]) ** 0.5
    with ctx.workprec(128):
        point = system(K, blocks)
        assert by_factor.modulus_is_below(point, arb(modulus * (1 + STEP)))
        assert not by_factor.modulus_is_below(point, arb(modulus * (1 - STEP)))
        assert not by_factor.rank_is_above(point, least * (1 + STEP))
        assert by_factor.rank_is_above(point, least * (1 - STEP)) or not _falls_off(K)


def _falls_off(K):
    """Whether the eigenvalues of `K⁻¹` do, but for the largest ones."""
    values = 1 / np.linalg.eigvalsh(K.astype(float))
    return float(np.linalg.norm(values[VECTORS:])) < values[0] / 2


@pytest.mark.parametrize("part", ["definite", "moved"])
def test_nothing_is_proved_without_its_part(part):
    K, blocks = drawn(2)
    with ctx.workprec(128):
        point = system(-K if part == "definite" else K, blocks)
        if part == "moved":  # far larger effects of one row
            point.of(Interpolation).moved[1] = [[arb(10**14), arb(0)], [arb(0), arb(1)]]
        assert not by_factor.modulus_is_below(point, arb(1))
        assert not by_factor.rank_is_above(point, 1.0) or part == "moved"


def test_the_rule_asks_the_factor_of_many_equations_first(monkeypatch):
    """And a factorisation where it proves nothing."""
    K, blocks = drawn(2)
    asked = []
    monkeypatch.setattr("certify.check.systems.interpolation.MANY", 10)
    monkeypatch.setattr(by_factor, "modulus_is_below", lambda point, most: asked.append(most) or False)
    with ctx.workprec(128):
        point = system(K, blocks)
        assert kernel.upper(point, 1e3).truth is Truth.PROVED and len(asked) == 1
        assert kernel.upper(point, 1e-9).truth is Truth.DISPROVED
