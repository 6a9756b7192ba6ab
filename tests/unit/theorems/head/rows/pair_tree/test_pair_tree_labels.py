"""D13: pairs of changed labels, against all refits; prover and checker."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from flint import ctx

import certify.check.theorems.head.rows.pair_tree.last as checked_last
import certify.theorems.head.rows.pair_tree.last as last
from certify.check.theorems.head.rows import pair_tree as check_tree
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.pair_tree import method
from certify.theorems.head.rows.pair_tree.method import PairTrees
from certify.theorems.head.rows.pair_tree.tree import TRIED, PairTree
from tests.families.logistic_heads import as_checked, logistic_head, margins, stored


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
    for seed in range(8):
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
