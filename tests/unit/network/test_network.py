"""Passes, kernel, Jacobian and perturbation factor against the exact network."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from certify.format.errors import EnclosureError, InputError
from certify.network.layers.kernel import tangent_kernel
from certify.network.layers.passes import backward, forward, known_weights
from certify.network.network import Network
from certify.problem.perturbations.factor import target_factor
from certify.rigor.arithmetic import Binary64, DoubleDouble, Pair
from tests.containment import network as contained
from tests.families import strategies

BOTH = pytest.mark.parametrize("arithmetic", [Binary64(), DoubleDouble()], ids=lambda a: a.name)
SEEDS = st.integers(0, 2**32).map(np.random.default_rng)


@st.composite
def networks_with_data(draw):
    network = draw(strategies.networks())
    n = draw(st.integers(1, 3))
    return network, draw(arrays(np.float64, (n, network.widths[0]), elements=strategies.ORDINARY))


def layers_of(draw, network):
    return draw(st.just(network.layers("all")) | st.integers(1, network.depth).map(lambda h: (h,)))


@BOTH
@given(data=st.data(), rng=SEEDS)
def test_affine_images_of_balls(arithmetic, data, rng):
    mid = data.draw(strategies.pairs(2, 3, strategies.ORDINARY))
    mid = Pair(mid.hi) if arithmetic.name == "binary64" else mid
    W = data.draw(strategies.matrices(strategies.ORDINARY, columns=3))
    b = data.draw(st.none() | arrays(np.float64, (len(W),), elements=strategies.ORDINARY))
    rad = data.draw(arrays(np.float64, (2,), elements=st.floats(0.0, 1.0)))
    radii = (data.draw(st.sampled_from([0.0, 1e-9, 0.1])), data.draw(st.sampled_from([0.0, 1e-9, 0.1])))
    contained.affine_balls(mid, rad, Pair(W), None if b is None else Pair(b), radii, arithmetic, rng)


@BOTH
@given(case=networks_with_data())
def test_forward(arithmetic, case):
    contained.forward_pass(*case, arithmetic)


@BOTH
@given(case=networks_with_data())
def test_backward(arithmetic, case):
    contained.backward_pass(*case, arithmetic)


@BOTH
@given(case=networks_with_data(), data=st.data())
def test_kernel_and_jacobian(arithmetic, case, data):
    layers = layers_of(data.draw, case[0])
    contained.kernel(*case, layers, arithmetic)
    contained.jacobian_rows(*case, layers, arithmetic)


@BOTH
@given(data=st.data(), k=st.integers(1, 3), rng=SEEDS)
def test_feature_factor(arithmetic, data, k, rng):
    mid = data.draw(strategies.pairs(2 * k, data.draw(st.integers(1, 4)), strategies.ORDINARY))
    mid = Pair(mid.hi) if arithmetic.name == "binary64" else mid
    rad = data.draw(arrays(np.float64, (2 * k,), elements=st.floats(0.0, 0.5)))
    scale = data.draw(st.none() | arrays(np.float64, (mid.shape[1],), elements=st.floats(0.0, 4.0)))
    contained.factor(mid, rad, k, data.draw(arrays(bool, 2)), scale, arithmetic, rng)


def test_target_factor_is_exact():
    Q = target_factor(3, 2, np.array([True, False, True]))
    assert np.array_equal(Q.C, np.eye(2) * np.array([1.0, 0.0, 1.0])[:, None, None]) and not Q.eta.any()


HARD = {
    "saturated": Network((np.full((3, 2), 300.0), np.ones((1, 3))), (None, np.zeros(1)), "tanh"),
    "zero weights": Network((np.zeros((3, 2)), np.zeros((2, 3))), (np.zeros(3), None), "tanh"),
    "tiny weights": Network((np.full((3, 2), 2.0**-540), np.full((1, 3), 2.0**-540)), (None, None), "tanh"),
    "dead units": Network((np.ones((3, 2)), np.ones((1, 3))), (np.array([-9.0, 1.0, -9.0]), None), "relu"),
    "always at a kink": Network((np.array([[1.0, -1.0]]), np.ones((1, 1))), (None, None), "relu"),
    "linear, three outputs": Network((np.arange(6.0).reshape(3, 2),), (np.ones(3),), "relu"),
    "one unit a layer": Network((np.ones((1, 2)), np.ones((1, 1)), np.ones((1, 1))), (None, None, None), "tanh"),
    "fewer inputs than outputs": Network((np.ones((2, 2)), np.ones((3, 2))), (None, np.zeros(3)), "tanh"),
    "deep": Network((np.eye(2) * 1.5,) * 12 + (np.ones((1, 2)),), (None,) * 13, "tanh"),
    "far apart": Network((np.array([[2.0**60, 1.0]]), np.array([[2.0**-60]])), (np.array([1.0]), None), "tanh"),
}
POINTS = np.array([[1.0, 1.0], [0.5, -0.25], [0.0, 0.0], [1e-300, 3.0]])


@BOTH
@pytest.mark.parametrize("name", HARD)
def test_hard_networks(name, arithmetic):
    network = HARD[name]
    contained.forward_pass(network, POINTS, arithmetic)
    contained.backward_pass(network, POINTS, arithmetic)
    for layers in (network.layers("all"), (1,), (network.depth,)):
        contained.kernel(network, POINTS, layers, arithmetic)
        contained.jacobian_rows(network, POINTS, layers, arithmetic)


@BOTH
@pytest.mark.parametrize("bad", [2.0**151, np.nan, np.inf])
def test_data_out_of_range_is_refused(arithmetic, bad):
    network = HARD["saturated"]
    for j in range(2):
        X = POINTS.copy()
        X[1, j] = bad
        with np.errstate(all="ignore"), pytest.raises(EnclosureError):
            forward(network, known_weights(network), X, arithmetic)


def test_weights_that_overflow_are_refused():
    network = Network((np.full((2, 2), 1e150), np.full((1, 2), 1e150)), (None, None), "relu")
    with pytest.raises(EnclosureError, match="rescale"):
        forward(network, known_weights(network), POINTS, Binary64())


@pytest.mark.parametrize("change", [
    {"weights": (np.full((3, 2), np.nan), np.ones((1, 3)))}, {"weights": (np.ones((3, 2)), np.ones((1, 4)))},
    {"biases": (None, np.array([np.inf]))}, {"biases": (np.ones(2), None)}, {"biases": (None,)},
    {"activation": "thanh"}, {"weights": (), "biases": ()}, {"weights": (np.ones((3, 2), np.float32), np.ones((1, 3)))},
    {"weights": (np.ones((0, 2)), np.ones((1, 0)))}, {"weights": (np.ones(3), np.ones((1, 3)))},
    {"weights": (np.ma.masked_equal(np.eye(3, 2), 1.0), np.ones((1, 3)))},
    {"biases": (np.ma.masked_invalid([np.nan, 0.0, 0.0]), None)},
])
def test_networks_that_are_none(change):
    given_ = {"weights": (np.ones((3, 2)), np.ones((1, 3))), "biases": (None, None), "activation": "tanh"} | change
    with pytest.raises(InputError) as info:
        Network(**given_)
    assert "\n" not in str(info.value)


@BOTH
def test_passes_and_kernel_are_close(arithmetic):
    """Radii near the unit roundoff of the arithmetic, not merely finite."""
    rng = np.random.default_rng(0)
    weights = (rng.standard_normal((8, 4)), rng.standard_normal((2, 8)))
    network = Network(weights, (rng.standard_normal(8), None), "tanh")
    X = rng.standard_normal((5, 4))
    weights = known_weights(network)
    passed = forward(network, weights, X, arithmetic)
    adjoints = backward(network, weights, passed, arithmetic)
    K = tangent_kernel(passed, adjoints, (1, 2), (True, False), arithmetic)
    small = 1e-12 if arithmetic.name == "binary64" else 1e-24
    assert (passed.output.rad <= small * passed.output.norm).all()
    assert all((B.rad <= small * B.norm).all() for B in adjoints)
    assert (K.e <= small * K.s).all()
    assert (K.s <= 1.01 * np.sqrt(np.diagonal(K.mid.hi))).all()


@BOTH
def test_relu_facts(arithmetic):
    network = Network((np.array([[1.0], [-1.0], [2.0]]), np.ones((1, 3))), (np.array([0.5, -9.0, 0.0]), None), "relu")
    passed = forward(network, known_weights(network), np.array([[0.25], [2.0]]), arithmetic)
    assert passed.kinks == (0, ()) and passed.dead == (1,) and 0.499 < passed.margin <= 0.5
    passed = forward(network, known_weights(network), np.array([[0.25], [0.0]]), arithmetic)
    count, kinks = passed.kinks
    assert count == 1 and (kinks[0].row, kinks[0].layer, kinks[0].unit) == (1, 1, 2)
