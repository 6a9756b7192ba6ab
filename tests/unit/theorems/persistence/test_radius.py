"""The search for the persistence radius, and problems that the sublevel bounds must refuse."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from certify.format.errors import InputError, SpecError
from certify.network.network import Network
from certify.problem.problem import Problem
from certify.prove.prover import answer
from certify.systems.interpolation.point import InterpolationPoint
from certify.systems.sublevel.point import SublevelPoint
from certify.theorems.persistence.radius import LARGEST, _largest


def silent(stage: str, fraction: float) -> None:
    pass


def line(x: float, y: float, **more: object) -> Problem:
    """f(x) = x, one row, squared loss, level ½."""
    net = Network((np.array([[1.0]]),), (None,), "tanh")
    given = {"map": "sublevel", "level": 0.5, **more}
    return Problem(net, np.array([[x]]), np.array([[y]]), "features", (0,), **given)


@pytest.mark.parametrize("truth", [1e-140, 1e-20, 0.3, 1.0, 1e3, 1e25])
@pytest.mark.parametrize("start", [0.0, 1e-30, 1.0, 1e30, math.inf])
def test_the_search_reaches_every_radius_from_every_start(truth, start):
    found = _largest(lambda radius: radius <= truth, start)
    assert 0.999 * truth <= found <= truth


def test_the_search_ends_where_everything_or_nothing_holds():
    assert _largest(lambda radius: True, 1.0) == LARGEST
    assert _largest(lambda radius: False, 1.0) == 0.0


@pytest.mark.parametrize("kind", ["total", "per_sample"])
@pytest.mark.parametrize("residual", [0.0, 1e-30, 1e-18, 1e-14, 1e-8, 1e-3])
def test_an_exact_fit_has_a_radius(residual, kind):
    """½(residual + ε)² ≤ ½ has the root 1 − residual; at an exact fit the gradient says nothing about its size."""
    bound = SublevelPoint(line(0.0, residual, set=kind), answer, silent).bound("persistence_radius")
    assert 0.99 * (1 - residual) <= bound.lower <= 1 - residual <= bound.upper <= 1.05


def test_a_loss_that_cannot_reach_the_level_has_a_large_radius():
    net = Network((np.array([[1.0]]), np.array([[1.0]])), (np.array([0.0]), None), "tanh")
    given = {"map": "sublevel", "level": 5.0}  # the output moves by at most 2, the loss by at most 2 + ½·4
    problem = Problem(net, np.array([[0.0]]), np.array([[-1.0]]), "features", (0,), **given)
    bound = SublevelPoint(problem, answer, silent).bound("persistence_radius")
    assert bound.lower >= 1e3 and bound.upper is None


@pytest.mark.parametrize("quantity", ["modulus", "persistence_radius"])
def test_a_weight_decay_that_overflows_is_refused_in_words(quantity):
    two = {"X": np.array([[1.0], [2.0]]), "y": np.array([[0.0], [0.0]]), "rows": (0, 1)}
    problem = dataclasses.replace(line(0.0, 0.0, weight_decay=1e308, level=1e308), groups=None, **two)
    bound = SublevelPoint(problem, answer, silent).bound(quantity)
    assert bound.lower is None and bound.upper is None and "finite" in bound.reason


@pytest.mark.parametrize("kind", ["total", "per_sample"])
@pytest.mark.parametrize("level, weight", [(1e300, 1e-30), (1e301, 1e-30), (1e200, 1.0), (1e100, 1e44), (1e300, 1e44)])
def test_extreme_levels_give_no_false_radius(level, weight, kind):
    """½(wε)² ≤ level at ε ≤ √(2·level)/w; radii above 1e30 are not tried."""
    net = Network((np.array([[weight]]),), (None,), "tanh")
    given = {"map": "sublevel", "level": level, "set": kind}
    problem = Problem(net, np.array([[0.0]]), np.array([[0.0]]), "features", (0,), **given)
    assert 0.0 <= SublevelPoint(problem, answer).bound("persistence_radius").lower <= math.sqrt(2.0 * level) / weight


def test_no_false_radius_where_three_layers_overflow():
    """The truth is √(2·1e301)/1e130 = 4.5e20; a constant in place of the rise once gave 7.6e22."""
    net = Network((np.array([[1e45]]), np.array([[1e45]]), np.array([[1e40]])), (None, None, None), "identity")
    problem = Problem(net, np.zeros((1, 1)), np.zeros((1, 1)), "features", (0,), map="sublevel", level=1e301)
    assert 1e19 <= SublevelPoint(problem, answer, silent).bound("persistence_radius").lower <= 4.4722e20


def test_zero_weights_have_every_radius():
    net = Network((np.array([[0.0]]),), (None,), "tanh")
    problem = Problem(net, np.array([[1.0]]), np.array([[1.0]]), "features", (0,), map="sublevel", level=1e200)
    assert SublevelPoint(problem, answer, silent).bound("persistence_radius").lower >= 1e20


def test_probabilities_are_checked_wherever_they_are_used():
    net = Network((np.array([[1.0], [-1.0]]),), (None,), "tanh")
    X, y = np.array([[0.0], [10.0]]), np.array([[1.0, 0.0], [-2.0, 1.0]])
    for more in ({"labels": np.array([0, 0])}, {}):
        with pytest.raises(InputError):
            Problem(net, X, y, "features", (0, 1), map="sublevel", loss="cross_entropy", level=9.0, **more)


def test_a_bound_refuses_a_problem_of_another_map():
    with pytest.raises(SpecError):
        InterpolationPoint(line(0.0, 0.5), answer, silent)
    with pytest.raises(SpecError):
        SublevelPoint(line(0.0, 0.5, map="interpolation", level=None), answer, silent)
