"""Second derivatives over a ball: none is bounded where a unit may reach a point at which it has no derivative."""

from __future__ import annotations

import numpy as np
import pytest
from flint import arb

from certify.check.enclosure.network import given as exact_parameters
from certify.check.kernel import NotSmooth
from certify.check.lipschitz.second_over_ball import product_bound
from tests.oracles import taylor


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_a_ball_that_reaches_a_kink_is_refused(activation):
    rng, refused = np.random.default_rng(4), 0
    for _ in range(20):
        problem = taylor.problem(rng, activation=activation)
        if len(problem.layers) < 2 or 1 not in problem.free:
            continue
        z = [arb(float(x)) for x in rng.standard_normal(problem.parameters)]
        try:
            assert product_bound(problem, exact_parameters(problem), z, arb(2) ** -60).is_finite()
        except NotSmooth:  # a row lies on a kink
            assert activation == "relu"
            continue
        if activation == "tanh":
            assert product_bound(problem, exact_parameters(problem), z, arb(50)) > 0
            continue
        with pytest.raises(NotSmooth):
            product_bound(problem, exact_parameters(problem), z, arb(50))
        refused += 1
    assert (refused > 0) is (activation == "relu")
