"""Changes of every kind: their choices, and what the survey says of them, against all ways in which rows can change."""

from __future__ import annotations

import numpy as np
import pytest

from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.changes.base import Change
from certify.systems.head.rows.changes.groups import GroupChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows import every_choice
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.searches.methods import CHECKED, CLASSES
from certify.theorems.head.rows.survey import leading, survey, vanishing
from tests.effort import FULL, turn
from tests.families.head_changes import KINDS
from tests.families.heads import drawn_head
from tests.oracles.head_changes import KEPT, Way, stays, ways

LOSSES = ("squared", "logistic", "cross_entropy")
EVERY = [(kind, loss, relabels) for kind in KINDS for loss in LOSSES for relabels in (False, True)]


def choices_of(head: Head, change: Change) -> list[Way]:
    found = []
    for batch in change.every(head, 7):
        for rows, codes in zip(batch.rows.tolist(), batch.codes.tolist(), strict=True):
            way: list[int | None] = [KEPT] * head.n
            for row, code in zip(rows, codes, strict=True):
                if row >= 0:
                    way[row] = code
            found.append(tuple(way))
    return found


@pytest.mark.parametrize(("kind", "loss", "relabels"), EVERY)
def test_choices_are_the_ways_that_the_sentence_allows_each_once(kind, loss, relabels):
    rng = np.random.default_rng(3)
    for _ in range(4):
        head = drawn_head(rng, loss, n=5)
        change, allowed = KINDS[kind](rng, head, relabels)
        found = choices_of(head, change)
        assert sorted(found, key=str) == sorted(ways(head, allowed), key=str)
        assert len(found) == change.leaves(head) > 0 and change.words
        for way in ways(head, lambda way: sum(c is not KEPT for c in way) <= 3):
            rows = tuple(i for i, c in enumerate(way) if c is not KEPT)
            assert change.permits(head, (rows, tuple(way[i] for i in rows))) == allowed(way), way
        if change.within is not None:
            assert set(found) <= set(choices_of(head, change.within))
        gone = [c for c in range(len(head.codes)) if any(all(
            way[i] not in (KEPT, c) if head.label[i] == c else True for i in range(head.n)) for way in found)]
        assert set(gone) <= set(change.emptied(head)) or kind == "given"


@pytest.mark.parametrize(("kind", "loss", "relabels"), EVERY)
def test_every_prediction_is_decided_as_all_ways_decide_it(kind, loss, relabels):
    rng = np.random.default_rng(11)
    for free in turn((False, True, None), EVERY.index((kind, loss, relabels))):
        head = drawn_head(rng, loss, n=6 if kind != "both" else 5, free=free, remaining=not relabels)
        change, allowed = KINDS[kind](rng, head, relabels)
        found = survey(head, change, 8.0)
        if vanishing(head, change):
            assert not found.proved.any()
            continue
        truth = stays(head, allowed)
        assert (found.proved == truth).all() and (found.attacked == ~truth).all(), found.reasons
        assert all(change.permits(head, (tuple(r[r >= 0].tolist()), tuple(c[r >= 0].tolist())))
                   for r, c in zip(found.flips.rows, found.flips.codes, strict=True))


@pytest.mark.parametrize(("kind", "loss", "relabels"), EVERY)
def test_methods_for_more_rows_and_attacks_alone_are_right_too(kind, loss, relabels):
    rng = np.random.default_rng(17)
    others = tuple(name for name in CLASSES if name not in ("every_choice", "enumeration"))
    for _ in range(2 if FULL else 1):
        head = drawn_head(rng, loss, n=6 if kind != "both" else 5, free=False, decay=0.3)
        change, allowed = KINDS[kind](rng, head, relabels)
        truth, found = stays(head, allowed), survey(head, change, 4.0, methods=others)
        assert not (found.proved & ~truth).any() and not (found.attacked & truth).any()
        if change.within is None and kind != "both":
            assert not found.proved.any() and any("one of the two" in why or "one refit" in why
                                                  for why in found.reasons)


def test_what_contains_a_change_proves_it():
    head = drawn_head(np.random.default_rng(2), "squared", n=8, decay=0.5, free=False)
    change = KINDS["groups"](np.random.default_rng(0), head, True)[0]
    assert isinstance(change.within, RowChange)
    found = survey(head, change, 4.0, methods=("squared_labels",))
    plain = survey(head, change.within, 4.0, methods=("squared_labels",))
    assert (plain.proved <= found.proved).all()
    assert [name for name in found.parts] in ([], ["squared_labels"])


def test_a_class_that_may_vanish_is_said():
    head = drawn_head(np.random.default_rng(4), "logistic", n=5, free=True)
    rows = tuple(np.flatnonzero(head.label == 1).tolist())
    others = tuple((int(i),) for i in np.flatnonzero(head.label == 0))
    found = survey(head, GroupChange(False, 1, (rows, *others)), 4.0)
    assert not found.proved.any() and any("class 1 has" in why for why in found.reasons)


@pytest.mark.parametrize(("loss", "calls", "seconds", "leads"), [
    ("squared", True, 60.0, True), ("squared", True, 0.0, False),
    ("squared", False, 60.0, False),  # a certificate of all refits takes far longer to check than to make
    ("logistic", True, 60.0, False)])
def test_refits_of_groups_with_the_squared_loss_lead_in_calls_with_time(monkeypatch, loss, calls, seconds, leads):
    monkeypatch.setattr(every_choice, "FEW", 0)
    head = drawn_head(np.random.default_rng(3), loss, n=12)
    change = GroupChange(False, 2, tuple((i, i + 1) for i in range(0, 12, 2)))
    first = leading(head, change, Budget(seconds), tuple(CLASSES) if calls else CHECKED)
    assert ("every_choice" in first) == leads
