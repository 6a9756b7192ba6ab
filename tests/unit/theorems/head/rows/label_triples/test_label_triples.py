"""D28: every choice of two or three labels of small heads refitted, choices not looked at, time that is up."""

from __future__ import annotations

import dataclasses
import gc
import weakref
from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from certify.finders.head.near import curved
from certify.finders.head.near.curved import CurvedSteps
from certify.finders.head.near.labels import LabelSteps
from certify.finders.head.refits import Refitter
from certify.rigor.fp import Array
from certify.rigor.single.floats import Short
from certify.systems.head.rows.change import Choices, RowChange
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.weights import RowWeights
from certify.theorems.head.rows.flips import Found
from certify.theorems.head.rows.label_triples import search, single
from certify.theorems.head.rows.label_triples.matrix import Judged, Matrix, judged
from certify.theorems.head.rows.label_triples.method import LabelTriples, own_move
from certify.theorems.head.rows.label_triples.single import Left, Single, Wanted, near
from certify.theorems.head.rows.label_triples.sums import Block, at_sums
from certify.theorems.head.rows.method import Budget, Mask, Part
from certify.theorems.head.rows.survey import survey
from tests.containment.heads_label_triples import NEAR, least_margins, refit
from tests.families.heads import any_rows, drawn_head

FEW = tuple(range(9))
"""Rows whose labels may change."""


def close(seed: int, n: int = 24, free: bool = True) -> Head:
    """Points in between others, of which some are lost under few choices alone; labels move margins far."""
    rng = np.random.default_rng([seed, 28])
    head = drawn_head(rng, "logistic", n=n, d=6, N=120, decay=0.05, apart=2.0, free=free)
    t = np.linspace(0.0, 3.0, 120)[:, None]
    points = np.concatenate([t * head.points[:, :-1], np.ones((120, 1))], axis=1)
    return dataclasses.replace(head, points=points)


def truth(head: Head, rows: tuple[int, ...] = FEW, count: int = 3) -> Array:
    """The least margin of today's labels under every choice of at most so many labels."""
    return least_margins(head, rows, count)


def proof(head: Head, change: RowChange) -> Part:
    part = LabelTriples().prove(head, change, head.today >= 0, Budget())
    assert part is not None
    return part


@pytest.mark.parametrize(("seed", "free", "threshold"), [(0, True, 0.0), (1, False, 0.0), (2, True, 0.7)])
def test_what_is_proved_stays_and_what_is_flipped_does_not(seed: int, free: bool, threshold: float) -> None:
    head, change = dataclasses.replace(close(seed, free=free), threshold=threshold), RowChange(True, 3, FEW)
    assert not LabelTriples().able(head, change)
    part, low = proof(head, change), truth(head)
    assert part.flips is not None and part.proved.any() and (low < 0.0).any()
    assert (low[part.proved] > -NEAR).all() and (low[part.flips.point >= 0] < NEAR).all()
    assert part.proved.sum() + (part.flips.point >= 0).sum() >= 0.95 * len(low)


@pytest.mark.parametrize(("seed", "threshold"), [(0, 0.0), (1, 0.7)])
def test_of_two_labels_what_is_proved_stays_and_what_is_flipped_does_not(seed: int, threshold: float) -> None:
    head, change = dataclasses.replace(close(seed), threshold=threshold), RowChange(True, 2, FEW)
    part, low = proof(head, change), truth(head, count=2)
    assert part.flips is not None and part.proved.any() and (low < 0.0).any()
    assert (low[part.proved] > -NEAR).all() and (low[part.flips.point >= 0] < NEAR).all()
    assert part.proved.sum() + (part.flips.point >= 0).sum() >= 0.95 * len(low)
    assert (truth(head)[part.proved] < -NEAR).any()  # three labels flip more


def passing_over(monkeypatch: pytest.MonkeyPatch, passed: Callable[[Whole], Mask]) -> None:
    """Choices of rows `(B, r)` that are said to leave nothing open."""
    def fewer(found: Left, changed: Whole) -> Left:
        some = np.flatnonzero(~passed(changed)[found.which])
        return Left(found.which[some], found.open[some], found.margin[some], found.nearer[some])

    monkeypatch.setattr(search, "at_sums", lambda s, rows, block, wanted: fewer(at_sums(s, rows, block, wanted), rows))
    monkeypatch.setattr(search, "near", lambda s, changed, V, wanted: fewer(near(s, changed, V, wanted), changed))


@pytest.mark.parametrize("left_out", ["two", "last"])
def test_choices_of_two_that_are_not_looked_at_are_missed(left_out: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions that look at no two labels, or not at the last choice of a block."""
    monkeypatch.setattr(search.Search, "_refit", lambda self, numbers: None)
    monkeypatch.setattr(search, "ENTRIES", 24 * 3)
    passing_over(monkeypatch, lambda rows: (np.arange(len(rows)) == len(rows) - 1) | (left_out == "two"))
    heads = [close(seed) for seed in range(4)]
    assert sum(int((truth(head, count=2)[proof(head, RowChange(True, 2, FEW)).proved] < -NEAR).sum()) for head in heads)


def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No refit of three labels tells a label, and no choice that flips a point is noted."""
    sides = search.Search._sides

    def unknown(self: search.Search, choices: Choices, V: Array) -> Whole:
        return np.full((len(V), len(self.todo)), -1) if choices.rows.shape[1] == 3 else sides(self, choices, V)

    monkeypatch.setattr(search.Search, "_sides", unknown)
    monkeypatch.setattr(Found, "take", lambda self, choices, V, sides: None)


@pytest.mark.parametrize(("seed", "threshold"), [(0, 0.0), (1, 0.0), (1, -0.7)])
def test_points_stay_by_gradients_alone(seed: int, threshold: float, monkeypatch: pytest.MonkeyPatch) -> None:
    alone(monkeypatch)
    head = dataclasses.replace(close(seed), threshold=threshold)
    part, low = proof(head, RowChange(True, 3, FEW)), truth(head)
    assert (low[part.proved] > -NEAR).all() and (low < 0.0).any()
    assert part.proved.sum() > 0.8 * (low > 0.0).sum()


def test_every_choice_of_two_and_of_three_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, ...]] = []

    def look(self: search.Search, members: Whole) -> Array:
        seen.extend(tuple(sorted(one)) for one in self.rows[self._order[members]].tolist())
        return np.asarray(self.W[self._order[members], 0].sum(axis=1) - self.V0[0])

    def sums(s: Single, rows: Whole, block: Block, wanted: Wanted) -> Left:
        seen.extend(tuple(sorted(one)) for one in rows.tolist())
        found = at_sums(s, rows, block, wanted)
        return Left(found.which[:0], found.open[:0], found.margin[:0], found.nearer[:0])

    monkeypatch.setattr(search.Search, "_pair", look)
    monkeypatch.setattr(search, "at_sums", sums)
    monkeypatch.setattr(search, "ENTRIES", 24 * 5)
    monkeypatch.setattr(search, "GROUP", 30)
    proof(close(0), RowChange(True, 3, FEW))
    assert sorted(seen) == sorted([*combinations(FEW, 2), *combinations(FEW, 3)])
    seen.clear()
    proof(close(0), RowChange(True, 2, FEW))
    assert sorted(seen) == sorted(combinations(FEW, 2))


@pytest.mark.parametrize("left_out", ["three", "two", "last"])
def test_choices_that_are_not_looked_at_are_missed(left_out: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions that look at no three labels, at no two, or not at the last choice of a block."""
    alone(monkeypatch)
    size = 2 if left_out == "two" else 3
    passing_over(monkeypatch, lambda rows: (rows.shape[1] == size) & (
        (np.arange(len(rows)) >= len(rows) - 2) | (left_out != "last")))
    monkeypatch.setattr(search, "ENTRIES", 24 * 5)
    wrong, few = 0, (1, 4) if left_out == "two" else FEW  # what two labels flip a third one flips as a rule, too
    for seed in (0, 1, 2):
        head = close(seed)
        wrong += int((truth(head, few)[proof(head, RowChange(True, 3, few)).proved] < -NEAR).sum())
    assert wrong


def test_steps_that_lead_anywhere_prove_nothing_false(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights are trusted in nothing: noise, and numbers that are none."""
    rng = np.random.default_rng(0)

    def astray(self: LabelSteps, rows: Whole, V: Array, inverse: Array, inner: int, near: float = 0.0) -> Array:
        V = V + 10.0 ** rng.uniform(-3.0, 1.0, (len(V), 1)) * rng.standard_normal(V.shape)
        V[rng.random(len(V)) < 0.1] = np.nan
        return V

    def anywhere(Z: Array, known: Array, P: Array, p: Array, g: Array, inner: int) -> Short:
        step: Short = (10.0 ** rng.uniform(-3.0, 1.0, (len(g), 1)) * rng.standard_normal(g.shape)).astype(np.float32)
        step[rng.random(len(g)) < 0.1] = np.nan
        return step

    alone(monkeypatch)
    monkeypatch.setattr(LabelSteps, "nearer", astray)
    monkeypatch.setattr(single, "newton", anywhere)
    for seed in (0, 1):
        head = close(seed)
        assert (truth(head)[proof(head, RowChange(True, 3, FEW)).proved] > -NEAR).all()


@pytest.mark.parametrize("count", [2, 3])
def test_refits_of_large_heads_without_hessians(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The points that are decided are the same, and none is by steps that lead anywhere."""
    head, change = close(1), RowChange(True, count, FEW)
    plain, low, settle = proof(head, change), truth(head, count=count), CurvedSteps.settle
    monkeypatch.setattr(curved, "LARGE", 0)
    asked = []

    def counted(*given: Any) -> Any:
        asked.append(1)
        return settle(*given)

    monkeypatch.setattr(CurvedSteps, "settle", counted)
    part = proof(head, change)
    assert asked and (part.proved == plain.proved).all() and part.proved.any()
    rng = np.random.default_rng(0)
    monkeypatch.setattr(CurvedSteps, "settle", lambda self, choices, V, *given: V + rng.standard_normal(V.shape))
    monkeypatch.setattr(Refitter, "newton", lambda self, choices, V, *given: V)
    assert (low[proof(head, change).proved] > -NEAR).all()


@pytest.mark.parametrize("count", [2, 3])
def test_without_single_precision_double_precision_decides_as_much(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    head, change = close(0), RowChange(True, count, FEW)
    part, low = proof(head, change), truth(head, count=count)
    monkeypatch.setattr(search, "single", lambda *given: None)
    double = proof(head, change)
    assert (low[double.proved] > -NEAR).all() and (double.proved == part.proved).all() and part.proved.any()


def test_margins_that_floats_do_not_tell_prove_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("certify.theorems.head.rows.label_triples.sums.FINE", 0.0)
    assert not proof(close(0), RowChange(True, 3, FEW)).proved.any()


def test_a_matrix_that_is_not_there_leaves_all_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "matrix", lambda *given: None)
    assert not proof(close(0), RowChange(True, 3, FEW)).proved.any()


def everything_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    def all_of(s: Single, x: Array) -> Left:
        open_ = np.ones((len(x), len(s.across)), dtype=bool)
        return Left(np.arange(len(x)), open_, np.ones(open_.shape), np.asarray(x, np.float32))

    def everything(m: Matrix, middle: Array | None, changed: Whole, V: Array, live: Mask) -> Judged:
        found = judged(m, changed, V)
        return dataclasses.replace(found, open=np.ones_like(found.open))

    monkeypatch.setattr(search, "at_sums", lambda s, rows, block, wanted: all_of(s, block.at.x.copy()))
    monkeypatch.setattr(search, "near", lambda s, changed, V, wanted: all_of(s, V))
    monkeypatch.setattr(search, "polished", everything)


def test_more_open_choices_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that leave every choice open: all are refitted, or the point stays open."""
    everything_is_open(monkeypatch)
    head, change = close(0), RowChange(True, 3, FEW)
    part, low = proof(head, change), truth(head)
    assert part.proved.sum() >= 0.95 * (low > NEAR).sum() and (low[part.proved] > -NEAR).all()
    monkeypatch.setattr("certify.theorems.head.rows.softmax_three_labels.search.OPEN", 3)
    assert not proof(head, change).proved.any()


def test_fewer_rows_than_three() -> None:
    head = close(0)
    for rows in ((1,), (1, 4)):
        part, low = proof(head, RowChange(True, 3, rows)), truth(head, rows)
        assert part.flips is not None and part.proved.any()
        assert (low[part.proved] > -NEAR).all() and (low[part.flips.point >= 0] < NEAR).all()


def test_no_change_and_single_labels_are_choices_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Points that these alone lose: the weights given are the refit with one label changed, or that without."""
    alone(monkeypatch)
    head = close(0)
    for given in (head.V[0], refit(head, (1,))):
        other = dataclasses.replace(head, V=given[None])
        part, low = proof(other, RowChange(True, 3, (1,))), truth(other, (1,))
        assert (low < -NEAR).any() and part.proved.any() and (low[part.proved] > -NEAR).all()


def test_points_that_no_refit_is_known_of_stay_open_and_it_says_so() -> None:
    """The only row of a label gets the other one: a free intercept has no finite minimum."""
    head = close(0)
    assert head.codes is not None and head.free_intercept
    label = (np.arange(head.n) == 0).astype(np.int64)
    part = proof(dataclasses.replace(head, label=label, Y=head.codes[label]), RowChange(True, 3, FEW))
    assert not part.proved.any() and "refits are not known near enough" in part.why


def test_a_time_that_is_up_or_too_short_proves_nothing() -> None:
    head, change = close(0), any_rows(close(0), 3, True)
    part = LabelTriples().prove(head, change, head.today >= 0, Budget(0.0))
    assert part is not None and part.late and not part.begun and not part.proved.any() and "take about" in part.why
    late = search.Search(head, change, head.today >= 0, Budget(0.0))
    late.run()
    assert late.late and not late.proved.any()


def test_it_ends_early_where_the_time_is_too_short_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each group takes seconds, in a clock that is made by hand: after the first few it is known."""
    blocks = [0]

    class Slow(Budget):
        def left(self) -> float:
            return 10.0 - blocks[0]

    def look(self: search.Search, group: list[int]) -> None:
        blocks[0] += 6

    monkeypatch.setattr(search.Search, "_group", look)
    monkeypatch.setattr(search, "GROUP", 5)
    head = close(0)
    late = search.Search(head, RowChange(True, 3, FEW), head.today >= 0, Slow())
    late.run()
    assert late.late and not late.proved.any() and blocks[0] == 6


def test_refuses_what_it_is_not_about() -> None:
    head = close(1)
    for count, relabels in ((1, True), (2, True), (4, True), (3, False)):
        assert LabelTriples().able(head, any_rows(head, count, relabels))
    three = any_rows(head, 3, True)
    assert LabelTriples().able(dataclasses.replace(head, phi_rad=head.phi_rad + 1e-9), three)
    assert LabelTriples().able(dataclasses.replace(head, threshold=float("inf")), three)
    assert LabelTriples().able(drawn_head(np.random.default_rng(0), "squared"), three)


def test_two_labels_are_for_heads_whose_refits_take_long(monkeypatch: pytest.MonkeyPatch) -> None:
    head = close(0)
    two = any_rows(head, 2, True)
    assert "in seconds" in LabelTriples().able(head, two)
    monkeypatch.setattr("certify.theorems.head.rows.enumeration.QUICK", 0.0)
    assert not LabelTriples().able(head, two)
    weights = RowWeights(np.full(head.n, 2.0), None)
    assert "weights" in LabelTriples().able(dataclasses.replace(head, weights=weights), two)


def test_the_survey_uses_it_where_it_may() -> None:
    head = close(0)
    found = survey(head, RowChange(True, 3, FEW), 60.0, methods=("label_triples",))
    assert set(found.parts) == {"label_triples"} and found.undecided.sum() <= 6


def test_it_takes_longer_where_labels_move_their_own_margin_far() -> None:
    near, change = drawn_head(np.random.default_rng(0), "logistic", n=24, d=6, decay=100.0), RowChange(True, 3, FEW)
    far = drawn_head(np.random.default_rng(0), "logistic", n=24, d=6, decay=1e-4)
    low, high = (LabelTriples().seconds(head, change) for head in (near, far))
    assert 1.2 * low < high < 2.0 * low


def test_more_slopes_than_are_held_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    head = close(0)
    assert not LabelTriples().able(head, RowChange(True, 3, FEW))
    monkeypatch.setattr("certify.theorems.head.rows.label_triples.method.SLOPES", 36 * head.n - 1)
    assert "too many" in LabelTriples().able(head, RowChange(True, 3, FEW))


def test_heads_that_were_asked_about_are_not_kept() -> None:
    """What labels move is remembered as long as something else needs the head."""
    head = close(0)
    gone, far = weakref.ref(head), own_move(head)
    assert own_move(head) == far > 0.0
    del head
    gc.collect()
    assert gone() is None
