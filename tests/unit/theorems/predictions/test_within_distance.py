"""P2 for any network: labels that hold within a distance of the given weights."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.format.errors import InputError
from certify.network.network import Network
from certify.theorems.predictions import within_distance as predictions
from certify.theorems.predictions.within_distance import labels_within
from tests.effort import examples

Rng = np.random.Generator


def drawn(rng: Rng, k: int | None = None) -> tuple[Network, np.ndarray]:
    """A small net, and rows."""
    activation = str(rng.choice(["tanh", "relu", "softplus", "identity", "leaky_relu"]))
    widths = [int(rng.integers(1, 4)) for _ in range(int(rng.integers(2, 5)))]
    widths[-1] = k or int(rng.integers(1, 4))
    weights = tuple(rng.standard_normal((b, a)) for a, b in zip(widths, widths[1:], strict=False))
    biased = rng.random() < 0.7
    biases = tuple(rng.standard_normal(b) if biased else None for b in widths[1:])
    return Network(weights, biases, activation), rng.standard_normal((int(rng.integers(1, 6)), widths[0]))


def outputs(net: Network, X: np.ndarray, step: list[np.ndarray | None]) -> np.ndarray:
    """Outputs in float64 with moved weights: `step` has a weight and a bias a layer."""
    act = {"tanh": np.tanh, "relu": lambda z: np.maximum(z, 0), "identity": lambda z: z,
           "softplus": lambda z: np.logaddexp(0, z), "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z)}
    for h in range(net.depth):
        b = net.biases[h]
        X = X @ (net.weights[h] + step[2 * h]).T + (0.0 if b is None else b + step[2 * h + 1])
        X = X if h == net.depth - 1 else act[net.activation](X)
    return X


def steps(net: Network, rng: Rng, radius: float, free: tuple[int, ...]) -> list[np.ndarray | None]:
    """A step of the weights of Euclidean length `radius`, in the free layers."""
    parts: list[np.ndarray | None] = []
    for h in range(net.depth):
        on = float(h + 1 in free)
        b = net.biases[h]
        parts.append(on * rng.standard_normal(net.weights[h].shape))
        parts.append(None if b is None else on * rng.standard_normal(len(b)))
    size = np.sqrt(sum(float((p * p).sum()) for p in parts if p is not None))
    return [None if p is None else p / size * radius for p in parts]


@settings(max_examples=examples(150), deadline=None)
@given(st.integers(0, 2**32), st.floats(1e-4, 0.5))
def test_weights_drawn_in_the_ball_keep_the_labels(seed: int, radius: float) -> None:
    rng = np.random.default_rng(seed)
    net, X = drawn(rng)
    layer: int | str = "all" if rng.random() < 0.6 else int(rng.integers(1, net.depth + 1))
    found = labels_within(net, X, radius, layer)
    zero = [None if p is None else 0 * p for p in steps(net, rng, 1.0, net.layers("all"))]
    before = outputs(net, X, zero)
    k = before.shape[1]
    for _ in range(40):
        after = outputs(net, X, steps(net, rng, radius * (1 - 1e-12), net.layers(layer)))
        if k == 1:
            assert (np.abs(after - before)[:, 0] <= found.changes * (1 + 1e-9) + 1e-12).all()
            assert (((after[:, 0] > 0) == (found.labels == 1)) | ~found.stable).all()
            continue
        rows = np.arange(len(X))
        for b in range(k):
            gap = (after - before)[rows, found.labels] - (after - before)[:, b]
            assert (np.abs(gap) <= found.changes * (1 + 1e-9) + 1e-12).all()
        assert ((after.argmax(axis=1) == found.labels) | ~found.stable).all()


def test_a_linear_layer_is_sharp() -> None:
    """Outputs `w_a·x + b_a`: a margin changes by at most `R√2·√(|x|² + 1)`, and does so."""
    net = Network((np.array([[3.0, 0.0], [0.0, 0.0]]),), (np.zeros(2),), "identity")
    x = np.array([[1.0, 2.0]])
    exact = Fraction(9, 12)  # margin 3: R² = 9/(2·6)
    radius = float(np.sqrt(float(exact)))
    assert labels_within(net, x, radius * (1 - 1e-9)).stable.all()
    assert not labels_within(net, x, radius * (1 + 1e-9)).stable.any()


def test_the_slope_counts_all_layers_together() -> None:
    """Sharper than moving every layer by the whole radius, where no kink is in reach."""
    rng = np.random.default_rng(1)
    net = Network(tuple(rng.standard_normal((4, 4)) for _ in range(5)), tuple(np.zeros(4) for _ in range(5)), "tanh")
    X = rng.standard_normal((10, 4))
    both = labels_within(net, X, 1e-4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(predictions, "_slope", lambda *a: np.full(10, np.inf))
        ball = labels_within(net, X, 1e-4)
    assert (both.changes < 0.7 * ball.changes).all()


def test_a_kink_in_reach_leaves_the_ball() -> None:
    net = Network((np.array([[1.0]]), np.array([[1.0], [0.0]])), (np.array([-1.0]), np.zeros(2)), "relu")
    found = labels_within(net, np.array([[1.001]]), 0.01)  # pre-activation 0.001
    assert np.isfinite(found.changes).all() and not found.stable.any()


@pytest.mark.parametrize("part", [0.5, 0.8])
def test_half_a_change_is_caught(part: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """A margin that is said to change by less than it does: the sharp layer contradicts it."""
    right = predictions._Ball.change
    monkeypatch.setattr(predictions._Ball, "change", lambda *a: part * right(*a))
    net = Network((np.array([[3.0, 0.0], [0.0, 0.0]]),), (np.zeros(2),), "identity")
    x, radius = np.array([[1.0, 2.0]]), np.sqrt(0.75) * 1.1
    assert labels_within(net, x, radius).stable.all()
    step = radius / np.sqrt(2 * 6) * np.array([1.0, 2.0])
    W, b = net.weights[0] + np.stack([-step, step]), radius / np.sqrt(12) * np.array([-1.0, 1.0])
    assert (x @ W.T + b).argmax() == 1  # a network within the radius gives another label


@pytest.mark.parametrize(("radius", "points"), [
    (-1.0, np.ones((1, 2))), (np.nan, np.ones((1, 2))), (0.1, np.ones((1, 3))), (0.1, np.full((1, 2), np.inf)),
    (0.1, np.ones(2)),
])
def test_what_has_no_answer_is_refused(radius: float, points: np.ndarray) -> None:
    net = Network((np.ones((2, 2)),), (None,), "identity")
    with pytest.raises(InputError):
        labels_within(net, points, radius)
