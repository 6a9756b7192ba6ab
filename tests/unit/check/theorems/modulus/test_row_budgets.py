"""Sums and eigenvalues of the rules for budgets of single rows: what is not known never drops out of a bound."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from flint import arb, arb_mat, ctx

from certify.check.theorems.modulus.ellipsoids import _reach, largest_sum, top_eigenvalue
from certify.check.theorems.modulus.row_budgets import _alone


@pytest.mark.parametrize("bad", [arb("nan"), arb("inf"), arb(0, "inf")])
def test_a_value_that_is_not_known_makes_the_sum_infinite(bad):
    for values in ([arb(1), arb(2), bad], [bad, arb(1)], [arb(3), bad, arb(1)]):
        assert not largest_sum(values, 1) <= 1e300
    assert largest_sum([arb(1), arb(3), arb(2)], 2) == 5


def test_reach_of_a_singular_factor_is_not_bounded():
    for C in ([[0, 0], [0, 0]], [[1, 0], [1, 0]], [[arb(0, 1), 0], [0, 1]]):
        assert not _reach(arb_mat(C), arb_mat([[1, 0], [0, 1]])) <= 1e300
    assert _reach(arb_mat([[2, 0], [0, 1]]), arb_mat([[2, 0], [0, 3]])) == 9


def test_largest_eigenvalue_is_close():
    rng = np.random.default_rng(0)
    with ctx.workprec(128):
        for n in (1, 2, 4):
            B = rng.standard_normal((n, n))
            M = arb_mat(B.tolist()) * arb_mat(B.T.tolist())
            assert float(top_eigenvalue(M.mid())) == pytest.approx(np.linalg.eigvalsh(B @ B.T)[-1], rel=1e-9)
        assert float(top_eigenvalue(arb_mat([[2, 0], [0, 2]]))) == 2 and top_eigenvalue(arb_mat([[0, 0], [0, 0]])) == 0


@pytest.mark.parametrize("k", [1, 2, 3])
def test_one_row_alone_is_bounded_by_the_largest_eigenvalue(k):
    """`λ_max(E^½PE^½)/(1 − δ)`, from above and sharp to a few digits; the first entry is less, of more outputs."""
    rng = np.random.default_rng(k)
    with ctx.workprec(128):
        for _ in range(10):
            A, B = (rng.standard_normal((k, k)) + np.eye(k) for _ in range(2))
            P, E = (arb_mat(M.tolist()) * arb_mat(M.T.tolist()) for M in (A, B))
            known = SimpleNamespace(inverse_block=lambda at, P=P: P, definite=SimpleNamespace(defect=arb(0.25)))
            found = float(_alone(SimpleNamespace(of=lambda _, known=known: known), 0, E))
            exact = np.linalg.eigvals(B @ B.T @ A @ A.T).real.max() / 0.75
            assert exact * (1 - 1e-12) <= found <= exact * 1.1
