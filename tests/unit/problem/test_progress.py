"""Progress as it is shown: a bar where somebody looks on, and one only."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from certify import from_arrays, stable_predictions
from certify.problem import progress
from certify.problem.progress import shown, silent, told
from certify.prove import rows


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def terminal_of(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal in the place of stderr; not by a fixture, whose stderr pytest replaces."""
    monkeypatch.setenv("TERM", "xterm")
    found = Terminal()
    monkeypatch.setattr(sys, "stderr", found)
    return found


def test_a_long_question_is_watched_in_python(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_of(monkeypatch)
    monkeypatch.setattr(progress, "_SECONDS_TO_A_BAR", 0.0)
    X = np.array([[-2.0], [-1.5], [-1.0], [1.0], [1.5], [2.0]])
    problem = from_arrays([np.array([[1.5]])], [np.array([0.0])], X, (X.ravel() > 0).astype(float),
                          activation="identity", loss="logistic", weight_decay=0.1)
    def survey(head: Any, change: Any, seconds: float, tell: Any, *more: Any) -> Any:
        tell("asking", 0.5)
        return real(head, change, seconds, tell, *more)

    real = rows.survey
    monkeypatch.setattr(rows, "survey", survey)
    stable_predictions(problem, [[-1.0], [2.0]], delete=1)
    assert "━" in terminal.getvalue() and not progress._bars


def test_what_is_done_at_once_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_of(monkeypatch)
    with told(None) as tell:
        tell("quick", 0.5)
    assert terminal.getvalue() == ""


def test_one_bar_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal_of(monkeypatch)
    with told(None) as outer, told(None) as inner:
        assert inner is silent is not outer
    with shown(quiet=False), told(None) as inner:
        assert inner is silent
    with pytest.raises(ValueError, match="stop"), told(None):
        raise ValueError("stop")
    assert not progress._bars


def test_what_was_given_is_told_and_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = list[str]()
    with told(lambda stage, fraction: heard.append(stage)) as tell:
        tell("mine", 0.1)
    assert heard == ["mine"]
    monkeypatch.setattr(sys, "stderr", io.StringIO())  # no terminal: a log, a test
    with told(None) as tell:
        assert tell is silent


def told_at(monkeypatch: pytest.MonkeyPatch, *moments: tuple[float, str, float]) -> list[str]:
    """The lines of a log of what is told at these seconds."""
    clock, log = [100.0], io.StringIO()
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    monkeypatch.setattr(sys, "stderr", log)
    with shown(quiet=False) as tell:
        for second, stage, fraction in moments:
            clock[0] = 100.0 + second
            tell(stage, fraction)
    return log.getvalue().splitlines()


def test_a_line_says_which_part_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told_at(monkeypatch, (0.0, "rows", 0.0), (3.0, "rows", 0.02), (6.0, "rows", 0.25), (9.0, "rows", 1.0)) == [
        "   3.0 s  rows", "   6.0 s  rows, 25 % done, 10 to 18 s left", "   9.0 s  rows"]


def test_the_time_left_grows_with_what_slows_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine tenths at once and the rest slowly: the pace since is the longer end, and a rest of no pace has no end."""
    quick = (1.0, "points", 0.9)
    slow = [(second, "points", 0.9 + second / 1000.0) for second in (10.0, 20.0, 40.0)]
    assert told_at(monkeypatch, quick, *slow)[-1] == "  40.0 s  points, 94 % done, 3 to 60 s left"
    assert told_at(monkeypatch, quick, (40.0, "points", 0.9)) == ["  40.0 s  points, 90 % done"]


def test_the_time_left_is_that_of_the_question_that_is_asked_now(monkeypatch: pytest.MonkeyPatch) -> None:
    first = [(float(second), "one", second / 60.0) for second in range(0, 61, 2)]
    lines = told_at(monkeypatch, *first, (60.5, "two", 0.0), (64.5, "two", 0.5))
    assert lines[-1] == "  64.5 s  two, 50 % done, about 4 s left"
