"""Progress as it is shown: a bar where somebody looks on, and one only."""

from __future__ import annotations

import io
import sys
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
