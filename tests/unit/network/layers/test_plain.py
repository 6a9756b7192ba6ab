"""The training loss in plain floats: its derivatives against differences, its parts against one another."""

from __future__ import annotations

import numpy as np
import pytest

from certify.finders.minimum import head_hessian
from certify.network.layers import plain
from certify.network.layers.plain import PlainLoss
from certify.network.loss.losses import LOSSES
from certify.network.network import Network

ACTIVATIONS = ("identity", "relu", "leaky_relu", "elu", "tanh", "sigmoid", "softplus", "silu", "gelu")
OUTPUTS = {"squared": 2, "cross_entropy": 3, "logistic": 1, "one_vs_rest": 3, "squared_hinge": 1, "huber": 2,
           "poisson": 1, "gamma": 2}


def loss_of(activation="tanh", word="squared", layers=(1, 2, 3), n=20, **more):
    rng, k = np.random.default_rng(0), OUTPUTS[word]
    shapes = ((5, 4), (3, 5), (k, 3))
    net = Network(tuple(rng.normal(size=shape) for shape in shapes), (rng.normal(size=5), None, rng.normal(size=k)),
                  activation)
    loss = LOSSES[word]
    y = rng.normal(size=(n, k)) if loss.slides else None
    y = np.abs(y) + 0.1 if word == "gamma" else y
    aims = loss.aims(y, None if loss.slides else rng.integers(0, max(k, 2), n), k)
    return PlainLoss(net, rng.normal(size=(n, 4)), aims, word, layers, **more)


def test_every_loss_is_tried():
    assert set(OUTPUTS) == set(LOSSES)


@pytest.mark.parametrize("word", OUTPUTS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradients_and_products_are_those_of_differences(activation, word):
    for layers in ((1, 2, 3), (3,), (1, 3)):
        loss = loss_of(activation, word, layers, weight_decay=0.1, bias_decay=activation != "tanh",
                       shares=np.random.default_rng(1).uniform(0.5, 2.0, 20))
        w, h = loss.given, 1e-6
        d = np.random.default_rng(2).normal(size=w.size)
        at, up, down = loss.at(w), loss.at(w + h * d), loss.at(w - h * d)
        assert (up.value - down.value) / (2 * h) == pytest.approx(at.gradient @ d, rel=1e-6, abs=1e-7)
        assert np.allclose((up.gradient - down.gradient) / (2 * h), at.product(d), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("word", OUTPUTS)
def test_the_curvature_of_the_losses_is_positive_semidefinite_and_whole_for_a_head(word):
    loss = loss_of("gelu", word)
    at = loss.at(loss.given)
    G = np.stack([at.product(e, gauss_newton=True) for e in np.eye(len(at.w))])
    assert np.allclose(G, G.T, atol=1e-12) and np.linalg.eigvalsh(G).min() > -1e-10
    head = loss_of("gelu", word, (3,), weight_decay=0.5, bias_decay=False)
    at = head.at(head.given)
    H = np.stack([at.product(e) for e in np.eye(len(at.w))])
    assert np.allclose(H, np.stack([at.product(e, gauss_newton=True) for e in np.eye(len(at.w))]))
    assert np.allclose(H, head_hessian(at), atol=1e-12)


def test_rows_at_a_time_are_all_rows(monkeypatch):
    loss = loss_of("silu", "cross_entropy", weight_decay=0.2)
    whole, d = loss.at(loss.given), np.arange(len(loss.given)) / 10
    product, gradient, scale = whole.product(d), whole.gradient, whole.scale
    for kept in (0, 2**25):
        monkeypatch.setattr(plain, "_ROWS", 7)
        monkeypatch.setattr(plain, "_KEPT", kept)
        parts = loss.at(loss.given)
        assert np.allclose(parts.gradient, gradient) and np.allclose(parts.product(d), product)
        assert parts.scale == pytest.approx(scale) and parts.outputs().shape == (20, 3)


def test_what_adds_up_to_the_gradient_is_no_less_than_it():
    for word in OUTPUTS:
        at = loss_of("tanh", word, weight_decay=0.1).at(loss_of("tanh", word).given)
        assert 0 < np.linalg.norm(at.gradient) <= at.scale * (1 + 1e-12)


def test_pre_activations_at_a_kink_are_counted_and_placed():
    net = Network((np.eye(2), np.ones((1, 2))), (None, None), "relu")
    X = np.array([[1.0, 2.0], [3.0, 0.0], [0.0, 1e-14]])
    loss = PlainLoss(net, X, np.zeros((3, 1)), "squared", (1, 2))
    assert loss.at(loss.given).at_kinks() == (3, (1, 1, 1, 0.0))
    smooth = PlainLoss(Network(net.weights, net.biases, "tanh"), X, np.zeros((3, 1)), "squared", (1, 2))
    assert smooth.at(smooth.given).at_kinks() == (0, None)
