"""P2 as a claim: no network within the distance gives a label that is counted another value, and no fit does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from certify.finders.nearest_fit import propose_nearest
from certify.format.errors import InputError, SpecError
from certify.network.layer_scale import LayerScale
from certify.network.network import Network
from certify.problem.bound import Bound
from certify.problem.problem import Problem
from certify.prove.prover import bound
from certify.rigor.arithmetic import Binary64
from certify.systems.interpolation.equations import moved
from certify.theorems.predictions import labels as label_claims
from certify.theorems.predictions import within_distance as predictions
from certify.theorems.predictions.within_distance import labels_within
from tests.effort import examples, some

Parts = list[tuple[np.ndarray, np.ndarray | None]]
PHI = {"tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2), "relu": (lambda z: np.maximum(z, 0), lambda z: z > 0.0),
       "identity": (lambda z: z, np.ones_like)}


def drawn(seed: int, activation: str = "tanh", k: int = 1, **more: object) -> Problem:
    """A wide network on four rows, evaluation rows of which some lie near where the label changes."""
    rng = np.random.default_rng(seed)
    net = Network((rng.standard_normal((16, 3)), rng.standard_normal((k, 16)) / 4),
                  (rng.standard_normal(16), 0.1 * rng.standard_normal(k)), activation)
    X = rng.standard_normal((4, 3))
    asked: dict[str, object] = {"set": "given", "change": 2e-3 * rng.standard_normal(X.shape), "parameter": "features"}
    return Problem(net, X, None, rows=(0, 1, 2, 3), evaluation=2 * rng.standard_normal((60, 3)),
                   **(asked | more))  # type: ignore[arg-type]


def outputs(net: Network, parts: Parts, X: np.ndarray) -> list[np.ndarray]:
    """Pre-activations of every layer, the outputs last."""
    found, a = [], X
    for W, b in parts:
        found.append(a @ W.T + (0.0 if b is None else b))
        a = PHI[net.activation][0](found[-1])
    return found


def own(net: Network) -> Parts:
    return list(zip(net.weights, net.biases, strict=True))


def labels(net: Network, parts: Parts, X: np.ndarray) -> np.ndarray:
    f = outputs(net, parts, X)[-1]
    return np.asarray(f.argmax(axis=1) if f.shape[1] > 1 else f[:, 0] > 0)


def worst(problem: Problem, radius: float, row: int, rival: int) -> Iterator[Parts]:
    """Networks on the sphere of that radius whose margin at an evaluation row is small: full steps down the slope."""
    net, x = problem.network, problem.evaluation[row:row + 1]  # type: ignore[index]
    assert isinstance(net, Network)
    free, scale = net.layers(problem.layer), problem.layer_scale
    seed = np.zeros(net.widths[-1])
    f = outputs(net, own(net), x)[-1][0]
    if len(f) == 1:
        seed[0] = np.sign(f[0])
    else:
        seed[f.argmax()] += 1.0
        seed[rival] -= 1.0
    parts = own(net)
    for _ in range(6):
        pre = outputs(net, parts, x)
        inputs = [x[0], *(PHI[net.activation][0](z[0]) for z in pre[:-1])]
        v, slopes = seed, []
        for h in range(net.depth, 0, -1):
            slopes.append((np.outer(v, inputs[h - 1]), v))
            v = (v @ parts[h - 1][0]) * PHI[net.activation][1](pre[h - 2][0]) if h > 1 else v
        slopes.reverse()
        square = sum(float(scale.squares[h - 1]) * (np.sum(slopes[h - 1][0] ** 2) + np.sum(slopes[h - 1][1] ** 2))
                     for h in free)
        step = radius / np.sqrt(square) * (1 - 1e-12)
        parts = [(W - step * float(scale.squares[h - 1]) * G, None if b is None else
                  b - step * float(scale.squares[h - 1]) * g) if h in free else (W, b)
                 for h, ((W, b), (G, g)) in enumerate(zip(own(net), slopes, strict=True), 1)]
        yield parts


def counted(problem: Problem, found: Bound) -> np.ndarray:
    """Which rows the claim counts."""
    assert isinstance(problem.network, Network) and problem.evaluation is not None
    reach = found.witness["reach"]
    stable = labels_within(problem.network, problem.evaluation, reach, problem.layer, problem.layer_scale,
                           label_claims.ROOM).stable
    assert (found.theorem, found.lower, found.upper) == ("P2", stable.sum(), len(stable))
    return np.asarray(stable)


def flipped(problem: Problem, radius: float, stable: np.ndarray) -> int:
    """How many of the rows that are counted some network within the radius gives another label."""
    net, broken = problem.network, 0
    assert isinstance(net, Network) and problem.evaluation is not None
    for row in np.flatnonzero(stable):
        at = problem.evaluation[row:row + 1]
        today = labels(net, own(net), at)[0]
        broken += any(labels(net, parts, at)[0] != today
                      for rival in range(net.widths[-1]) if net.widths[-1] == 1 or rival != today
                      for parts in worst(problem, radius, int(row), rival))
    return broken


CASES = [(activation, k, norm, layer) for activation in ("tanh", "relu") for k in (1, 3)
         for norm, layer in (("euclidean", "all"), ("relative", "all"), ("relative", 2))]


@pytest.mark.parametrize(("activation", "k", "norm", "layer"), CASES)
def test_no_network_within_the_distance_flips_a_label_that_is_counted(activation, k, norm, layer):
    problem = drawn(3, activation, k, weight_norm=norm, layer=layer)
    found = bound(problem, "stable_predictions")
    stable = counted(problem, found)
    assert 0 < stable.sum()
    assert flipped(problem, found.witness["reach"], stable) == 0


@pytest.mark.parametrize("k", [1, 3])
def test_the_search_does_flip_labels_that_are_not_counted(k):
    """At 30 times the distance: where the claim says less, networks do say something else, and half of it is false."""
    problem = drawn(3, "tanh", k)
    assert isinstance(problem.network, Network) and problem.evaluation is not None
    radius = 30 * bound(problem, "distance").upper
    found = labels_within(problem.network, problem.evaluation, radius)
    assert 0 < found.stable.sum() < 60 and flipped(problem, radius, found.stable) == 0
    assert flipped(problem, radius, ~found.stable) > 0
    too_many = found.margins > found.changes / 2.5
    assert flipped(problem, radius, too_many) > 0


@pytest.mark.parametrize("threshold", [0.5, -3.0, 1e-300, 1.7e308])
def test_labels_are_the_sides_of_a_threshold(threshold):
    """One weight 1: the output wx stays above or below t for |w − 1| < |x − t|/|x|, and no other row is counted."""
    net = Network((np.ones((1, 1)),), (None,), "identity")
    x = np.array([0.25, 0.5, 0.75, 1.0, -3.0, -2.0, 2.0, 1e-300, 3.0])[:, None]
    radius = 0.4
    found = labels_within(net, x, radius, threshold=threshold)
    exact = [abs(Fraction(v) - Fraction(threshold)) > Fraction(radius) * abs(Fraction(v)) for v in x[:, 0].tolist()]
    assert (found.labels == (x[:, 0] > threshold)).all()
    assert (found.stable <= np.array(exact)).all() and found.stable.sum() >= sum(exact) - 1


@pytest.mark.parametrize("threshold", [np.nan, np.inf])
def test_a_threshold_has_to_be_a_number(threshold):
    net = Network((np.ones((1, 1)),), (None,), "identity")
    with pytest.raises(InputError, match="threshold"):
        labels_within(net, np.ones((1, 1)), 0.1, threshold=threshold)


def test_a_relative_distance_taken_for_a_euclidean_one_is_caught():
    problem = drawn(3, weight_norm="relative")
    assert isinstance(problem.network, Network) and problem.evaluation is not None
    radius = 0.05
    right = labels_within(problem.network, problem.evaluation, radius, scale=problem.layer_scale)
    wrong = labels_within(problem.network, problem.evaluation, radius)
    assert flipped(problem, radius, right.stable) == 0 < flipped(problem, radius, wrong.stable)


def test_a_slope_near_the_given_weights_taken_for_all_of_the_way_is_caught(monkeypatch):
    """`w₁w₂w₃` at 1: on the way to `(1 + R/√3)³` the slope grows."""
    net = Network((np.ones((1, 1)),) * 3, (None,) * 3, "identity")
    radius, x = 0.8, np.ones((1, 1))
    grown = (1 + radius / np.sqrt(3)) ** 3 - 1
    assert grown <= labels_within(net, x, radius).changes[0]
    right = LayerScale.reach
    monkeypatch.setattr(LayerScale, "reach", lambda self, layers, r: right(self, layers, radius / predictions.PARTS))
    assert grown > labels_within(net, x, radius).changes[0]


def placed(found) -> Parts:
    """The parameters of a proposal in floats."""
    return [(W[0] + W[1], None if b is None else b[0] + b[1])
            for W, b in zip(found.weights, found.biases, strict=True)]


def length(problem: Problem, parts: Parts) -> float:
    """How far weights lie from the given ones, in the norm of the problem."""
    assert isinstance(problem.network, Network)
    squares = (float(np.sum((W - V) ** 2) + (0.0 if b is None or c is None else np.sum((b - c) ** 2)))
               / float(s) for (W, b), (V, c), s in
               zip(parts, own(problem.network), problem.layer_scale.squares, strict=True))
    return float(np.sqrt(sum(squares)))


@pytest.mark.parametrize("parameter", ["features", "targets"])
@pytest.mark.parametrize(("k", "norm"), [(1, "relative"), (3, "euclidean")])
def test_fits_found_by_solving_again_keep_the_labels(parameter, k, norm):
    """The nearest fit, at R; at eight times R others too, whose first layer was moved and whose last one fits again."""
    others = 0
    for seed in some(range(4), 2):
        rng = np.random.default_rng(seed)
        change = 2e-3 * rng.standard_normal((4, 3 if parameter == "features" else k))
        problem = drawn(seed, k=k, weight_norm=norm, parameter=parameter, change=change)
        found = bound(problem, "stable_predictions")
        stable, X = counted(problem, found), problem.evaluation
        assert isinstance(problem.network, Network) and X is not None
        today = labels(problem.network, own(problem.network), X)[stable]
        near = placed(propose_nearest(moved(problem, Binary64()), problem.layer_scale).parameters)
        assert length(problem, near) <= found.witness["reach"]
        assert (labels(problem.network, near, X)[stable] == today).all()
        wide = 8 * found.witness["reach"]
        stable = labels_within(problem.network, X, wide, "all", problem.layer_scale).stable
        today = labels(problem.network, own(problem.network), X)[stable]
        for _ in range(20):
            parts = another(problem, near, wide, rng)
            if length(problem, parts) <= wide:
                others += 1
                assert (labels(problem.network, parts, X)[stable] == today).all()
    assert others > 10


def another(problem: Problem, near: Parts, radius: float, rng: np.random.Generator) -> Parts:
    """A fit of the changed data near one, by least squares in the last layer."""
    net, u = problem.network, problem.change
    assert isinstance(net, Network) and u is not None
    size = float(problem.layer_scale.squares[0]) ** 0.5 * radius * rng.uniform(0.02, 0.3)
    step = rng.standard_normal((16, 3))
    W = near[0][0] + size * step / np.linalg.norm(step)
    features = problem.parameter == "features"
    wanted = outputs(net, own(net), problem.X)[-1] + (0.0 if features else u)
    points = problem.X + u if features else problem.X
    missing = wanted - outputs(net, [(W, near[0][1]), near[1]], points)[-1]
    A = np.tanh(points @ W.T + near[0][1])
    parts = [(W, near[0][1]), (near[1][0] + np.linalg.lstsq(A, missing, rcond=None)[0].T, near[1][1])]
    assert np.abs(outputs(net, parts, points)[-1] - wanted).max() < 1e-12
    return parts


@pytest.mark.parametrize("kind", [{"set": "total"}, {"set": "sparse", "count": 2}, {"set": "per_sample"}])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_fits_of_every_change_within_a_budget_keep_the_labels(kind, activation):
    problem = drawn(1, activation, radius=1e-3, change=None, **kind)
    found = bound(problem, "stable_predictions")
    stable, X, rng = counted(problem, found), problem.evaluation, np.random.default_rng(0)
    assert isinstance(problem.network, Network) and X is not None and stable.any()
    today = labels(problem.network, own(problem.network), X)[stable]
    assert flipped(problem, found.witness["reach"], stable) == 0
    for _ in range(examples(20)):
        u = rng.standard_normal((4, 3))
        rows = {"total": u / np.linalg.norm(u), "per_sample": u / np.linalg.norm(u, axis=1, keepdims=True)}
        one = rows.get(str(kind["set"]), rows["per_sample"] * np.array([[1.0], [0.0], [1.0], [0.0]]))
        again = replace(problem, set="given", change=1e-3 * one, radius=None, count=None)
        near = placed(propose_nearest(moved(again, Binary64()), problem.layer_scale).parameters)
        assert length(problem, near) <= found.witness["reach"]
        assert (labels(problem.network, near, X)[stable] == today).all()


def test_without_evaluation_rows_there_is_nothing_to_count():
    with pytest.raises(SpecError, match="evaluation"):
        bound(replace(drawn(0), evaluation=None), "stable_predictions")


def test_where_no_distance_is_proved_nothing_is_said():
    found = bound(drawn(0, set="total", radius=50.0, change=None), "stable_predictions")
    assert (found.lower, found.upper, dict(found.witness)) == (None, None, {}) and "radius" in found.reason
