"""D20: what is proved does not rest on choices that flip points and were found on the way, and quantifiers hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from certify.rigor.fp import Array
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head, Whole
from certify.theorems.head.rows.flips import Found
from certify.theorems.head.rows.method import Budget, Part
from certify.theorems.head.rows.step_sums import method, search
from certify.theorems.head.rows.step_sums.bound import bound
from certify.theorems.head.rows.step_sums.method import Setting, StepSums
from tests.families.heads import any_rows
from tests.oracles import head_rows
from tests.unit.theorems.head.rows.step_sums.test_step_sums import drawn


def close(seed: int, weights: str, n: int = 14, points: int = 80) -> Head:
    """Points evenly around the border, of which some are lost under few choices alone."""
    head = drawn(seed, weights, n, decay=(0.0, 0.5))
    edge = -head.V[0, 1] / head.V[0, 0]
    at = np.stack([edge + np.linspace(-6.0, 6.0, points), np.ones(points)], axis=1)
    return replace(head, points=at, points_rad=np.zeros(points))


def alone(monkeypatch: pytest.MonkeyPatch, coarse: float = 1.0) -> None:
    """No choice that flips a point is noted, no box proves any, and pairs count so many times what they do."""
    monkeypatch.setattr(Found, "take", lambda self, choices, V, sides: None)
    monkeypatch.setattr(method, "in_a_box", lambda *given: given[4][:0])
    monkeypatch.setattr(method, "bound", lambda st, k: None if (b := bound(st, k)) is None else replace(
        b, pairs=coarse * b.pairs))


def proof(head: Head, change: RowChange) -> Part:
    part = StepSums().prove(head, change, head.today >= 0, Budget())
    assert part is not None
    return part


@pytest.mark.parametrize(("weights", "coarse"), [("balanced", 1.0), ("labels", 1.0), ("labels", 20.0)])
def test_proofs_do_not_rest_on_flips_that_were_found(weights: str, coarse: float,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound alone, and with coarse pairs the refits of what it leaves open."""
    alone(monkeypatch, coarse)
    head = close(10, weights)
    change = any_rows(head, 2, True)
    part, truth = proof(head, change), head_rows.stays(head, change)
    assert not (part.proved & ~truth).any() and 0 < part.proved.sum() >= 0.9 * truth.sum() and not truth.all()


def test_weights_that_are_no_refit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Labels of today that the unchanged rows do not give are lost by the choice of no row."""
    alone(monkeypatch)
    head = close(10, "labels")
    head = replace(head, V=head.V + np.array([[0.0, 1.0]]))
    change = any_rows(head, 1, True)
    none = head_rows.stays(head, replace(change, count=0))
    assert not none.all() and not (proof(head, change).proved & ~none).any()


class Told:
    """A search that says of a few points that they stay, some at once and some in turn."""

    def __init__(self, once: Array, later: Array) -> None:
        self.once, self.later = once, later

    def at_once(self, at: Whole) -> Whole:
        return at[self.once[at]]

    def in_turn(self, at: Whole) -> Iterator[int]:
        yield from at[self.later[at]].tolist()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_point_stays_where_it_does_in_every_setting(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    head, rng = drawn(0, "labels"), np.random.default_rng(count)
    every = [Setting(head, np.arange(1), 1, (1, 0)) for _ in range(count)]
    told = {id(s): Told(rng.random(60) < 0.5, rng.random(60) < 0.5) for s in every}
    monkeypatch.setattr(method, "settings", lambda *_: iter(every))
    monkeypatch.setattr(method.Run, "_search", lambda self, setting: told[id(setting)])
    expected = np.all([t.once | t.later for t in told.values()], axis=0)
    assert proof(head, any_rows(head, 1, True)).proved.tolist() == expected.tolist()
    assert expected.any() and not expected.all()


@pytest.mark.parametrize("name", ["LOOKS", "SOLVED"])
def test_more_choices_than_may_be_looked_at_leave_a_point_open(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    alone(monkeypatch, 300.0)
    head = close(10, "labels")
    change = any_rows(head, 2, True)
    many: dict[int, int] = {}
    one_by_one, refitted = search.Search._one_by_one, search.Search._refitted

    def counted(self: search.Search, point: int) -> bool:
        many[point] = 0
        monkeypatch.setattr(search.Search, "_refitted", lambda self, which: noted(self, which, point))
        return one_by_one(self, point)

    def noted(self: search.Search, which: Whole, point: int) -> Array:
        many[point] += len(which)
        return refitted(self, which)

    monkeypatch.setattr(search.Search, "_one_by_one", counted)
    first, refits = proof(head, change).proved, dict(many)
    few = [point for point in refits if first[point] and refits[point] > 1]
    monkeypatch.setattr(search, name, 1)
    assert few and not proof(head, change).proved[few].any()


@pytest.mark.parametrize("weights", ["rows", "labels", "both", "balanced"])
def test_no_row_that_may_change_is_refused(weights: str) -> None:
    head = drawn(0, weights)
    assert StepSums().able(head, RowChange(True, 2, ())) == "no row may change"
    assert not StepSums().able(head, RowChange(True, 2, (3,)))


WRONG: dict[str, Callable[[Head], Head]] = {
    "a decay near the largest float": lambda head: replace(head, weight_decay=1e308),
    "weights that are no numbers": lambda head: replace(head, V=np.nan * head.V),
}


@pytest.mark.parametrize("weights", ["labels", "balanced"])
@pytest.mark.parametrize("wrong", WRONG)
def test_what_floats_do_not_hold_is_left_open(weights: str, wrong: str) -> None:
    head = drawn(0, weights)
    part = StepSums().prove(WRONG[wrong](head), any_rows(head, 1, True), head.today >= 0, Budget())
    assert part is not None and not part.proved.any() and "not finite" in part.why and not part.late
