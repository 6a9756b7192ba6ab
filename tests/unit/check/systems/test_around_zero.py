"""Distances of balls around one another's middle: a power of `0 ± r` is no number, a product is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from flint import arb, arb_mat

from certify.check.enclosure.network import Parameters
from certify.check.linalg.balls import root
from certify.check.systems.nearby import _distance, layer_gaps
from certify.check.theorems.distance.critical_given_change import _apart
from certify.check.theorems.head.rows.squared.root import ceiling
from certify.format.refusal import Invalid

RADIUS = 2.0**-30


def about(*radii: float) -> Parameters:
    """One layer of one output whose two weights are 1 and 2, up to radii; no bias."""
    return Parameters((arb_mat([[arb(1, radii[0]), arb(2, radii[1])]]),), (None,))


def problem() -> Any:
    layer = SimpleNamespace(weights=(1.0, 2.0), biases=None)
    return SimpleNamespace(free=(1,), layers=(layer,))


def test_weights_that_are_their_own_middle_are_at_most_their_radii_away() -> None:
    far = arb(2).sqrt() * RADIUS
    both = about(RADIUS, RADIUS)
    for found in (_distance(problem(), both, None), root(layer_gaps(problem(), both)[1]),
                  _apart(problem(), SimpleNamespace(middle=about(RADIUS, 0), radius=arb(0)),  # type: ignore[arg-type]
                         SimpleNamespace(middle=about(0, RADIUS), radius=arb(0)))):  # type: ignore[arg-type]
        assert found.is_finite()
        assert found.upper() >= far * 0.7


def test_an_error_that_is_no_number_is_refused() -> None:
    for error in (arb("nan"), arb("inf")):
        with pytest.raises(Invalid):
            ceiling(error, 0)
