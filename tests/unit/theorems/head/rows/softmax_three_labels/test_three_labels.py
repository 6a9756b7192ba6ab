"""D27: every choice of three labels of small heads refitted, choices that are not looked at, time that is up."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from certify.finders.head.refits import Refitter
from certify.rigor.fp import Array
from certify.systems.head.rows.change import Choices, RowChange
from certify.systems.head.rows.head import Head, Whole
from certify.theorems.head.rows.flips import Found
from certify.theorems.head.rows.method import Budget, Part
from certify.theorems.head.rows.softmax_by_choice.candidates import Lines
from certify.theorems.head.rows.softmax_three_labels import search
from certify.theorems.head.rows.softmax_three_labels.method import ThreeLabels
from certify.theorems.head.rows.softmax_three_labels.node import Open, opened
from certify.theorems.head.rows.softmax_three_labels.sums import Sums
from certify.theorems.head.rows.survey import survey
from tests.containment.heads_softmax_two_labels import margins
from tests.families.heads import any_rows
from tests.unit.theorems.head.rows.softmax_two_labels.test_softmax_two_labels import NEAR, drawn


def close(seed: int, n: int = 12) -> Head:
    """Points in between those of a head that many rows bear, of which some are lost under few choices alone."""
    head, t = drawn(seed, n, points=200), np.linspace(0.0, 1.0, 200)[:, None]
    head = dataclasses.replace(head, weight_decay=6.0 * head.weight_decay)
    return dataclasses.replace(head, V=Refitter(head).V0, points=t * head.points + (1.0 - t) * head.points[::-1])


FEW = tuple(range(8))
"""Rows whose labels may change."""


def truth(head: Head, rows: tuple[int, ...] = FEW) -> Array:
    """The least margin of today's labels under every choice of at most three labels."""
    return np.asarray(np.min([margins(head, rows, r) for r in range(min(3, len(rows)) + 1)], axis=0))


def proof(head: Head, change: RowChange) -> Part:
    part = ThreeLabels().prove(head, change, head.today >= 0, Budget())
    assert part is not None
    return part


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_what_is_proved_stays_and_what_is_flipped_does_not(seed: int) -> None:
    head, change = close(seed, 24), RowChange(True, 3, FEW)
    assert not ThreeLabels().able(head, change)
    part, low = proof(head, change), truth(head)
    assert part.flips is not None and part.proved.any()
    assert (low[part.proved] > -NEAR).all() and (low[part.flips.point >= 0] < NEAR).all()
    assert part.proved.sum() + (part.flips.point >= 0).sum() >= 0.9 * len(low)


@pytest.mark.parametrize("seed", [0, 2])
def test_points_stay_by_sums_alone(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """No refit of three labels gives one, and no choice that flips a point is noted."""
    sides = search.Search._sides

    def unknown(self: search.Search, choices: Choices, V: Array) -> Whole:
        return np.full((len(V), len(self.todo)), -1) if choices.rows.shape[1] == 3 else sides(self, choices, V)

    monkeypatch.setattr(search.Search, "_sides", unknown)
    monkeypatch.setattr(Found, "take", lambda self, choices, V, sides: None)
    head = close(seed, 24)
    part, low = proof(head, RowChange(True, 3, FEW)), truth(head)
    assert part.proved.any() and (low[part.proved] > -NEAR).all() and (low < 0.0).any()


@pytest.mark.parametrize("left_out", ["pairs", "one more", "later"])
def test_choices_that_are_not_looked_at_are_missed(left_out: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions that look at no sums of two steps, at no single step, or at no label as the first one."""
    def fewer(*given: object) -> Open:
        found = opened(*given)  # type: ignore[arg-type]
        some = found.second < 0 if left_out == "pairs" else found.second >= 0
        return Open(found.line[some], found.first[some], found.second[some], found.over)

    if left_out == "later":
        monkeypatch.setattr(search.Search, "_node", lambda self, u, later: None)
    else:
        monkeypatch.setattr(search, "opened", fewer)
    monkeypatch.setattr(search.Search, "_flip", lambda self: None)
    monkeypatch.setattr(Found, "take", lambda self, choices, V, sides: None)
    lies = 0
    for seed in (0, 1, 2):
        head = close(seed, 24)
        part = proof(head, RowChange(True, 3, FEW))
        lies += int((truth(head)[part.proved] < -NEAR).sum())
    assert lies or left_out == "one more"  # what a pair flips a third label flips as a rule, too


def test_a_centre_of_which_nothing_is_known_leaves_all_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "sums_of", lambda *given: None)
    assert not proof(close(0), any_rows(close(0), 3, True)).proved.any()


def everything(sums: Sums, lines: Lines, rows: Whole, W: Array, *_: object) -> Open:
    """Bounds that leave every choice open."""
    line, v, w = np.nonzero(np.broadcast_to(rows[:, None] < rows, (len(lines.at), len(rows), len(rows))))
    one = np.indices((len(lines.at), len(rows))).reshape(2, -1)
    over = np.zeros(len(lines.at), dtype=bool)
    return Open(np.append(line, one[0]), np.append(v, one[1]), np.append(w, np.full(one.shape[1], -1)), over)


def test_by_refits_alone_and_with_more_of_them_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that leave every choice open: all are refitted, or the point stays open."""
    monkeypatch.setattr(search, "opened", everything)
    head, change = close(2, 24), RowChange(True, 3, FEW)
    part, low = proof(head, change), truth(head)
    assert part.proved.any() and (low[part.proved] > -NEAR).all() and (low < 0.0).any()
    assert part.proved.sum() >= (low > NEAR).sum() - 2
    monkeypatch.setattr(search, "OPEN", 3)
    assert not proof(head, change).proved.any()


def test_fewer_rows_than_three() -> None:
    head = close(0)
    for rows in ((1,), (1, 4)):
        part, low = proof(head, RowChange(True, 3, rows)), truth(head, rows)
        assert part.flips is not None and part.proved.any()
        assert (low[part.proved] > -NEAR).all() and (low[part.flips.point >= 0] < NEAR).all()


def test_a_time_that_is_up_or_too_short_proves_nothing() -> None:
    head, change = close(0), any_rows(close(0), 3, True)
    part = ThreeLabels().prove(head, change, head.today >= 0, Budget(0.0))
    assert part is not None and part.late and not part.begun and not part.proved.any() and "take about" in part.why
    late = search.Search(head, change, head.today >= 0, Budget(0.0).check)
    late.run()
    assert late.late and not late.proved.any()


def test_refuses_what_it_is_not_about() -> None:
    head = drawn(1)
    for count, relabels in ((1, True), (2, True), (4, True), (3, False)):
        assert ThreeLabels().able(head, any_rows(head, count, relabels))
    assert ThreeLabels().able(dataclasses.replace(head, phi_rad=head.phi_rad + 1e-9), any_rows(head, 3, True))


def test_the_survey_uses_it_where_it_may() -> None:
    head = close(0, 24)
    found = survey(head, RowChange(True, 3, FEW), 60.0, methods=("softmax_three_labels",))
    assert set(found.parts) == {"softmax_three_labels"} and found.undecided.sum() <= 20
