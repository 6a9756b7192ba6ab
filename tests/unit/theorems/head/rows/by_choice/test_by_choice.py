"""D17: never more than the truth, most of it on small problems, and what it is not for."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.by_choice import tree
from certify.theorems.head.rows.by_choice.method import ByChoice
from certify.theorems.head.rows.method import Budget
from tests.containment import heads_by_choice
from tests.families.logistic_heads import logistic_head, margins


def drawn(seed: int, count: int, n: int, decay: float) -> Head:
    head = logistic_head(np.random.default_rng([seed, count, 17]), n, decay=decay)
    if not head.decayed.all() and min((head.Y > 0).sum(), (head.Y < 0).sum()) <= count:
        head = dataclasses.replace(head, decayed=np.ones(head.m, bool))  # else one label may be left, and no refit
    return head


@pytest.mark.parametrize(("count", "decay", "own", "open_"), [(2, 3.0, 13, 0), (2, 10.0, 5, 0), (3, 10.0, 13, 60),
                                                              (3, 30.0, 6, 30)])
def test_it_says_no_more_than_all_refits_say(monkeypatch: pytest.MonkeyPatch, count: int, decay: float, own: int,
                                             open_: int) -> None:
    for name, value in (("OWN", {2: own, 3: own}), ("OPEN", open_), ("LESS", 0.0)):
        monkeypatch.setattr(tree, name, value)
    stays = true = 0
    for seed in range(4):
        head = drawn(seed, count, 13, decay)
        rows = tuple(range(13)) if seed % 2 else tuple(range(1, 11))
        least = np.min(list(margins(head, rows, count, False).values()), axis=0)
        todo = head.today >= 0
        part = ByChoice().prove(head, RowChange(False, count, rows), todo, Budget())
        assert part is not None and part.flips is not None and not part.arrays
        assert not (part.proved & (least <= 0)).any()
        assert not ((part.flips.point >= 0) & (least > 0)).any()
        stays, true = stays + int(part.proved.sum()), true + int((least > 0)[todo].sum())
    assert stays > 0.5 * true > 0


def test_drawn_heads_are_held() -> None:
    found = [heads_by_choice.changed_rows_by_choice(np.random.default_rng([17, i])) for i in range(12)]
    assert found.count("decided") > 5


def test_what_it_is_not_for() -> None:
    head, rows = drawn(1, 2, 11, 1.0), tuple(range(11))
    assert not ByChoice().able(head, RowChange(False, 2, rows))
    for change in (RowChange(True, 2, rows), RowChange(False, 1, rows), RowChange(False, 4, rows)):
        assert "two or three" in ByChoice().able(head, change)
    assert "fixed one" in ByChoice().able(dataclasses.replace(head, remaining=True), RowChange(False, 2, rows))
