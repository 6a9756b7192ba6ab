"""Random critical problems: small networks of every activation, at random weights or near critical points."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from certify.network.layers.gradients import enclose_gradient
from certify.network.layers.hessian import enclose_hessian
from certify.network.layers.objective import Objective
from certify.network.network import Network
from certify.problem.problem import Problem
from certify.rigor.arithmetic import Binary64

Rng = np.random.Generator

ACTIVATIONS = ("relu", "leaky_relu", "identity", "tanh", "sigmoid", "softplus", "silu", "gelu", "elu")


def critical_problem(rng: Rng, base: str | None = None) -> Problem:
    """A problem with at most about 14 parameters; base `nearby` starts from a point found by descent."""
    base = base or str(rng.choice(["given", "nearby"]))
    loss = str(rng.choice(["squared", "logistic", "cross_entropy"]))
    k = 1 if loss == "logistic" else int(rng.integers(2, 4)) if loss == "cross_entropy" else int(rng.integers(1, 3))
    depth = int(rng.choice([1, 2, 2, 2, 3]))
    widths = [int(rng.integers(1, 3)), *[int(rng.integers(1, 4 if depth == 2 else 3)) for _ in range(depth - 1)], k]
    activation = str(rng.choice(ACTIVATIONS))
    weights = tuple(rng.standard_normal((b, a)) for a, b in zip(widths, widths[1:], strict=False))
    biases = tuple(rng.standard_normal(b) if rng.random() < 0.7 else None for b in widths[1:])
    n = int(rng.integers(2, 8))
    X = rng.standard_normal((n, widths[0]))
    if activation == "relu" and depth > 1 and biases[0] is not None and rng.random() < 0.6:
        b = biases[0].copy()
        b[0] = 1.0 + float(np.maximum(-(X @ weights[0].T)[:, 0], 0).max())
        if len(b) > 2 and rng.random() < 0.5:
            b[2] = 1.0 + float(np.maximum(-(X @ weights[0].T)[:, 2], 0).max())
        if len(b) > 1 and rng.random() < 0.4:
            b[1] = -1.0 - float(np.maximum((X @ weights[0].T)[:, 1], 0).max())
        biases = (b, *biases[1:])
    network = Network(weights, biases, activation)
    y, labels = None, None
    if loss == "squared":
        y = rng.standard_normal((n, k))
    elif loss == "logistic":
        labels = np.resize([0, 1], n)
    elif rng.random() < 0.5:
        labels = rng.integers(0, k, n)
    else:
        y = rng.random((n, k)) + 0.05
        y = y / y.sum(axis=1, keepdims=True)
    parameter = str(rng.choice(["features", "sample_weights", *(["targets"] * (loss == "squared"))]))
    some = sorted(rng.choice(n, int(rng.integers(1, n)), False).tolist())
    rows = tuple(range(n)) if rng.random() < 0.7 else tuple(some)
    scale = rng.random(widths[0]) + 0.5 if parameter == "features" and rng.random() < 0.3 else None
    layer = "all" if rng.random() < 0.85 else int(rng.integers(1, depth + 1))
    decay = float(rng.choice([0.0, 0.0, 0.1, 0.5]))
    problem = Problem(network, X, y, parameter, rows, layer=layer, labels=labels, map="critical", base=base, loss=loss,
                      weight_decay=decay, scale=scale, weight_norm="relative" if rng.random() < 0.25 else "euclidean")
    return descended(problem) if base == "nearby" else problem


def descended(problem: Problem, steps: int = 300) -> Problem:
    """The same problem with weights from a damped Newton descent: near a critical point, often a minimiser."""
    layers = problem.network.layers(problem.layer)
    damping = 1.0
    value = np.inf
    for _ in range(steps):
        o = objective_of(problem)
        try:
            g = enclose_gradient(o, layers, Binary64()).mid.hi
            H = enclose_hessian(o, layers, Binary64()).mid
        except Exception:
            return problem
        size = float(np.linalg.norm(g))
        if size < 1e-13:
            break
        values, vectors = np.linalg.eigh(H)
        step = vectors @ ((vectors.T @ g) / (np.abs(values) + damping * min(1.0, size)))
        moved = shifted(problem, step)
        new = mean_loss(moved)
        if np.isfinite(new) and new <= value + 1e-15:
            problem, value, damping = moved, new, max(damping * 0.5, 1e-6)
        else:
            damping = damping * 4
            if damping > 1e8:
                break
    return problem


def objective_of(problem: Problem) -> Objective:
    return Objective(problem.network, problem.X, problem.loss, problem.y, problem.labels, problem.weight_decay)


def shifted(problem: Problem, step: np.ndarray) -> Problem:
    """The weights less a step."""
    net, at = problem.network, 0
    weights, biases = list(net.weights), list(net.biases)
    for h in net.layers(problem.layer):
        W, b = weights[h - 1], biases[h - 1]
        weights[h - 1] = W - step[at:at + W.size].reshape(W.shape)
        at += W.size
        if b is not None:
            biases[h - 1] = b - step[at:at + b.size]
            at += b.size
    return replace(problem, network=Network(tuple(weights), tuple(biases), net.activation))


def mean_loss(problem: Problem) -> float:
    """The training loss over the free parameters, in floats."""
    from certify.rigor.activation import activation

    net, a = problem.network, problem.X
    for h in range(net.depth):
        z = a @ net.weights[h].T + (0.0 if net.biases[h] is None else net.biases[h])
        a = activation(net.activation).enclose(z, 0)[0].mid if h < net.depth - 1 else z
    if problem.loss == "squared":
        total = 0.5 * float(np.sum((z - problem.y) ** 2))
    elif problem.loss == "logistic":
        total = float(np.logaddexp(0.0, -np.where(problem.labels > 0, 1.0, -1.0) * z[:, 0]).sum())
    else:
        q = np.eye(z.shape[1])[problem.labels] if problem.y is None else problem.y
        m = z.max(axis=1, keepdims=True)
        total = float((q.sum(axis=1) * (m[:, 0] + np.log(np.exp(z - m).sum(axis=1)))).sum() - (q * z).sum())
    decay = sum(float(np.sum(net.weights[h - 1] ** 2)) + (0.0 if net.biases[h - 1] is None else
                float(np.sum(net.biases[h - 1] ** 2))) for h in net.layers(problem.layer))
    return total / problem.n + 0.5 * problem.weight_decay * decay
