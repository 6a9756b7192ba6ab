"""V9 where a pre-activation is no number: it is not passed over, wherever it stands."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from flint import arb

from certify.check.linalg.definite import Truth
from certify.check.systems import critical_cases, smooth


@pytest.mark.parametrize("place", [0, 1, 2, None])
def test_a_network_whose_inputs_are_no_numbers_is_not_proved_smooth(
    place: int | None, monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = [arb(-3), arb(2), arb(5)]
    if place is not None:
        before[place] = arb("nan")
    point: Any = SimpleNamespace(problem=SimpleNamespace(activation="relu", reference=()), backward=None,
                                 forward=SimpleNamespace(before=[before]), of=lambda rule: None)
    monkeypatch.setattr(critical_cases, "require_second", lambda *_: None)  # which refuses it before
    for rule in (smooth.smooth, critical_cases.smooth):
        found = rule(point, 1.0)
        assert (found.truth is Truth.PROVED) == (place is None) and found.truth is not Truth.DISPROVED
