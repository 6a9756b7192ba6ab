"""D13, the last level, of trees that nobody searched for: whatever it says of a refit holds, for any numbers stated."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from typing import Any

import numpy as np
import pytest
from flint import arb, ctx

from certify.check.theorems.head.rows import pair_tree
from certify.check.theorems.head.rows.boxes.codes import TABLE
from certify.check.theorems.head.rows.boxes.fixed_rows import sums
from certify.check.theorems.head.rows.boxes.leaves import base
from certify.check.theorems.head.rows.boxes.trap import centre
from certify.check.theorems.head.rows.pair_tree import last as module
from certify.systems.head.rows.head import Head
from tests.families.logistic_heads import as_checked, logistic_head, margins, refit, stored

Array = np.ndarray


def last(S: Array, decay: Array, w: Array, followed: Sequence[int], others: Sequence[int], reach: Array) -> module.Last:
    """At weights near the minimum of all rows, no label changed yet; a number of the table for each reach."""
    with ctx.workprec(64):
        b = base(centre(sums(S.tolist(), [arb(float(x)) for x in decay], True), [], w.tolist()))
        assert b is not None
        return module.Last(b, followed, others, [TABLE[int(x)] for x in np.searchsorted(TABLE, reach)])


def used(S: Array, decay: Array, w: Array, found: module.Last) -> float:
    """The most that a refit's distance from its step is of what is said of it, in the norm of A."""
    D = 1.0 / ((1.0 + np.exp(S @ w)) * (1.0 + np.exp(-S @ w)))
    H, most = (S.T * D) @ S + np.diag(decay), 0.0
    for rho, i in zip(found.rho, found.rows, strict=True):
        turned = S.copy()
        turned[i] *= -1.0
        gap = refit(turned, np.ones(len(S)), decay) - w + np.linalg.solve(H, S[i])
        length = np.sqrt(np.array(found.low) @ (S @ gap) ** 2 + decay @ gap**2)
        most = max(most, float((length - 1e-9) / rho))
    return most


@pytest.mark.parametrize("follow", [True, False])
def test_nothing_of_what_slopes_bend_may_be_left_out(follow: bool) -> None:
    """Rows of one column whose slopes bend as much as any do, all of them the same way, and hardly any decay."""
    S, decay = np.array([[1.0]] * 88 + [[-1.0]] * 24), np.array([1e-3])
    w = refit(S, np.ones(112), decay)
    rows = [0, 90]
    found = last(S, decay, w, rows if follow else [], [] if follow else rows, np.full(112, 2.0**-9))
    assert found.proved
    assert 0.92 < used(S, decay, w, found) <= 1.0


def test_whatever_reach_is_stated_what_is_proved_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """From reaches that the distance is beyond to those at which no curvature is left."""
    proved = 0
    for seed in range(80):
        rng = np.random.default_rng([seed, 4])
        n, p = int(rng.integers(5, 9)), int(rng.integers(1, 4))
        monkeypatch.setattr(module, "LONG", int(rng.integers(1, n + 1)))
        S = rng.standard_normal((n, p)) * rng.choice([0.3, 1.0, 3.0], (n, 1))
        decay = np.full(p, 10.0 ** rng.uniform(-1.0, 1.5))
        w, cut = refit(S, np.ones(n), decay), int(rng.integers(0, n))
        order = rng.permutation(n).tolist()[int(rng.integers(0, n - 1)):]
        for reach in (2.0**-15, 0.03, 0.3, 1.0, 4.0):
            found = last(S, decay, w, order[:cut], order[cut:], np.full(n, reach))
            if found.proved:
                proved += 1
                assert used(S, decay, w, found) <= 1.0 + 1e-7, (seed, reach)
    assert proved > 100


@pytest.mark.parametrize("decay", [1e-3, 1e-2])
def test_a_refit_that_goes_on_beyond_its_step_is_not_proved(decay: float) -> None:
    """Two equal rows of which one gets the label of the other: the decay alone stops them, far beyond the step."""
    S, w = np.array([[1.0], [-1.0]]), np.zeros(1)
    for reach in 2.0 ** np.arange(-15.0, 5.0):
        for followed in ([], [0]):
            found = last(S, np.array([decay]), w, followed, [i for i in (0,) if i not in followed], np.full(2, reach))
            assert not found.proved or used(S, np.array([decay]), w, found) <= 1.0 + 1e-7, reach


def star(head: Head, hot: Sequence[int], box: int) -> dict[str, Array]:
    """Hot rows all apart, a child for each at its refit, with a bound if `box`, and no followed rows and no leaves."""
    S, decay, h = head.phi * head.Y, np.where(head.decayed, head.mu()[0], 0.0), len(hot)
    weights = [head.V[0]]
    for i in hot:
        turned = S.copy()
        turned[i] *= -1.0
        weights.append(refit(turned, np.ones(head.n), decay))
    none = np.zeros(0, np.int64)
    return {"parent": np.array([-1] + [0] * h), "branch": np.array([0, *range(h)]), "weights": np.array(weights),
            "hot_count": np.array([h] + [0] * h), "hot": np.array(hot), "numbers": np.full((1, len(head.points)), h),
            "box_count": np.array([0] + [box] * h), "box": np.zeros(box * h, np.int64),
            "slabs": np.full((box * h, head.n), np.searchsorted(TABLE, 0.5)), "leaf_count": np.zeros(h + 1, np.int64),
            "leaf": none, "leaf_weights": np.zeros((0, head.m))}


@pytest.mark.parametrize("rows", [tuple(range(9)), (4,)])
def test_what_no_tree_names_is_looked_at(rows: tuple[int, ...]) -> None:
    """Rows after a row's, and this row alone, after which none may follow: no point that flips is held."""
    count = lost = 0
    for seed in range(20):
        head = logistic_head(np.random.default_rng([seed, 8]), 9, points=12, decay=10.0)
        with ctx.workprec(64):
            answer = np.array(pair_tree.proved(as_checked(head, rows, 2, True), stored(star(head, rows, 1)), "claim",
                                               [True] * 12))
        flipped = np.min(list(margins(head, rows, 2, True).values()), axis=0) < 0.0
        assert not (answer & flipped).any(), seed
        count, lost = count + int(answer.sum()), lost + int(flipped.sum())
    assert count > 0 and lost > 10


@pytest.mark.parametrize("place", [0, 1])
def test_a_distance_that_is_no_number_proves_nothing(place: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """First among others or not: a largest one passes over it."""
    S, decay = np.array([[1.0, 0.2], [0.3, 1.0], [-0.5, 0.4]]), np.array([3.0, 3.0])
    w, reach = refit(S, np.ones(3), decay), np.full(3, 0.5)
    assert last(S, decay, w, [0], [1], reach).proved
    real = module.Last._rho

    def rho(self: module.Last, *given: Any) -> list[float] | None:
        return [nan if a == place else x for a, x in enumerate(real(self, *given) or [])]

    monkeypatch.setattr(module.Last, "_rho", rho)
    assert not last(S, decay, w, [0], [1], reach).proved
