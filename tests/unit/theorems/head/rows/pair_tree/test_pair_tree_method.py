"""D12 as a method: never more than the truth, the whole truth on small problems, and what it is not for."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from flint import ctx

from certify.check.theorems.head.rows import pair_tree as check_tree
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.pair_tree.method import PairTrees
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
