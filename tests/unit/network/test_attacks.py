"""Random attacks on passes, kernels, losses and gradients, and what these must refuse."""

from __future__ import annotations

import numpy as np
import pytest

from certify.format.errors import EnclosureError, SpecError
from certify.network.layers.gradients import array_norm
from certify.network.layers.passes import forward, known_weights
from certify.network.lipschitz.reach import reach
from certify.network.loss.losses import enclose_losses
from certify.network.network import Network
from certify.rigor.activation import ACTIVATIONS
from certify.rigor.arithmetic import Binary64, Pair
from certify.rigor.ball import Balls, affine, exact_points, known_matrix
from tests.containment.attack import attack
from tests.effort import FULL

NAMES = {
    "affine": 150, "forward": 100, "backward": 100, "tangent_kernel": 80, "rounded_passes": 80, "jacobian": 80,
    "feature_factor": 150, "uncertain_passes": 60, "loss_terms": 150, "descent": 80, "reach": 120,
    "graph_windows": 80, "graph_channels": 120, "graph_maxima": 80, "graph_activations": 150,
    "graph_parameters": 100, "graph_gradients": 60, "second_derivatives": 60, "path_growth": 60,
}


@pytest.mark.parametrize("name", NAMES)
def test_random_attacks(name):
    cases = range(NAMES[name] if FULL else NAMES[name] // 2)
    _, tally, messages, _ = attack(name, 4, cases)
    assert messages == [] and tally["decided"] > len(cases) // 2


def test_a_bound_of_nothing_is_not_positive():
    """Norms of zero matrices of several rows: the floor of every row must be taken off."""
    for rows in (1, 2, 5, 300):
        assert array_norm(Pair(np.zeros((rows, 2))), 0).lower == 0
        assert array_norm(Pair(np.zeros((rows, 2)), np.zeros((rows, 2))), 0).lower == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_radii_that_are_not_finite_are_refused(bad):
    x = exact_points(np.ones((1, 2)), Binary64())
    with pytest.raises(EnclosureError):
        Balls.make(Pair(np.ones((1, 2))), np.array([bad]), Binary64())
    with pytest.raises(EnclosureError):
        affine(x, known_matrix(np.eye(2), None, bad), None, Binary64())
    with pytest.raises(EnclosureError):
        affine(x, known_matrix(np.eye(2)), Pair(np.ones(2)), Binary64(), bad)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_kinks_are_told_and_only_kinks(name):
    net = Network((np.array([[1.0], [2.0]]), np.ones((1, 2))), (np.array([-0.5, 0.0]), None), name)
    passed = forward(net, known_weights(net), np.array([[0.5], [1.0]]), Binary64())
    assert passed.kinks[0] == int(name in ("relu", "leaky_relu"))
    assert (passed.margin is None) == ACTIVATIONS[name].smooth


def outputs(k: int, size: float = 1.0) -> Balls:
    return exact_points(np.full((2, k), size), Binary64())


def test_losses_refuse_what_they_do_not_fit():
    labels = np.array([0, 1])
    for name, k, y, given in (("squared", 1, None, labels), ("logistic", 1, np.ones((2, 1)), None),
                              ("logistic", 2, None, labels), ("cross_entropy", 2, None, None)):
        with pytest.raises(SpecError):
            enclose_losses(name, outputs(k), y, given, Binary64())
    with np.errstate(all="ignore"), pytest.raises(EnclosureError):
        enclose_losses("squared", outputs(1, 1e200), np.ones((2, 1)), None, Binary64())


def test_reach_refuses_radii_that_overflow():
    net = Network((np.eye(2), np.ones((1, 2))), (None, None), "softplus")
    passed = forward(net, known_weights(net), np.ones((1, 2)), Binary64(), keep_pre=True)
    with np.errstate(all="ignore"), pytest.raises(EnclosureError):
        reach(net, passed, np.array([np.inf]), None)
    assert reach(net, passed, np.array([1e-3]), None).moved[0, 0] < 1e-2  # and it is not idle
