"""D34: what outputs lose is bounded from any centre, also one that is no minimum; not without the gradient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from certify.systems.head.rows.boxes.trap import Centre, centre
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.separate import outputs
from certify.theorems.head.rows.separate.outputs import Lost, Way, centre_of
from tests.containment import heads_separate
from tests.containment.heads_separate import held_outputs
from tests.containment.rigor import Violation
from tests.families.other_heads import other_head
from tests.oracles.separate_refits import refitted


def beside(head: Head, relabels: bool, a: int) -> Centre:
    """Weights that are off by a little, as slabs are proposed for a minimum."""
    c = centre_of(head, relabels, a)
    return centre(c.sums, c.sums.whole, c.w + 1e-4 * np.array([1.0, -1.0]))


def looked_at(patch: pytest.MonkeyPatch) -> int:
    """How many outputs have boxes around such centres, all of whose bounds are held against every choice."""
    patch.setattr(heads_separate, "centre_of", beside)
    found = 0
    for seed, (loss, relabels) in enumerate([("one_vs_rest", False), ("one_vs_rest", True), ("squared_hinge", False)]):
        head = other_head(np.random.default_rng([40, seed]), loss, 10, 1, 6, k=3, free=False, decay=1.0)
        change = RowChange(relabels, 2, tuple(range(10)))
        found += held_outputs(head, change, *refitted(head, change))
    return found


def test_centres_that_are_no_minimum_hold_all_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    assert looked_at(monkeypatch) >= 6


def still(own: Callable[..., Way], c: Any, trap: Any, *args: Any) -> Way:
    return own(c, replace(trap, rest=0.0), *args)


def free(own: Callable[..., Way], *args: Any) -> Way:
    way = own(*args)

    def say(X: Any) -> Any:
        found = way(X)
        return None if found is None else tuple(Lost(one.margin, one.gain, 0.0 * one.fixed) for one in found)

    return say


@pytest.mark.parametrize("name, changed", [("_first", still), ("_second", free)])
def test_a_bound_that_does_not_know_of_the_gradient_is_found_out(
        name: str, changed: Callable[..., Way], monkeypatch: pytest.MonkeyPatch) -> None:
    own = getattr(outputs, name)
    monkeypatch.setattr(outputs, name, lambda *args: changed(own, *args))
    with pytest.raises(Violation):
        looked_at(monkeypatch)
