"""What the factor of K proves of other matrices, against their eigenvalues: near a true end, and nothing beyond it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import scipy.linalg
from flint import arb, arb_mat, ctx

from certify.check.linalg.by_factor import ByFactor
from certify.check.linalg.definite import Truth
from certify.check.linalg.deflated import VECTORS
from certify.check.systems.interpolation import Interpolation
from certify.check.systems.point import Point
from certify.check.theorems.modulus import kernel

STEP = 1e-7


def system(K, blocks):
    """A point at which these matrices are known; K of whole numbers."""
    at = Interpolation.__new__(Interpolation)
    at.problem = SimpleNamespace(block=blocks[0].shape[0], nearby=False, interpolation_rows=len(K), reference=False,
                                 contrasts=False)
    at.kernel = arb_mat(K.tolist())
    at.moved = {i: [[arb(int(x)) for x in row] for row in Q.tolist()] for i, Q in enumerate(blocks) if Q.any()}
    point = at.point = Point(SimpleNamespace(), 128)
    point._found[Interpolation,] = at
    return point, at


def with_factor(K, blocks):
    """The same, where a factor of K is asked first."""
    point, at = system(K, blocks)
    at.factor = ByFactor(at.definite.R, at.definite.defect, at.moved, 60)
    return point, at


def drawn(k, seed=0):
    rng = np.random.default_rng(seed)
    rows = 50 // k + 1
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
        factor = with_factor(K, blocks)[1].factor
        assert factor.is_beyond(arb(modulus * (1 + STEP))) and not factor.is_beyond(arb(modulus * (1 - STEP)))
        assert not factor.is_above(least * (1 + STEP))
        assert factor.is_above(least * (1 - STEP)) or not _falls_off(K)


def _falls_off(K):
    """Whether the eigenvalues of `K⁻¹` do, but for the largest ones."""
    values = 1 / np.linalg.eigvalsh(K.astype(float))
    return float(np.linalg.norm(values[VECTORS:])) < values[0] / 2


def test_nothing_is_proved_without_its_part():
    K, blocks = drawn(2)
    with ctx.workprec(128):
        assert system(-K, blocks)[1].definite.R is None
        at = with_factor(K, blocks)[1]
        assert at.factor.is_beyond(arb(1))
        at = with_factor(K, blocks)[1]  # far larger effects of one row
        at.moved[1] = [[arb(10**14), arb(0)], [arb(0), arb(1)]]
        assert not at.factor.is_beyond(arb(1))
        found = at.definite
        assert not ByFactor(found.R, arb(1) - arb(2) ** -40, {}, 60).is_above(1.0)  # a factor that hardly is one


def test_the_rule_asks_the_factor_of_many_equations_first(monkeypatch):
    """And a factorisation where it proves nothing."""
    K, blocks = drawn(2)
    asked = []
    monkeypatch.setattr(ByFactor, "is_beyond", lambda self, most: asked.append(most) or False)
    with ctx.workprec(128):
        point = with_factor(K, blocks)[0]
        assert kernel.upper(point, 1e3).truth is Truth.PROVED and len(asked) == 1
        assert kernel.upper(point, 1e-9).truth is Truth.DISPROVED
        point, at = with_factor(K, blocks)
        at.factor = None
        assert kernel.upper(point, 1e3).truth is Truth.PROVED and len(asked) == 2
