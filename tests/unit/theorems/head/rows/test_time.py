"""Limits of time: methods of softmax heads, on a clock that their own steps move, end within a step of their limit."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from certify.problem.limits import DOUBT
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows import method
from certify.theorems.head.rows.energy import Energy, finder
from certify.theorems.head.rows.energy import method as energy
from certify.theorems.head.rows.method import Budget, Method
from certify.theorems.head.rows.softmax import trap
from certify.theorems.head.rows.softmax_box import SoftmaxBox
from certify.theorems.head.rows.softmax_tree import SoftmaxTree
from certify.theorems.head.rows.survey import survey
from tests.families.class_heads import class_head

ROWS = 10


class Clock:
    """Seconds, one more at each call of a function that is watched."""

    def __init__(self) -> None:
        self.now = 0.0

    def watched(self, work: Callable[..., Any]) -> Callable[..., Any]:
        """The function, a second each time."""

        def slow(*given: Any, **named: Any) -> Any:
            self.now += 1.0
            return work(*given, **named)

        return slow


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of all budgets; a Hessian of the energies takes a second, and so does a piece of a box."""
    found = Clock()
    for module in (method, energy):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: found.now))
    monkeypatch.setattr(Budget, "share", lambda self, part: Budget(max(self.left(), 0.0) * part, found.now))
    monkeypatch.setattr(finder, "_hessian", found.watched(finder._hessian))
    monkeypatch.setattr(trap, "_blocks", found.watched(trap._blocks))
    monkeypatch.setattr(trap, "AT_ONCE", 1)  # one row a piece
    return found


def head_of(free: bool = False) -> Head:
    return class_head(np.random.default_rng(5), ROWS, 3, 6, 1.0, free, 5.0)


@pytest.mark.parametrize("seconds", [1.0, 3.0, 30.0, 90.0, 150.0])
@pytest.mark.parametrize(("tried", "relabels"), [
    (Energy, True), (SoftmaxBox, True), (SoftmaxBox, False), (SoftmaxTree, True), (SoftmaxTree, False)])
def test_no_method_runs_more_than_a_step_beyond_its_limit(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, tried: type[Method], relabels: bool, seconds: float,
) -> None:
    monkeypatch.setattr(energy, "too_long", lambda *_: "")
    head, change = head_of(), RowChange(relabels, 2, tuple(range(ROWS)))
    part = tried().prove(head, change, head.today >= 0, Budget(seconds, 0.0))
    assert 0.0 < clock.now <= seconds + 2.0
    assert part is None or clock.now < seconds or not part.proved.all()


def test_what_is_done_when_the_time_is_up_counts(clock: Clock) -> None:
    """More time proves no fewer points, none states more than without a limit, and some limit cuts the energies."""
    head, change = head_of(), RowChange(True, 1, tuple(range(ROWS)))
    whole = Energy().prove(head, change, head.today >= 0, Budget(started=0.0))
    assert whole is not None
    assert whole.proved.any()
    took, counts = clock.now, []
    for share in (0.1, 0.4, 0.7, 1.1):
        clock.now = 0.0
        part = Energy().prove(head, change, head.today >= 0, Budget(share * took, 0.0))
        assert part is not None
        assert not (part.proved & ~whole.proved).any()
        counts.append(int(part.proved.sum()))
    assert counts == sorted(counts)
    assert counts[0] < counts[-1] == whole.proved.sum()


def test_energies_do_not_begin_where_no_point_could_end(clock: Clock) -> None:
    """Each of 20 alternatives takes a Hessian against each of 2 other classes, of a second here."""
    head, change = head_of(), RowChange(True, 2, tuple(range(ROWS)))
    assert energy.too_long(energy.rows_of(head, change), head.V.ravel(), 40.0 / DOUBT) == ""
    assert "needs about 40 s, and 9.9 s were left" in energy.too_long(
        energy.rows_of(head, change), head.V.ravel(), 39.6 / DOUBT)
    clock.now = 0.0
    part = Energy().prove(head, change, head.today >= 0, Budget(9.0, 0.0))
    assert part is not None
    assert not part.proved.any()
    assert "its first step" in part.why
    assert clock.now < 9.0


@pytest.mark.parametrize("why", ["", "its first step is long"])
def test_more_time_is_asked_for_where_energies_do_not_begin(monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    monkeypatch.setattr(energy, "too_long", lambda *_: why)
    found = survey(head_of(), RowChange(True, 1, tuple(range(ROWS))), methods=("energy",))
    assert found.cut == bool(why)
    assert any(line.endswith("open, as " + why) for line in found.reasons) == bool(why)
    assert found.proved.any() != bool(why)
