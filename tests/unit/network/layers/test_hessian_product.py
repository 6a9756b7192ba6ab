"""`|∇²L z|` over a ball against Hessians formed at points of it, and what a row's loss can do within a radius."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from certify.format.errors import EnclosureError
from certify.network.layers.hessian import enclose_hessian
from certify.network.layers.hessian_product import hessian_product_norm
from certify.network.layers.objective import widened
from certify.network.layers.passes import known_weights
from certify.network.loss.losses import enclose_losses
from certify.network.network import Network
from certify.problem.perturbations.flips import flipped_labels
from certify.rigor.arithmetic import Binary64, Pair
from certify.rigor.ball import Balls
from tests.effort import examples
from tests.families.critical import critical_problem, objective_of

QUIET = settings(deadline=None, max_examples=examples(40), suppress_health_check=list(HealthCheck))
SEEDS = st.integers(0, 10**9)


@QUIET
@given(seed=SEEDS)
def test_every_point_of_the_ball_is_within_the_bound(seed):
    rng = np.random.default_rng(seed)
    problem = critical_problem(rng, "given")
    layers, rho = problem.network.layers(problem.layer), 10.0 ** rng.uniform(-6, -0.5) * float(rng.random() < 0.8)
    shares = Pair(np.round(rng.standard_normal((problem.n, 1)), 3)) if rng.random() < 0.5 else None
    objective = replace(objective_of(problem), shares=shares)
    z = rng.standard_normal(problem.parameters)
    try:
        most = hessian_product_norm(objective, z, layers, widened(known_weights(problem.network), rho, layers))
    except EnclosureError:
        return
    for _ in range(4):
        moved, square = {}, Fraction(0)
        for h in layers:
            for name, own in (("W", problem.network.weights[h - 1]), ("b", problem.network.biases[h - 1])):
                if own is not None:
                    moved[h, name] = own + rng.standard_normal(own.shape) * rho / (2 * problem.parameters) ** 0.5
                    square += sum((Fraction(a) - Fraction(b)) ** 2
                                  for a, b in zip(moved[h, name].ravel(), own.ravel(), strict=True))
        if square > Fraction(rho) ** 2:
            continue
        depth = range(1, problem.network.depth + 1)
        network = Network(tuple(moved.get((h, "W"), problem.network.weights[h - 1]) for h in depth),
                          tuple(moved.get((h, "b"), problem.network.biases[h - 1]) for h in depth),
                          problem.network.activation)
        H = enclose_hessian(replace(objective, network=network), layers)
        least = np.linalg.norm(H.mid @ z) * (1 - 1e-13) - H.radius * np.linalg.norm(z) * (1 + 1e-13)
        assert least <= most * (1 + Fraction(1, 10**12))


@QUIET
@given(seed=SEEDS)
def test_slopes_within_a_radius_of_the_outputs(seed):
    """Logistic and cross-entropy, outputs far out and near 0, radii from tiny to huge."""
    rng = np.random.default_rng(seed)
    loss, n = str(rng.choice(["logistic", "cross_entropy"])), 6
    k = 1 if loss == "logistic" else int(rng.integers(2, 5))
    f, r = rng.standard_normal((n, k)) * 10.0 ** rng.uniform(-1, 1.3), 10.0 ** rng.uniform(-8, 0.5, n)
    labels, q = rng.integers(0, max(k, 2), n), None
    if loss == "cross_entropy" and rng.random() < 0.4:
        labels, q = None, rng.random((n, k))
    found = enclose_losses(loss, Balls.make(Pair(f), r, Binary64()), q, labels, Binary64())
    for _ in range(8):
        step = rng.standard_normal((n, k))
        there = f + step * (r / np.linalg.norm(step, axis=1))[:, None] * (1 - 1e-12)
        other = enclose_losses(loss, Balls.make(Pair(there), np.zeros(n), Binary64()), q, labels, Binary64())
        gap = np.linalg.norm(other.slopes.mid.hi - found.slopes.mid.hi, axis=1)
        assert (gap <= found.slopes.rad * (1 + 1e-9) + other.slopes.rad + 1e-18).all()


def test_well_fitted_rows_are_known_more_closely():
    found = enclose_losses("logistic", Balls.make(Pair(np.array([[20.0]])), np.array([0.5]), Binary64()), None,
                           np.array([1]), Binary64())
    assert found.slopes.rad[0] < 1e-8


def test_flips():
    assert flipped_labels("cross_entropy", np.array([0, 2]), np.array([[-1.0, 1.0, 0.0], [0.0] * 3])).tolist() == [1, 2]
    assert flipped_labels("logistic", np.array([-1, 1]), np.array([[2.0], [0.0]])).tolist() == [1, 1]
    with pytest.raises(Exception, match="row 1"):
        flipped_labels("cross_entropy", np.array([0, 1]), np.array([[-1.0, 1.0], [1.0, 0.0]]))
