"""D17: never more than the truth, most of it on small problems, and what it is not for."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from certify.format.methods import METHODS, UNCHECKED, status_of
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.box_tree import oriented
from certify.theorems.head.rows.by_choice import method, metric, tree
from certify.theorems.head.rows.by_choice.method import ByChoice
from certify.theorems.head.rows.by_choice.metric import Taken
from certify.theorems.head.rows.by_choice.pieces import Pieces
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.searches.methods import CHECKED, CLASSES, UNSEEN
from certify.theorems.head.rows.survey import survey
from tests.containment import heads_by_choice
from tests.containment.rigor import Violation
from tests.effort import FULL
from tests.families.logistic_heads import logistic_head, margins

Wrong = list[tuple[object, str, Any]]
_left, _lost = Pieces.left, Pieces.lost


def without(*names: str) -> Any:
    """What the gradient is at most, some of its parts forgotten."""
    return lambda self, i, j, l, third: _left(
        dataclasses.replace(self, **{name: np.zeros_like(getattr(self, name)) for name in names}), i, j, l, third)


def _no_moves(self: Pieces, i: Any, j: Any, l: Any) -> Any:
    """Shares of the curvature without those of moves."""
    taken = dataclasses.replace(self.taken, share=0.0 * self.taken.share, there=0.0 * self.taken.there)
    return _lost(dataclasses.replace(self, taken=taken, shared=0.0 * self.shared), i, j, l)


def _no_rows(self: Pieces, i: Any, j: Any, l: Any) -> Any:
    """Shares of the curvature without those of the rows that are out."""
    share = self.taken.share
    return share[i] + share[j] + (share[l] if len(l) else 0.0)


_unseen = (Taken, "of_choices", lambda self, choices, few: np.full(len(choices), np.inf))
WRONG: dict[str, Wrong] = {
    "pairs do nothing": [(Pieces, "left", without("pair"))],
    "steps are refits": [(Pieces, "left", without("alone"))],
    "half of the gradient": [(Pieces, "left", lambda *given: 0.5 * _left(*given))],
    "no curvature is lost": [(Pieces, "lost", lambda self, i, j, l: 0.0 * self.alone[j]),
                             (Taken, "of_choices", lambda self, choices, few: np.zeros(len(choices)))],
    "rows that are out take none": [(Pieces, "lost", _no_rows), _unseen],
    "moves take none": [(Pieces, "lost", _no_moves), _unseen],
    "moves take none of a choice looked at closer": [(metric, "_shares", lambda st, h, k: np.zeros(
        (len(st.z), len(st.rows) - h + 1)))],
}


def drawn(seed: int, count: int, n: int, decay: float) -> Head:
    head = logistic_head(np.random.default_rng([seed, count, 17]), n, decay=decay)
    if not head.decayed.all() and min((head.Y > 0).sum(), (head.Y < 0).sum()) <= count:
        head = dataclasses.replace(head, decayed=np.ones(head.m, bool))  # else one label may be left, and no refit
    return head


@pytest.mark.parametrize(("count", "decay", "own", "open_"), [(2, 3.0, 13, 0), (2, 10.0, 5, 0), (3, 10.0, 13, 60),
                                                              (3, 30.0, 6, 30)])
def test_it_says_no_more_than_all_refits_say(monkeypatch: pytest.MonkeyPatch, count: int, decay: float, own: int,
                                             open_: int) -> None:
    for name, value in (("OWN", {2: own, 3: own}), ("OPEN", open_), ("LESS", 0.0), ("BEAR", {2: 0.0, 3: 0.0})):
        monkeypatch.setattr(tree, name, value)
    stays = true = 0
    for seed in range(4):
        head = drawn(seed, count, 13, decay)
        rows = tuple(range(13)) if seed % 2 else tuple(range(1, 11))
        least = np.min(list(margins(head, rows, count, False).values()), axis=0)
        todo = head.today >= 0
        part = ByChoice().prove(head, RowChange(False, count, rows), todo, Budget())
        assert part is not None and part.flips is not None and bool(part.arrays) == part.proved.any()
        assert not (part.proved & (least <= 0)).any()
        assert not ((part.flips.point >= 0) & (least > 0)).any()
        stays, true = stays + int(part.proved.sum()), true + int((least > 0)[todo].sum())
    assert stays > 0.5 * true > 0


@pytest.mark.parametrize(("open_", "more"), [(0, 2), (6000, 0)])
def test_what_is_open_or_not_looked_at_is_not_proved(monkeypatch: pytest.MonkeyPatch, open_: int, more: int) -> None:
    """Thin heads, few rows whose choices may be left to nodes, and time that is up at any call."""
    for name, value in (("OWN", {2: 13, 3: 13}), ("OPEN", open_), ("LESS", 0.0), ("BEAR", {2: 0.0, 3: 0.0}),
                        ("MORE", {2: more, 3: more})):
        monkeypatch.setattr(tree, name, value)
    flipping = proved = 0
    for seed in range(24):
        if seed >= 6 and flipping > 10 and proved > 10 and not FULL:
            break
        count = 2 + seed % 2
        head = drawn(seed, count, 10, (1.0, 3.0, 10.0)[seed % 3])
        rows, rng, calls = tuple(range(10)), np.random.default_rng(seed), 0
        least = np.min(list(margins(head, rows, count, False).values()), axis=0)
        last = int(rng.integers(2, 24))

        def left(last: int = last) -> float:
            nonlocal calls
            calls += 1
            return 100.0 if calls < last else 0.0

        s, points = oriented(head, RowChange(False, count, rows))
        for clock in (lambda: 100.0, left):
            good = tree.ChoiceTree(s, points, clock).run(count, head.today >= 0, np.arange(10))
            assert not (good & (least <= 0)).any()
            proved += int(good.sum())
        flipping += int(((least <= 0) & (head.today >= 0)).sum())
    assert flipping > 10 and proved > 10


def test_drawn_heads_are_held() -> None:
    found = [heads_by_choice.changed_rows_by_choice(np.random.default_rng([17, i])) for i in range(48 if FULL else 12)]
    assert found.count("decided") > 2 * len(found) // 3


@pytest.mark.parametrize(("what", "wrong"), WRONG.items())
def test_wrong_versions_are_caught(monkeypatch: pytest.MonkeyPatch, what: str, wrong: Wrong) -> None:
    for of, name, value in wrong:
        monkeypatch.setattr(of, name, value)
    for seed in (0, 1, 2, 10, 17, 18, 19, 30, 31, 32, 40):
        try:
            heads_by_choice.changed_rows_by_choice(np.random.default_rng([18, seed]))
        except Violation:
            return
    pytest.fail(what)


def test_certificates_may_state_it_and_runs_for_them_do_not_use_it() -> None:
    assert "by_choice" in METHODS and UNSEEN == ("by_choice",)
    assert not set(UNCHECKED) & (set(METHODS) | set(CHECKED)) and set(CLASSES) == {*CHECKED, *UNCHECKED, *UNSEEN}


def test_it_goes_before_other_trees_where_nothing_is_certified(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(method, "LEAST", 0)
    head = drawn(1, 3, 12, 30.0)
    change = RowChange(False, 3, tuple(range(12)))
    with_it, without = survey(head, change, methods=tuple(CLASSES)), survey(head, change)
    assert (with_it.proved == without.proved).all() and (with_it.attacked == without.attacked).all()
    assert "by_choice" not in without.parts
    alone = survey(head, change, methods=("by_choice",))
    assert "by_choice" in alone.parts and (alone.status == status_of("by_choice")).any()
    assert any("no certificate states" in reason for reason in alone.reasons)


def test_what_it_is_not_for(monkeypatch: pytest.MonkeyPatch) -> None:
    head, rows = drawn(1, 2, 11, 1.0), tuple(range(11))
    assert "entries" in ByChoice().able(head, RowChange(False, 3, rows))
    monkeypatch.setattr(method, "LEAST", 0)
    assert not ByChoice().able(head, RowChange(False, 3, rows))
    for change in (RowChange(True, 3, rows), RowChange(False, 2, rows), RowChange(False, 4, rows)):
        assert "where 3 rows" in ByChoice().able(head, change)
    monkeypatch.setattr(method, "LARGE", 512 * 10)
    assert "up to 10 rows; there are 11" in ByChoice().able(head, RowChange(False, 3, rows))
    monkeypatch.undo()
    monkeypatch.setattr(method, "LEAST", 0)
    assert "fixed one" in ByChoice().able(dataclasses.replace(head, remaining=True), RowChange(False, 3, rows))
