"""The checker follows honest boxes and trees of extreme rows: what random attacks met and it once refused."""

from __future__ import annotations

import numpy as np
import pytest
from flint import arb, arb_mat, ctx

from certify.check.theorems.head.rows import box_tree
from certify.check.theorems.head.rows.boxes.fixed_rows import few, power, size
from certify.check.theorems.head.rows.boxes.largest import BACK
from certify.check.theorems.head.rows.boxes.trap import above_ratio
from certify.systems.head.rows.boxes.sums import sums, whole_numbers
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.losses.logistic import LogisticHead
from certify.theorems.head.rows.box_tree import BoxTree
from certify.theorems.head.rows.method import Budget
from tests.families.row_heads import as_checked, stored
from tests.oracles.row_refits import Problem, refit_today

FAR = [[-0.0046, 50.39, 1], [0.0009, -151.18, 1], [0.0009, -151.18, 1], [0.0018, -151.18, 1], [0.0018, -151.18, 1],
       [0.53, -19412.7, 1], [0.0018, -100.79, 1]]
APART = [[-0.00062, 224.8632, 1], [-0.00651, -610.343, 1], [0, 192.74, 1], [0.00279, -417.603, 1],
         [-0.0031, -96.37, 1]]
NEAR = [[-2.6, 1], [-0.8, 1], [-2.6, 1], [0.6, 1], [0.4, 1], [-0.4, 1]]


def head(rows: list[list[float]], labels: list[int], decay: float, thin: float) -> Head:
    """With a point that is `thin` of its distance to the boundary away from it, and some that are not."""
    phi, Y, label = np.array(rows, float), 2.0 * np.array([labels]).T - 1.0, np.array(labels, dtype=np.int64)
    codes, decayed = np.array([[-1.0], [1.0]]), np.ones(len(rows[0]), dtype=bool)
    V = refit_today(Problem("logistic", phi, Y, codes, label, decay, decayed, False))
    e = phi[:3].copy()
    across = np.append(V[0, :-1], 0.0)
    e[0] -= across * float(e[0] @ V[0]) / float(across @ across) * (1.0 - thin)
    return Head(phi, np.zeros(len(phi)), Y, codes, label, LogisticHead(), V, decay, decayed, False, e, np.zeros(3))


@pytest.mark.parametrize(("given", "change"), [
    (head(FAR, [0, 1, 1, 1, 1, 1, 1], 0.38, 1.0), RowChange(False, 2, (0, 1, 2, 4, 5, 6))),
    (head(APART, [0, 1, 1, 1, 1], 0.037, 1.0), RowChange(False, 1, (0, 1, 2, 3, 4))),
    (head(NEAR, [0, 1, 0, 0, 1, 0], 635.0, 1e-8), RowChange(False, 1, (4,))),
])
def test_honest_trees_of_extreme_rows_are_followed(given, change):
    part = BoxTree().prove(given, change, given.today >= 0, Budget())
    assert part is not None and part.proved.any()
    with ctx.workprec(64):
        found = box_tree.proved(as_checked(given, change), stored(dict(part.arrays)), "claim", part.proved.tolist())
    assert found == part.proved.tolist()


def test_a_matrix_that_underflows_is_off_by_next_to_nothing():
    with ctx.workprec(64):
        tiny = arb_mat([[arb(2) ** -5000, arb(0)], [arb(0), -(arb(2) ** -2000)]])
        found = few(tiny, 2)
        lost = arb_mat(found.mat) * power(found.unit) - tiny
        assert size(lost) <= found.off < arb(2) ** -2020
        assert few(arb_mat([[arb(0)]]), 1).off < power(-900)
        one = few(arb_mat([[arb(3)]]), 1)
        assert abs(int(one.mat[0, 0]) * power(one.unit) - 3) <= one.off


def test_ratios_of_pulls_are_rounded_up_by_little():
    for x in (arb(0), power(-60), arb(1) / 3, arb(1)):
        assert x * 2**BACK <= above_ratio(x) <= x * 2**BACK + 3


def test_columns_of_very_different_sizes_are_coarse_in_whole_numbers():
    S = np.array([[1.0, 1.0], [1e-3, 1.0]])
    assert 0.0 < whole_numbers(sums(S, np.ones(2))) < 1e-14
    assert whole_numbers(sums(S * [1e5, 1.0], np.ones(2))) > 1e-8
