"""A check that derives something for long says that it works."""

from __future__ import annotations

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
