"""Crafted attacks on losses, gradients, persistence and nearby solutions; beside those of `tests.mutation.killers`."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from certify.network.network import Network
from certify.problem.problem import Problem
from certify.rigor.arithmetic import Binary64
from tests.containment import sublevel
from tests.mutation.killers import biased_constants, cancelling_tanh, killer, seeds


def asked(network: Network, X: np.ndarray, y: Any, **members: Any) -> Problem:
    """A sublevel problem in which all rows move."""
    given = {"parameter": "features", "rows": tuple(range(len(X))), "map": "sublevel"} | members
    return Problem(network, np.asarray(X, dtype=float), np.asarray(y, dtype=float), **given)


@killer
def blurred_inputs_of_a_layer() -> None:
    """Inputs of the last layer blurred by cancellation, residuals of 1000: `ν_i r_i^a` is the error of the gradient."""
    for rng in seeds(12):
        net, X = cancelling_tanh(rng)
        problem = asked(net, X, [[-1000.0]], layer=2)
        sublevel.descent(problem, Binary64())
        sublevel.descent(asked(net, X, [[1000.0]], layer=2), Binary64())


@killer
def blurred_slopes_in_large_units() -> None:
    """A gradient blurred by cancellation, in units of 1000: its radius grows with them."""
    for rng in seeds(12):
        net, X = cancelling_tanh(rng)
        for scale in ([1e3, 0.0, 0.0], [1e3, 1e3, 1e3], [0.0, 1e-3, 0.0]):
            sublevel.descent(asked(net, X, [[-1.0]], scale=np.array(scale)), Binary64())


@killer
def gradient_of_many_rows() -> None:
    """2000 equal rows of a linear net: the sum over rows is wrong by many u, residuals and inputs are exact."""
    for c in biased_constants(2000, 3):
        net = Network((np.zeros((1, 1)),), (None,), "tanh")
        sublevel.descent(asked(net, np.full((2000, 1), c), np.full((2000, 1), -c)), Binary64())


LINEAR = Network((np.ones((1, 1)),), (None,), "tanh")


@killer
def radii_known_exactly() -> None:
    """Linear nets in one feature, targets and sample weights, with radii that are known."""
    rng = np.random.default_rng(0)
    one = asked(LINEAR, [[1.0]], [[0.0]], level=2.0)
    two = asked(LINEAR, [[1.0], [2.0]], [[0.5], [1.0]], level=3.0)
    for kind in ("total", "per_sample"):
        for parameter in ("targets", "sample_weights"):
            sublevel.persistence(replace(two, set=kind, parameter=parameter), rng)
            sublevel.persistence(replace(two, set=kind, parameter=parameter, rows=(0,)), rng)
        sublevel.persistence(replace(one, set=kind, scale=np.array([4.0])), rng)
    sublevel.persistence(replace(two, set="per_sample", scale=np.array([0.25])), rng)
    sublevel.persistence(two, rng)


@killer
def rise_over_the_kinks() -> None:
    """ReLU nets that bend within the budget: the rise is steeper behind the kink."""
    rng = np.random.default_rng(0)
    net = Network((np.array([[1.0], [1.0]]), np.array([[1.0, 50.0]])), (np.array([0.0, -1.2]), None), "relu")
    for name in ("relu", "leaky_relu"):
        for radius in (0.1, 0.19, 0.21, 0.3, 1.0):
            for kind in ("total", "per_sample"):
                problem = asked(replace(net, activation=name), [[1.0]], [[0.9]], set=kind)
                sublevel.rise(problem, radius, rng)
    gentle = replace(net, weights=(net.weights[0], np.ones((1, 2))), biases=(np.array([0.0, -1.05]), None))
    for kind in ("total", "per_sample"):  # a kink right behind the data, a large residual
        sublevel.rise(asked(gentle, [[1.0]], [[-1000.0]], set=kind), 0.9, rng)


@killer
def rise_of_curved_nets() -> None:
    """Steep sigmoids and convex units: slopes grow within the budget from nothing at the data."""
    rng = np.random.default_rng(0)
    for name, slope, bias in (("tanh", 8.0, -4.0), ("softplus", 3.0, -2.0), ("elu", 1.0, 0.0)):
        net = Network((np.array([[slope]]), np.array([[2.0]])), (np.array([bias]), None), name)
        for target in (0.0, -3.0):
            for radius, kind in ((0.03, "per_sample"), (0.3, "total"), (0.3, "per_sample"), (2.0, "total")):
                sublevel.rise(asked(net, [[0.0], [0.2]], [[target], [target]], set=kind), radius, rng)


@killer
def kinks_of_the_loss() -> None:
    """Pre-activations that are exactly 0: L is not differentiable, so no modulus may be claimed."""
    net = Network((np.array([[1.0], [1.0]]), np.array([[1.0, 50.0]])), (np.array([-1.0, 0.3]), None), "relu")
    for name in ("relu", "leaky_relu"):
        for quantity in ("modulus", "sample_modulus"):
            sublevel.sublevel(asked(replace(net, activation=name), [[1.0], [2.0]], [[0.0], [1.0]]), quantity)


@killer
def loss_beside_its_level() -> None:
    """Levels within rounding of the loss: never inside unless it is above."""
    for rng in seeds(6):
        net = Network((rng.standard_normal((1, 3)),), (None,), "tanh")
        X, y = rng.standard_normal((4, 3)), rng.standard_normal((4, 1))
        w = net.weights[0][0].tolist()
        f = [sum(Fraction(a) * Fraction(b) for a, b in zip(row, w, strict=True)) for row in X.tolist()]
        loss = sum((a - Fraction(b)) ** 2 for a, b in zip(f, y[:, 0].tolist(), strict=True)) / 8
        for step in range(-40, 41, 8):
            sublevel.sublevel(asked(net, X, y, level=float(loss * (1 + step * Fraction(2) ** -53))), "modulus")
