"""Random training problems: sublevel maps with losses, levels and budgets, and nets close to an exact fit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from certify.network.layers.mixed import Move
from certify.network.layers.objective import Objective
from certify.network.network import Network
from certify.problem.problem import Problem
from certify.rigor.activation import ACTIVATIONS, activation
from certify.rigor.arithmetic import Pair
from tests.families import adversarial as families
from tests.families.adversarial import Array, Rng


def outputs(network: Network, X: Array) -> Array:
    """Outputs in floats."""
    a = X
    for h, (W, b) in enumerate(zip(network.weights, network.biases, strict=True)):
        z = a @ W.T + (0.0 if b is None else b)
        a = z if h == network.depth - 1 else activation(network.activation).enclose(z, 0)[0].mid
    return a


def _targets(rng: Rng, loss: str, network: Network, X: Array) -> dict[str, Any]:
    n, k = len(X), network.widths[-1]
    if loss == "squared":
        f = outputs(network, X)
        f = np.where(np.isfinite(f), f, 0.0)
        gap = rng.standard_normal((n, k)) * float(rng.choice([1.0, 1.0, 0.1, 1e-4, 0.0]))
        return {"y": f + gap}
    if loss == "logistic":
        return {"y": None, "labels": rng.choice([[0, 1], [-1, 1]][int(rng.integers(2))], n)}
    if rng.random() < 0.5:
        return {"y": None, "labels": rng.integers(0, k, n)}
    q = rng.random((n, k)) * (rng.random((n, k)) < 0.7) + 2.0**-30
    return {"y": q / q.sum(axis=1, keepdims=True)}


def training(rng: Rng, mild: bool = False) -> Problem:
    """A sublevel problem on its boundary (no level). `mild`: weights and data of ordinary size."""
    net = families.network(rng)
    X = families.data(rng, int(rng.choice([1, 2, 3, 4])), net.widths[0])
    loss = str(rng.choice(["squared", "logistic", "cross_entropy"]))
    if mild:
        X = rng.standard_normal(X.shape)
        weights = tuple(rng.standard_normal(W.shape) / np.sqrt(W.shape[1]) for W in net.weights)
        biases = tuple(b if b is None else rng.standard_normal(len(b)) for b in net.biases)
        net = replace(net, weights=weights, biases=biases)
    if loss == "logistic":
        last, bias = net.weights[-1][:1], net.biases[-1]
        first = bias if bias is None else bias[:1]
        net = replace(net, weights=(*net.weights[:-1], last), biases=(*net.biases[:-1], first))
    n = len(X)
    some = sorted(rng.choice(n, int(rng.integers(1, n + 1)), replace=False).tolist())
    rows = tuple(range(n)) if rng.random() < 0.6 else tuple(some)
    parameter = str(rng.choice(["features", "features", "sample_weights", "targets"]))
    parameter = "features" if parameter == "targets" and loss != "squared" else parameter
    return Problem(
        net, X, parameter=parameter, rows=rows, layer=_layer(rng, net), map="sublevel", loss=loss,
        weight_decay=float(rng.choice([0.0, 0.0, 1e-4, 0.01, 0.3])), set=str(rng.choice(["total", "per_sample"])),
        scale=families.scale(rng, X.shape[1]), **_targets(rng, loss, net, X),
    )


def _layer(rng: Rng, network: Network) -> str | int:
    return "all" if rng.random() < 0.7 else int(rng.integers(1, network.depth + 1))


def with_level(rng: Rng, problem: Problem, loss: float) -> Problem:
    """The problem with a level above its loss, by a little or by much."""
    factor, extra = float(rng.choice([1e-9, 1e-3, 0.1, 1.0, 10.0])), float(rng.choice([0.0, 1e-6, 0.1]))
    return replace(problem, level=loss * (1.0 + factor) + extra)


def one_change(rng: Rng) -> Problem:
    """Interpolation at the network's own outputs, one change of some rows given, of any size."""
    problem = nearly_fitted(rng)
    size = float(rng.choice([0.0, 1e-9, 1e-6, 1e-4, 1e-3, 1e-2, 0.1, 1.0]))
    width = problem.inputs if problem.parameter == "features" else problem.outputs
    change = np.zeros((problem.n, width))
    change[list(problem.rows)] = rng.standard_normal((len(problem.rows), width)) * size
    norm = "relative" if rng.random() < 0.4 else "euclidean"
    net = problem.network
    if rng.random() < 0.3:  # layers smaller than 1, in whose relative norm distances are longer
        net = replace(net, weights=tuple(W * 2.0 ** -int(rng.integers(1, 4)) for W in net.weights))
    return replace(problem, network=net, base="given", set="given", change=change, scale=None, weight_norm=norm)


def nearly_fitted(rng: Rng) -> Problem:
    """Interpolation with targets close to the outputs, more parameters than equations, base `nearby`."""
    k, n = int(rng.choice([1, 1, 2])), int(rng.integers(1, 4))
    depth = int(rng.choice([1, 2, 2, 3]))
    hidden = rng.integers(3, 7, depth - 1).tolist()
    widths = (int(rng.integers(2, 5)) if depth > 1 else 5, *hidden, k)
    weights = tuple(rng.standard_normal((b, a)) / np.sqrt(a) for a, b in zip(widths[:-1], widths[1:], strict=True))
    biases = tuple(rng.standard_normal(b) if rng.random() < 0.7 else None for b in widths[1:])
    net = Network(weights, biases, str(rng.choice(list(ACTIVATIONS))))
    X = rng.standard_normal((n, widths[0]))
    y = outputs(net, X) + rng.standard_normal((n, k)) * float(rng.choice([0.0, 1e-12, 1e-9, 1e-6, 1e-4, 1e-2, 0.3]))
    layer = _layer(rng, net)
    rows = tuple(range(n)) if rng.random() < 0.6 else (int(rng.integers(n)),)
    parameter = "features" if rng.random() < 0.7 else "targets"
    return Problem(net, X, y, parameter, rows, layer, base="nearby", scale=families.scale(rng, widths[0]))


@dataclass(frozen=True, eq=False)
class Tilted:
    """A tilted training loss: objective without its tilt, `|c − tilt| ≤ tilt_radius`, what moves, ball of weights."""

    objective: Objective
    tilt: Pair | None
    tilt_radius: Array
    move: Move
    layer: str | int
    rho: float


def tilted(rng: Rng) -> Tilted:
    """A small net of 1 to 4 layers, any loss, with or without tilt, decay, frozen layers and uncertain weights."""
    depth = int(rng.choice([1, 2, 2, 3, 3, 4]))
    loss = str(rng.choice(["squared", "logistic", "cross_entropy"]))
    k = 1 if loss == "logistic" else int(rng.choice([1, 2, 3]))
    widths = (int(rng.integers(1, 4)), *rng.integers(1, 4, depth - 1).tolist(), k)
    net = families.network(rng, widths=widths)
    n = int(rng.choice([1, 2, 3, 5]))
    X = families.data(rng, n, widths[0])
    if rng.random() < 0.5:
        X = rng.standard_normal(X.shape)
        weights = tuple(rng.standard_normal(W.shape) / np.sqrt(W.shape[1]) for W in net.weights)
        net = replace(net, weights=weights, biases=tuple(b if b is None else rng.standard_normal(len(b))
                                                         for b in net.biases))
    found = _targets(rng, loss, net, X)
    decay = float(rng.choice([0.0, 0.0, 1e-4, 0.3, 1e6]))
    objective = Objective(net, X, loss, found["y"], found.get("labels"), decay)
    tilt, radius = None, np.zeros((n, k))
    if rng.random() < 0.5:
        hi = rng.standard_normal((n, k)) * float(rng.choice([1.0, 1e-3, 1e3, 0.0]))
        tilt = Pair(hi, hi * 2.0**-53 * rng.uniform(-1, 1, hi.shape) if rng.random() < 0.4 else None)
        radius = rng.random((n, k)) * float(rng.choice([0.0, 0.0, 1e-16, 1e-9, 0.1]))
    parameter = str(rng.choice(["features", "features", "sample_weights", "targets"]))
    parameter = "features" if parameter == "targets" and loss != "squared" else parameter
    rows = tuple(range(n)) if rng.random() < 0.6 else (int(rng.integers(n)),)
    move = Move(parameter, rows, families.scale(rng, widths[0]) if parameter == "features" else None)
    rho = float(rng.random() * rng.choice([0.0, 0.0, 1e-30, 1e-16, 1e-9, 1e-4, 0.1]))
    return Tilted(objective, tilt, radius, move, _layer(rng, net), rho)
