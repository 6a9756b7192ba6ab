"""How near weights are to a critical point, about: before and after the training is finished."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import certify
from certify import Problem
from certify.finders.minimum import minimise
from certify.format.errors import InputError
from certify.network.graph.graph import GraphNetwork, Node
from certify.network.network import Network
from certify.problem.closeness import closeness, hint, plain_loss, said_of
from certify.problem.sample_weights import SampleWeights


def problem(activation="tanh", decay=0.01, layer="all", n=60, **more):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 4))
    labels = (X[:, 0] + 0.5 * rng.normal(size=n) > 0).astype(np.int64)
    net = Network((rng.normal(size=(5, 4)), rng.normal(size=(1, 5))), (np.zeros(5), np.zeros(1)), activation)
    return Problem(net, X, None, "sample_weights", tuple(range(n)), labels=labels, map="critical", base="nearby",
                   loss="logistic", weight_decay=decay, layer=layer, **more)


def finished(p):
    loss = plain_loss(p)
    return replace(p, network=loss.network_at(minimise(loss).w))


@pytest.mark.parametrize("layer", ["all", 2])
def test_stopped_early_and_trained_to_the_end(layer):
    p = problem(layer=layer)
    early, end = certify.closeness(p), certify.closeness(finished(p))
    assert not early.trained_to_end and end.trained_to_end and end.loss < early.loss
    assert end.gradient < 1e-12 < early.gradient and end.share < 1e-10
    assert early.sentence().startswith("the weights are not at a critical point of the stated loss (logistic, "
                                       "weight_decay = 0.01): its gradient has length about ")
    assert early.sentence().endswith(" of the weights' length away") and "about 0." in early.sentence()
    assert end.sentence().startswith("the weights are about at a critical point")
    assert "certify polish SPEC" in hint(p) and 'map = "sublevel"' in hint(p) and not hint(finished(p))
    assert said_of(p).endswith("`certify polish SPEC` finishes the training") and said_of(finished(p))


def test_near_the_end_the_distance_is_about_right():
    p = finished(problem())
    w = plain_loss(p).given
    d = np.random.default_rng(1).normal(size=w.size)
    moved = replace(p, network=plain_loss(p).network_at(w + 1e-4 * d / np.linalg.norm(d)))
    assert closeness(moved).distance == pytest.approx(1e-4, rel=0.5)
    assert not closeness(moved).trained_to_end  # base nearby counts up to 1e-6 of the length


def test_a_head_without_decay_of_its_bias_and_with_weights_of_rows():
    rng = np.random.default_rng(0)
    X, labels = rng.normal(size=(40, 3)), rng.integers(0, 2, 40)
    net = Network((rng.normal(size=(1, 3)),), (np.ones(1),), "identity")
    weights = SampleWeights(rng.uniform(0.5, 2.0, 40), None, True)
    p = Problem(net, X, None, "deletions", tuple(range(40)), labels=labels, map="critical", base="nearby",
                loss="logistic", weight_decay=0.1, bias_decay=False, set="sparse", count=1,
                weights=SampleWeights(weights.rows, np.array([1.0, 3.0])))
    shares = plain_loss(p).shares
    assert np.allclose(shares, weights.rows * np.where(labels > 0, 3.0, 1.0))
    assert "bias_decay = false" in closeness(p).sentence()
    assert plain_loss(p).decay.tolist() == [0.1, 0.1, 0.1, 0.0]
    balanced = plain_loss(replace(p, weights=SampleWeights(None, None, True))).shares
    assert balanced is not None and balanced.sum() == pytest.approx(40)
    assert np.unique(balanced).size == 2


def test_a_loss_without_a_least_says_so():
    p = problem(decay=0.0)
    right = replace(p, labels=(plain_loss(p).at(plain_loss(p).given).outputs()[:, 0] > 0).astype(np.int64))
    found = closeness(right)
    assert found.endless and not found.trained_to_end and "no minimiser" in found.sentence()
    assert "weight decay" in hint(right) and "polish" not in hint(right) and "state it" in said_of(right)


def test_a_graph_is_refused_and_nobody_hints():
    graph = GraphNetwork((Node("a", "linear", ("input",), weight="w"),), {"w": np.ones((1, 4))}, (4,), "a")
    p = problem()
    object.__setattr__(p, "network", graph)
    with pytest.raises(InputError, match="fully connected"):
        closeness(p)
    assert hint(p) == said_of(p) == ""


def test_many_rows_are_looked_at_in_seconds():
    rng = np.random.default_rng(0)
    net = Network((rng.normal(size=(10, 784)) / 28,), (np.zeros(10),), "identity")
    X, labels = rng.random((6000, 784)), rng.integers(0, 10, 6000)
    p = Problem(net, X, None, "sample_weights", tuple(range(6000)), labels=labels, map="critical", base="nearby",
                loss="cross_entropy", weight_decay=1e-3)
    assert 0 < closeness(p).distance < np.inf
