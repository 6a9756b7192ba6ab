"""D5 for rows that count differently with their other labels, against every refit of small heads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from certify.finders.head.refits import Refitter
from certify.rigor.fp import Array
from certify.systems.head.rows.boxes.pulls import Ratios
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.weights import RowWeights
from certify.theorems.head.rows.step_sums import boxed
from certify.theorems.head.rows.step_sums.boxed import exact_weights, in_a_box
from tests.families.heads import any_rows
from tests.oracles import head_rows
from tests.unit.theorems.head.rows.step_sums.test_step_sums import drawn


def uneven(seed: int, heavy: float, n: int = 14) -> Head:
    """A head whose labels count 1 and `heavy`."""
    head = drawn(seed, "labels", n, decay=(-0.3, 0.5))
    head = replace(head, weights=RowWeights(np.ones(n), np.array([1.0, heavy])))
    return replace(head, V=Refitter(head).V0)


def proved(head: Head, k: int) -> np.ndarray:
    found = np.zeros(len(head.points), dtype=bool)
    found[in_a_box(head, head, np.arange(head.n), k, np.flatnonzero(head.today >= 0), lambda: 1.0)] = True
    return found


@pytest.mark.parametrize(("heavy", "k", "level"), [(6.0, 1, 0.0), (0.2, 1, 0.0), (3.0, 2, 0.0), (6.0, 1, 0.4)])
def test_what_a_box_proves_stays_at_every_refit(heavy: float, k: int, level: float) -> None:
    some = 0
    for seed in (20, 22, 23):
        head = replace(uneven(seed, heavy), threshold=level)
        found, truth = proved(head, k), head_rows.stays(head, any_rows(head, k, True))
        assert not (found & ~truth).any()
        some += int(found.sum())
    assert some > 10


def as_before(head: Head) -> tuple[Array, Ratios] | None:
    """Rows count with their other labels what they do today."""
    of = exact_weights(head)
    return None if of is None else (of[0], Ratios(np.ones(head.n), np.ones(head.n)))


def test_a_box_that_does_not_know_of_new_weights_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boxed, "exact_weights", as_before)
    lies = 0
    for seed in range(20, 30):
        head = uneven(seed, 8.0)
        lies += int((proved(head, 1) & ~head_rows.stays(head, any_rows(head, 1, True))).sum())
    assert lies


@pytest.mark.parametrize("wrong", [
    lambda head: replace(head, threshold=0.25, points=2.0 * head.points),
    lambda head: replace(head, weights=RowWeights(np.full(head.n, 1 / 3), np.array([1.0, 0.1]))),
    lambda head: replace(head, weights=RowWeights(np.ones(head.n), None, True)),
    lambda head: replace(head, weights=RowWeights(np.full(head.n, 2.0))),
])
def test_says_nothing_of_what_it_is_not_about(wrong: Callable[[Head], Head]) -> None:
    """Another threshold without an intercept, products that floats do not hold, balanced weights, weights that stay."""
    head = uneven(21, 0.5)
    assert proved(head, 1).any() and not proved(wrong(head), 1).any()
