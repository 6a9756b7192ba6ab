"""The refit of the unchanged data of a large head of the squared loss, without a matrix of all its weights."""

from __future__ import annotations

import numpy as np
import pytest

from certify.finders.head import unchanged
from certify.finders.head.refits import Refitter
from certify.finders.head.unchanged import unchanged_refit
from certify.systems.head.rows.change import NONE, Choices
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.refit import enclose_refits
from tests.families.squared_heads import as_head, small_head


def drawn(seed: int) -> Head:
    return as_head(small_head(np.random.default_rng(seed), 30, 3), False)


@pytest.mark.parametrize("seed", range(12))
def test_it_is_as_near_as_newtons(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    head = drawn(seed)
    nothing = Choices(np.full((1, 0), NONE), np.full((1, 0), NONE))
    newton = Refitter(head).V0
    monkeypatch.setattr(unchanged, "LARGE", 0)
    monkeypatch.setattr(unchanged, "BLOCK", 7)
    monkeypatch.setattr(unchanged, "Refitter", None)
    near, other = (float(enclose_refits(head, nothing, V[None])[0]) for V in (unchanged_refit(head), newton))
    assert near <= 10 * other + 1e-9 * np.linalg.norm(newton) or not np.isfinite(other)


def test_a_small_head_is_solved_as_before() -> None:
    head = drawn(0)
    assert np.array_equal(unchanged_refit(head), Refitter(head).V0)
