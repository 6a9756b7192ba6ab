from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.format.errors import InputError
from certify.sets import (
    Ball,
    FiniteUnion,
    Polyhedron,
    excess,
    integrated_distance,
    rho_distance,
    truncated_hausdorff,
)
from tests.effort import examples

entry = st.integers(-8, 8).map(lambda v: Fraction(v, 4))
corners = st.lists(st.tuples(entry, entry), min_size=1, max_size=4)


@settings(max_examples=examples(40), deadline=None)
@given(corners, corners, st.integers(1, 6).map(lambda v: Fraction(v, 2)))
def test_window_against_points_of_the_set(first, second, radius):
    C, D, window = Polyhedron.hull(first), Polyhedron.hull(second), Ball([0, 0], radius)
    if C.distance([0, 0]).square > radius**2:
        with pytest.raises(InputError, match="window"):
            excess(C, D, window)
        return
    found = excess(C, D, window)
    rng = np.random.default_rng(1)
    for w in rng.dirichlet(np.full(len(first), 0.3), 60):
        weights = [Fraction(v) for v in w]
        x = [sum((a * v[j] for a, v in zip(weights, first, strict=True)), Fraction(0)) / sum(weights) for j in (0, 1)]
        if window.contains(x):
            assert D.distance(x).lower <= found.upper
    assert found.width <= 1e-6 * found.upper or found.reason
    assert found.upper <= excess(C, D).upper * (1 + 1e-12)


def test_lines_through_the_origin_and_parallel_ones():
    for slope in (Fraction(1, 2), Fraction(3), Fraction(-2, 7)):
        C, D = Polyhedron.affine([[0, 1]], [0]), Polyhedron.affine([[-slope, 1]], [0])
        exact = math.sin(math.atan(abs(slope)))  # at distance 1 along either line
        found = truncated_hausdorff(C, D, 1)
        assert found.lower <= exact * (1 + 1e-15) and exact <= found.upper * (1 + 1e-15) and found.width < 1e-6
        wide = rho_distance(C, D, 1)
        assert found.lower <= wide.upper and wide.lower <= 1
    C, D = Polyhedron.affine([[0, 1]], [0]), Polyhedron.affine([[0, 1]], [1])
    assert 1.0 in truncated_hausdorff(C, D, 2) and truncated_hausdorff(C, D, 2).width == 0
    assert 1.0 in rho_distance(C, D, 2) and rho_distance(C, D, 2).width < 1e-12
    whole = integrated_distance(C, D)
    assert whole.lower <= 1 <= whole.upper and whole.width < 0.01  # d_ρ = 1 for every ρ


def test_one_radius_does_not_see_a_far_point_and_all_radii_do():
    near, both = Polyhedron.point([0]), FiniteUnion.of_points([[0], [100]])
    assert truncated_hausdorff(near, both, 10).upper == 0
    assert rho_distance(near, both, 10).upper == 0
    assert truncated_hausdorff(near, both, 100).square == 10**4
    found = rho_distance(near, both, 80)  # |80 − 20|
    assert 60 in found and found.width <= 1
    whole = integrated_distance(near, both, farthest=120, steps=60)
    exact = 2 * (math.exp(-50) - math.exp(-100))  # d_ρ = 2(ρ − 50) on [50, 100], then 100
    assert 0 < exact <= whole.upper and whole.lower <= exact


def test_truncated_distances_are_ordered():
    C, D = Polyhedron.hull([[0, 0], [1, 2]]), Polyhedron.box([1, 0], [2, 1])
    low, middle = truncated_hausdorff(C, D, 2), rho_distance(C, D, 2)
    high = truncated_hausdorff(C, D, 2 * 2 + 2)
    assert low.lower <= middle.upper and middle.lower <= high.upper


@pytest.mark.parametrize("radius", [0, -1, math.nan])
def test_bad_radii_are_refused(radius):
    with pytest.raises(InputError):
        truncated_hausdorff(Polyhedron.point([0]), Polyhedron.point([1]), radius)
