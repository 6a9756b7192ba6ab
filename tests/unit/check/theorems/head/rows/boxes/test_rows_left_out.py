"""D6, leaves: what rows that are left out had of the curvature is taken off, by checker and prover."""

from __future__ import annotations

import numpy as np
import pytest
from flint import arb, ctx, fmpz_mat

from certify.check.linalg.balls import norm
from certify.check.theorems.head.rows.boxes import leaves
from certify.check.theorems.head.rows.boxes.fixed_rows import power, sums
from certify.check.theorems.head.rows.boxes.many_leaves import WEIGHT, ManyLeaves, whole_rows
from certify.check.theorems.head.rows.boxes.margins import points
from certify.check.theorems.head.rows.boxes.trap import centre
from certify.systems.head.rows.boxes import trap as system
from certify.systems.head.rows.boxes.sums import sums as proved_sums
from certify.theorems.head.rows.boxes import leaves as prover
from tests.families.rows_left_out import CHANGED, DECAY, ROWS, weights_and_distance


def at_zero(relabels: bool) -> leaves.Base:
    s = sums(ROWS.tolist(), [arb(x) for x in DECAY], relabels)
    b = leaves.base(centre(s, [], [0.0]))
    assert b is not None
    return b


@pytest.mark.parametrize("relabels", [False, True])
def test_both_ways_of_the_checker(relabels: bool) -> None:
    w, true = weights_and_distance(relabels)
    with ctx.workprec(64):
        b, e = at_zero(relabels), points([[1.0]], 1)
        t = np.maximum(np.abs(ROWS @ w), 0.0)
        most, gone = leaves.held(b, t.tolist(), arb(0))
        assert t.max() > leaves.FIRST and float(most) <= leaves.FIRST and 0.5 < float(gone) < leaves.LEAST
        own, seen = whole_rows(b.c.sums.rows, 1), whole_rows(e.rows, 1)
        assert own is not None and seen is not None
        W = fmpz_mat(1, 1, [round(float(w[0]) * 2.0**WEIGHT)])
        size = [norm((arb(int(W[0, 0])) * power(-WEIGHT),)).upper()]
        near = leaves.distances(b, [CHANGED], [w.tolist()])[0]
        whole = ManyLeaves(b, e, own, seen)._moved([CHANGED], W, size)[0]
    for moved in (near, whole):
        assert moved.is_finite() and true * (1 - 1e-4) < float(moved) < 10 * true


@pytest.mark.parametrize("relabels", [False, True])
def test_the_prover(relabels: bool) -> None:
    w, true = weights_and_distance(relabels)
    b = prover.base(system.centre(proved_sums(ROWS, DECAY, relabels=relabels), np.ones(len(ROWS)), np.zeros(1)))
    assert b is not None
    rows, t = np.array([CHANGED]), np.abs(ROWS @ w)
    most, gone = prover._held(b, t[None, :], b.own[rows])
    assert t.max() > prover.LOSES[0] and most[0] < t.max() and 0.5 < gone[0] < prover.LEAST
    moved = float(prover.judged(b, rows, w[None, :])[0])
    assert true * (1 - 1e-9) < moved < 10 * true
