"""A warning shows the line of whoever called, and none of certify's own."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import PoissonRegressor

import certify

RNG = np.random.default_rng(0)
X, POINTS = RNG.normal(size=(20, 2)), RNG.normal(size=(3, 2))
Y = np.arange(20) % 2


def layers():
    """Two layers, whose weights are no minimum."""
    weights = [RNG.normal(size=(3, 2)), RNG.normal(size=(1, 3))]
    return certify.from_arrays(weights, [np.zeros(3), np.zeros(1)], X, 2.0 * Y - 1.0, activation="tanh",
                               loss="logistic", weight_decay=0.1)


def counted():
    """A regressor of counts."""
    counts = RNG.poisson(1.0, 20)
    return certify.from_sklearn(PoissonRegressor(tol=1e-10).fit(X, counts), X, counts)


@pytest.mark.parametrize("ask", [
    lambda: certify.leave_one_out(layers(), POINTS),
    lambda: certify.leave_one_out(layers(), POINTS, groups=[*range(10)] * 2),
    lambda: certify.stable_predictions(layers(), POINTS, delete=1),
    lambda: certify.tolerated_changes(layers(), POINTS, "delete", most=1, seconds=1),
    lambda: certify.coefficients(layers(), delete=1),
    lambda: certify.stable_predictions(counted(), POINTS, delete=1, threshold=0.5)])
def test_the_line_is_that_of_the_caller(ask):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        ask()
    assert told and {Path(one.filename) for one in told} == {Path(__file__)}
