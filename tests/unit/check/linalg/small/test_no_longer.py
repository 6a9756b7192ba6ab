"""Whether a change is no longer than its budget: decided exactly, also where it is as long."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from certify.check.linalg.small.no_longer import no_longer


@pytest.mark.parametrize("radius", [0.05, 0.1, 1 / 3, 1e-200, 1e200, 5e-324, 0.0])
def test_one_number_as_long_as_the_budget(radius):
    assert no_longer([radius], radius) and no_longer([-radius], radius) and no_longer([], radius)
    assert not no_longer([math.nextafter(radius, math.inf)], radius)
    assert not no_longer([-math.nextafter(radius, math.inf)], radius)


def test_several_numbers_as_exact_squares_say():
    rng, said = np.random.default_rng(7), set()
    for _ in range(300):
        values = rng.normal(size=rng.integers(1, 6)).tolist()
        radius = math.hypot(*values)
        for bound in (radius, math.nextafter(radius, 0), math.nextafter(radius, math.inf), radius * 2, radius / 2):
            true = sum(Fraction(v) ** 2 for v in values) <= Fraction(bound) ** 2
            assert no_longer(values, bound) is true
            said.add((bound == radius, true))
    assert said == {(True, True), (True, False), (False, True), (False, False)}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_refused(value):
    assert not no_longer([value], 1.0) and not no_longer([0.0, value], math.inf) and not no_longer([0.0], value)
