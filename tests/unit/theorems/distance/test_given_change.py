"""Lower ends of a distance (F1): vectors that the ball carries away less, and a mean of slopes along the way."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from certify.finders.nearest_fit import propose_nearest, steadied
from certify.network.network import Network
from certify.problem.problem import Problem
from certify.prove.prover import bound
from certify.rigor.arithmetic import Binary64, DoubleDouble
from certify.systems.interpolation.equations import moved
from certify.theorems.distance import given_change as distances


def nearly_equal_rows(seed=5, gap=1e-3):
    """A tanh network on eight rows, two of them nearly equal, and a change of size 1e-2."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((8, 3))
    X[1] = X[0] + gap * rng.standard_normal(3)
    net = Network((rng.standard_normal((12, 3)), rng.standard_normal((1, 12))), (rng.standard_normal(12), np.zeros(1)),
                  "tanh")
    return Problem(net, X, None, "features", tuple(range(8)), set="given", change=1e-2 * rng.standard_normal(X.shape))


def test_steadier_vectors_reach_further_where_the_kernel_is_ill_conditioned():
    problem = nearly_equal_rows()
    fine, proposal = moved(problem, DoubleDouble()), propose_nearest(moved(problem, Binary64()), problem.layer_scale)
    plain = max(distances.lower_end(fine, problem.layer_scale, z) for z in proposal.multipliers)
    found, z = distances.best_lower_end(fine, problem.layer_scale, proposal, lambda: None)
    whole = bound(problem, "distance")
    assert whole.lower == found and found > 2 * plain and z is not None
    assert whole.upper is not None and found <= whole.upper


def test_a_mean_of_slopes_is_no_smaller_an_end_than_the_largest(monkeypatch):
    problem = nearly_equal_rows(gap=1.0)
    fine, proposal = moved(problem, DoubleDouble()), propose_nearest(moved(problem, Binary64()), problem.layer_scale)
    parts = distances.lower_end(fine, problem.layer_scale, proposal.multipliers[0])
    monkeypatch.setattr(distances, "PARTS", 1)
    assert 0 < distances.lower_end(fine, problem.layer_scale, proposal.multipliers[0]) < parts


def test_every_part_of_the_way_is_bounded_up_to_its_end(monkeypatch):
    """`3r/4` is no float for most r; a slope over a ball that ends before it would not hold for all of that part."""
    problem = nearly_equal_rows(gap=1.0)
    fine, proposal = moved(problem, DoubleDouble()), propose_nearest(moved(problem, Binary64()), problem.layer_scale)
    right, asked = distances._steepness, []
    monkeypatch.setattr(distances, "_steepness", lambda *a: (asked.append(Fraction(a[3])), right(*a))[1])
    assert distances.lower_end(fine, problem.layer_scale, proposal.multipliers[0]) > 0
    ways = [asked[at:at + 4] for at in range(len(asked) - 4, 1, -4)]
    assert len(ways) > 2 and all(way[0] > way[1] > way[2] > way[3] > 0 for way in ways)
    for way in ways:
        assert all(radius >= way[0] * k / 4 for radius, k in zip(way, (4, 3, 2, 1), strict=True))


def test_a_small_change_keeps_its_tight_end():
    problem = nearly_equal_rows(gap=1.0)
    found = bound(replace(problem, change=1e-7 * problem.change), "distance")
    assert found.upper is not None and found.upper <= 1.001 * found.lower


@pytest.mark.parametrize("residual", [np.zeros(4), np.full(4, np.nan)])
def test_nothing_comes_of_no_residual(residual):
    assert steadied(np.eye(4), residual, 2, 1.0) is None
