"""D13: pairs of changed labels, against all refits; prover and checker."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from flint import ctx

import certify.check.theorems.head.rows.pair_tree.last as checked_last
import certify.theorems.head.rows.pair_tree.last as last
from certify.check.theorems.head.rows import pair_tree as check_tree
from certify.systems.head.rows.boxes.trap import centre
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.losses.logistic import LogisticHead
from certify.theorems.head.rows.box_tree import oriented
from certify.theorems.head.rows.boxes.leaves import base
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.pair_tree import method
from certify.theorems.head.rows.pair_tree.flipped import flipped
from certify.theorems.head.rows.pair_tree.method import PairTrees
from certify.theorems.head.rows.pair_tree.tree import TRIED, PairTree
from tests.effort import FULL
from tests.families.logistic_heads import as_checked, logistic_head, margins, refit, stored


def drawn(seed: int, n: int, decay: float) -> Head:
    head = logistic_head(np.random.default_rng([seed, 13]), n, decay=decay)
    if not head.decayed.all() and min((head.Y > 0).sum(), (head.Y < 0).sum()) <= 2:
        head = dataclasses.replace(head, decayed=np.ones(head.m, bool))
    return head


@pytest.mark.parametrize(("long", "followed", "large"), [(512, 1000, 0.8), (3, 2, 0.8), (3, 0, 4.0)])
@pytest.mark.parametrize("decay", [1.0, 3.0, 10.0])
def test_the_tree_never_says_more_than_all_refits(decay: float, long: int, followed: int, large: float,
                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (last, checked_last):
        monkeypatch.setattr(module, "LONG", long)
    monkeypatch.setattr(last, "FOLLOWED", followed)
    monkeypatch.setattr(last, "LARGE", large)
    stays = flips = bounds = steps = 0
    for seed in range(8 if FULL else 4):
        head = drawn(seed, 11, decay)
        rows = tuple(range(11)) if seed % 2 else tuple(range(1, 9))
        least = np.min(list(margins(head, rows, 2, True).values()), axis=0)
        todo = head.today >= 0
        part = PairTrees().prove(head, RowChange(True, 2, rows), todo, Budget())
        assert part is not None and part.flips is not None
        assert not (part.proved & (least <= 0)).any()
        assert not ((part.flips.point >= 0) & (least > 0)).any()
        stays, flips = stays + int(part.proved.sum()), flips + int((part.flips.point >= 0).sum())
        if part.arrays:
            bounds += int(part.arrays["box_count"][0])
            steps += int(part.arrays["box_count"][1:].sum())
            with ctx.workprec(64):
                found = check_tree.proved(as_checked(head, rows, 2, True), stored(dict(part.arrays)), "claim",
                                          part.proved.tolist())
            assert found == part.proved.tolist()
    print(decay, long, stays, flips, bounds, steps)


def test_few_predictions_of_many_rows_are_left_to_what_takes_them_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(method, "MANY", 5)
    head = drawn(0, 11, 10.0)
    part = PairTrees().prove(head, RowChange(True, 2, tuple(range(11))), head.today >= 0, Budget())
    assert part is not None and not part.proved.any() and "one by one" in part.why


@pytest.mark.parametrize("fewest", [2, 40])
def test_a_tree_whose_first_prediction_would_come_too_late_is_given_up(fewest: int) -> None:
    clock = [100.0]
    tree = PairTree(None, np.zeros((1, 2)), lambda: clock[0], 10)  # type: ignore[arg-type]
    tree.begun, tree.fewest = 100.0, fewest
    for _ in range(TRIED):
        assert tree.left() > 0.0
        clock[0] -= 5.0
        tree._hurry()
    assert (tree.left() == 0.0) == (fewest == 40)


def far_rows(n: int, far: int) -> Head:
    """A head with some rows so far out that new labels of two of them move margins by more than a bound looks at."""
    rng = np.random.default_rng(5)
    phi = np.c_[rng.standard_normal((n, 1)), np.ones(n)]
    y = np.where(phi[:, 0] + rng.standard_normal(n) > 0, 1.0, -1.0)
    phi[:far, 0], y[:far] = 100.0 * rng.uniform(0.9, 1.1, far), 1.0
    lam, points = 1e-4, np.c_[np.linspace(-3.0, 3.0, 8), np.ones(8)]
    w = refit(phi * y[:, None], np.ones(n), np.full(2, lam * n))
    return Head(phi, np.zeros(n), y[:, None], np.array([[-1.0], [1.0]]), ((y + 1) // 2).astype(np.int64),
                LogisticHead(), w[None], lam, np.ones(2, bool), False, points, np.zeros(8))


def test_rows_that_move_margins_far_are_kept_apart() -> None:
    """Two of them together are beyond every bound: each gets its node, and points are proved by these."""
    head, rows = far_rows(120, 5), tuple(range(120))
    part = PairTrees().prove(head, RowChange(True, 2, rows), head.today >= 0, Budget())
    assert part is not None and part.proved.any()
    least = np.min(list(margins(head, rows[:12], 2, True).values()), axis=0)
    assert not (part.proved & (least <= 0)).any()


def test_margins_within_rounding_where_two_rows_may_change() -> None:
    """Where no number of rows kept apart proves a point it fails, though two are fewer than may be kept apart."""
    met = 0
    for seed in range(12):
        head = drawn(seed, 11, 1.0)
        w = head.V[0] / np.linalg.norm(head.V[0])
        across = np.random.default_rng(seed).standard_normal((8, head.m))
        thin = across - np.outer(across @ w, w) + np.outer(np.logspace(-15.5, -12.0, 8), w)
        head = dataclasses.replace(head, points=np.concatenate([thin, 3.0 * w[None, :]]), points_rad=np.zeros(9))
        part = PairTrees().prove(head, RowChange(True, 2, (3, 4)), head.today >= 0, Budget())
        least = np.min(list(margins(head, (3, 4), 2, True).values()), axis=0)
        assert part is not None and not (part.proved & (least < -1e-12)).any()
        met += int(part.proved[-1])
    assert met


def with_a_feature_of_their_own(n: int, values: tuple[float, ...], labels: tuple[float, ...], decay: float) -> Head:
    """A head of little decay in which a few rows alone have a feature, which a new label of one pulls far for all."""
    rng = np.random.default_rng(3)
    phi = np.c_[rng.standard_normal((n, 2)), np.zeros(n), np.ones(n)]
    y = np.where(phi[:, 0] + rng.standard_normal(n) > -1.5, 1.0, -1.0)
    phi[: len(values), 2], y[: len(values)] = values, labels
    decayed, lam = np.array([True, True, True, False]), decay / n
    w = refit(phi * y[:, None], np.ones(n), np.where(decayed, lam * n, 0.0))
    points = np.c_[np.linspace(-3.0, 3.0, 9), np.zeros((9, 1)), np.linspace(-0.1, 0.1, 9), np.ones(9)]
    return Head(phi, np.zeros(n), y[:, None], np.array([[-1.0], [1.0]]), ((y + 1) // 2).astype(np.int64),
                LogisticHead(), w[None], lam, decayed, False, points, np.zeros(9))


@pytest.mark.parametrize(("values", "labels"), [((19.0, 19.0, 60.0), (1.0, 1.0, 1.0)), ((20.0, 300.0), (1.0, -1.0))])
def test_steps_of_rows_with_a_feature_of_their_own(values: tuple[float, ...], labels: tuple[float, ...]) -> None:
    """Steps with the Hessian of the centre go thousands of units astray, and with one such step nothing was tried."""
    head, n = with_a_feature_of_their_own(90, values, labels, 0.01), 90
    change = RowChange(True, 2, tuple(range(n)))
    sums = oriented(head, change)[0]
    b = base(centre(sums, np.ones(n), head.V[0]))
    assert b is not None
    steps = flipped(b, np.arange(n))
    assert np.abs(sums.S @ steps.T).max() <= 200.0 * (1.0 + 1e-9)
    if labels[0] == labels[1]:
        for i in range(len(values)):
            y = np.where(np.arange(n) == i, -1.0, 1.0)
            move = refit(sums.S * y[:, None], np.ones(n), sums.decay) - head.V[0]
            assert np.abs(sums.S @ (steps[i] - move)).max() <= 0.05 * np.abs(sums.S @ move).max()
    part = PairTrees().prove(head, change, head.today >= 0, Budget())
    assert part is not None and part.proved.any() == (labels[0] == labels[1])
    least = np.min(list(margins(head, tuple(range(12)), 2, True).values()), axis=0)
    assert not (part.proved & (least <= 0)).any()
