"""D12 as a method: never more than the truth, the whole truth on small problems, and what it is not for."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from flint import ctx

from certify.check.theorems.head.rows import pair_tree as check_tree
from certify.systems.head.rows.boxes.slabs import Rows
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.boxes.leaves import Base
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.pair_tree import tree
from certify.theorems.head.rows.pair_tree.method import PairTrees
from certify.theorems.head.rows.pair_tree.steps import Steps, steps
from tests.effort import FULL
from tests.families.logistic_heads import as_checked, logistic_head, margins, stored


def drawn(seed: int, count: int, n: int, decay: float) -> Head:
    head = logistic_head(np.random.default_rng([seed, count, 12]), n, decay=decay)
    if not head.decayed.all() and min((head.Y > 0).sum(), (head.Y < 0).sum()) <= count:
        head = dataclasses.replace(head, decayed=np.ones(head.m, bool))  # else one label may be left, and no refit
    return head


@pytest.mark.parametrize(("count", "decay"), [(2, 1.0), (3, 1.0), (4, 3.0), (5, 3.0)])
def test_the_tree_says_exactly_what_all_refits_say(count: int, decay: float) -> None:
    stays = flips = bounds = 0
    for seed in range(5):
        if seed >= 2 and stays > 5 and flips > 1 and bounds > 3 and not FULL:
            break
        head = drawn(seed, count, 11, decay)
        rows = tuple(range(11)) if seed % 2 else tuple(range(1, 9))
        least = np.min(list(margins(head, rows, count, False).values()), axis=0)
        todo = head.today >= 0
        part = PairTrees().prove(head, RowChange(False, count, rows), todo, Budget())
        assert part is not None and part.flips is not None
        assert not (part.proved & (least <= 0)).any()
        clear = np.abs(least) > 1e-5
        assert (part.proved == (least > 0))[clear & todo].all()
        assert not ((part.flips.point >= 0) & (least > 0)).any()
        stays, flips = stays + int(part.proved.sum()), flips + int((part.flips.point >= 0).sum())
        if part.arrays:
            bounds += int(part.arrays["box_count"].sum())
            with ctx.workprec(64):
                found = check_tree.proved(as_checked(head, rows, count, False), stored(dict(part.arrays)), "claim",
                                          part.proved.tolist())
            assert found == part.proved.tolist()
    assert stays > 5 and flips > 1 and bounds > 3


def test_what_it_is_not_for() -> None:
    head = drawn(1, 2, 11, 1.0)
    rows = tuple(range(11))
    assert not PairTrees().able(head, RowChange(False, 2, rows))
    for change, why in ((RowChange(True, 2, rows), "for 1500 to 5000"), (RowChange(True, 3, rows), "are for 2"),
                        (RowChange(False, 1, rows), "no pair"),
                        (RowChange(False, 17, rows), "for 2 to 16")):
        assert why in PairTrees().able(head, change)
    assert "fixed one" in PairTrees().able(dataclasses.replace(head, remaining=True), RowChange(False, 2, rows))


@pytest.mark.parametrize("count", [3, 4])
def test_few_single_steps_first_say_no_more_than_all_refits_say(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Most rows are far at inner and last nodes, some are refitted alone, and more steps follow where needed."""
    tried: dict[tuple[int, int | None], int] = {}

    def counted(b: Base, order: Rows, k: int, few: int | None = None) -> Steps | None:
        tried[k, few] = tried.get((k, few), 0) + 1
        return steps(b, order, k, few)

    for name, value in (("LITTLE", (4, 6)), ("SINGLE", (3,)), ("HARD", 1), ("LEAVES", 1), ("steps", counted)):
        monkeypatch.setattr(tree, name, value)
    stays = leaves = 0
    for seed in range(4):
        if seed >= 2 and stays > 5 and leaves > 0 and {(2, 4), (2, 6), (1, 3), (1, None)} <= set(tried) and not FULL:
            break
        head = drawn(seed, count, 13, 2.0)
        rows = tuple(range(13))
        least = np.min(list(margins(head, rows, count, False).values()), axis=0)
        todo = head.today >= 0
        part = PairTrees().prove(head, RowChange(False, count, rows), todo, Budget())
        assert part is not None
        assert not (part.proved & (least <= 0)).any()
        stays += int(part.proved.sum())
        if part.arrays:
            leaves += int(part.arrays["leaf_count"].sum())
            with ctx.workprec(64):
                found = check_tree.proved(as_checked(head, rows, count, False), stored(dict(part.arrays)), "claim",
                                          part.proved.tolist())
            assert found == part.proved.tolist()
    assert stays > 5 and leaves > 0
    assert {(2, 4), (2, 6), (1, 3), (1, None)} <= set(tried)
