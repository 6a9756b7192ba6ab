"""A check that derives something for long says that it works."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from certify.check.limits import alive
from certify.check.main import main

LONG = Path(__file__).parents[4] / "reports" / "audits" / "diabetes" / "boundary" / "certificate.json"
"""A check of some tenths of a second, also in a process that has everything loaded."""


def test_it_tells_while_the_block_lasts_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alive, "EVERY", 0.01)
    told: list[str] = []
    with alive.alive(told.append):
        while len(told) < 2:
            time.sleep(0.005)
    said = len(told)
    time.sleep(0.05)
    assert len(told) == said and all("still at it, after" in line for line in told)


def test_it_says_how_far_the_innermost_work_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what the others take, at the pace of processor that those before them had."""
    monkeypatch.setattr(alive, "EVERY", 0.01)
    told: list[str] = []

    def waits(words: str) -> None:
        told.clear()
        while not any(words in line for line in told):
            time.sleep(0.005)

    with alive.alive(told.append):
        for outer in alive.watched(range(2), 2, "readings"):
            for inner in alive.watched(range(3), 3, "parts"):
                waits(f"s of processor; parts: {inner} of 3")
            waits(f"s of processor; readings: {outer} of 2")
        told.clear()
        while not told:
            time.sleep(0.005)
        told.clear()
        while not told:  # a line begun before the work was over may have come first
            time.sleep(0.005)
        assert " of 2" not in told[0]
    assert alive.Work("parts", 3, 4, 10.0).told(70.0) == "parts: 3 of 4, about 20 s of processor left for the others"
    assert not alive._NOW


def test_the_first_line_comes_soon_and_others_ever_later(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    class Never(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            if timeout is None:  # a thread begins
                return super().wait()
            waited.append(timeout)
            return len(waited) > 6

    monkeypatch.setattr(alive.threading, "Event", Never)
    with alive.alive(lambda _: None):
        time.sleep(0.01)
        while len(waited) < 7:
            time.sleep(0.001)
    assert waited == [2.0, 4.0, 8.0, 16.0, 20.0, 20.0, 20.0]


def test_an_error_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alive, "EVERY", 0.01)
    told: list[str] = []
    with pytest.raises(ValueError, match="it"), alive.alive(told.append):
        raise ValueError("it")
    said = len(told)
    time.sleep(0.05)
    assert len(told) == said


@pytest.mark.parametrize("quiet", [False, True])
def test_a_check_shows_it_unless_it_is_quiet(quiet: bool, monkeypatch: pytest.MonkeyPatch,
                                             capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(alive, "EVERY", 0.001)
    assert main([str(LONG), *(["-q"] if quiet else [])]) in (0, 3, 4)
    assert ("still at it" in capsys.readouterr().err) is not quiet
