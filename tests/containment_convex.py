"""Containment of Q6: solutions found again after changes of the budget stay within the proved distance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from flint import arb, ctx

from certify.format.errors import CertifyError
from certify.network.network import Network
from certify.systems.head.change import Change
from certify.systems.head.last_layer import LastLayer, enclose_last_layer
from certify.theorems.head.motion import Moved, enclose_motion
from certify.theorems.head.predictions import enclose_predictions
from tests.containment import Outcome, Violation
from tests.convex_oracle import BITS, Training, inputs, length_above, length_below, solve

Rng = np.random.Generator
Array = np.ndarray


def random_training(rng: Rng) -> Training:
    """A small net, its last layer at the solution, close to it, or anywhere."""
    d, h, n = int(rng.integers(1, 4)), int(rng.integers(1, 4)), int(rng.integers(2, 9))
    loss = str(rng.choice(["cross_entropy", "cross_entropy", "logistic", "squared"]))
    k = 1 if loss == "logistic" else int(rng.integers(2, 4)) if loss == "cross_entropy" else int(rng.integers(1, 3))
    biases = rng.random() < 0.7
    shapes = [(h, d), (k, h)] if rng.random() < 0.8 else [(k, d)]
    weights = tuple(rng.standard_normal(s) * float(rng.choice([0.3, 1.0, 2.0])) for s in shapes)
    net = Network(weights, tuple(rng.standard_normal(len(W)) if biases else None for W in weights),
                  str(rng.choice(["tanh", "relu", "identity"])))
    X = rng.standard_normal((n, d))
    if rng.random() < 0.2:
        X[-1] = X[0]
    t = Training(net, X, loss, float(2.0 ** rng.integers(-8, 3)),
                 None if loss == "squared" else rng.integers(0, max(k, 2), n),
                 rng.standard_normal((n, k)) if loss == "squared" else None)
    how = rng.random()
    if how < 0.8:
        V, _ = solve(t, np.zeros(_shape(net)))
        V = np.array([float(x) for x in V]).reshape(_shape(net))
        t = with_last(t, V if how < 0.6 else V + 1e-3 * rng.standard_normal(V.shape))
    return t


def _shape(net: Network) -> tuple[int, int]:
    k, m = net.weights[-1].shape
    return k, m + (net.biases[-1] is not None)


def last(net: Network) -> Array:
    """`[W, b]` of the last layer."""
    W, b = net.weights[-1], net.biases[-1]
    return W if b is None else np.hstack([W, b[:, None]])


def with_last(t: Training, V: Array) -> Training:
    """The same with other weights in the last layer."""
    net = t.network
    biased = net.biases[-1] is not None
    W, b = (V[:, :-1], V[:, -1]) if biased else (V, None)
    return replace(t, network=Network((*net.weights[:-1], np.ascontiguousarray(W)),
                                      (*net.biases[:-1], None if b is None else b.copy()), net.activation))


def random_change(t: Training, rng: Rng) -> Change:
    """A budget that fits the loss."""
    words = ["sample_weights", "features", "targets" if t.loss == "squared" else "labels"]
    parameter = str(rng.choice(words))
    total = parameter != "labels" and rng.random() < 0.2
    count = None if total or rng.random() < 0.4 else int(rng.integers(1, t.n + 1))
    size = float(rng.choice([1.0, 0.5])) if parameter == "sample_weights" else float(10.0 ** rng.uniform(-4, 0))
    rows = None if rng.random() < 0.7 else tuple(sorted(rng.choice(t.n, int(rng.integers(1, t.n + 1)), False).tolist()))
    down = parameter == "sample_weights" and bool(rng.random() < 0.4)
    return Change(parameter, size, count, total, rows, down)


def changed(t: Training, change: Change, rng: Rng) -> Training:
    """The training problem after one change of the budget, usually on its boundary."""
    rows = np.arange(t.n) if change.rows is None else np.array(change.rows)
    if change.count is not None and change.count < len(rows):
        rows = rng.choice(rows, change.count, False)
    short = 1 - 2.0**-40
    if change.parameter == "labels":
        labels = np.array(t.labels)
        k = max(len(last(t.network)), 2)
        labels[rows] = (labels[rows] + rng.integers(1, k, len(rows))) % k
        return replace(t, labels=labels)
    width = {"sample_weights": 1, "features": t.X.shape[1]}.get(change.parameter, len(last(t.network)))
    u = rng.standard_normal((len(rows), width))
    u /= np.linalg.norm(u) if change.total else np.linalg.norm(u, axis=1, keepdims=True)
    u *= change.radius * short
    if change.parameter == "sample_weights":
        weights = np.zeros(t.n)
        weights[rows] = -np.abs(u[:, 0]) if rng.random() < 0.6 or change.down else u[:, 0]
        if change.radius == 1 and not change.total and rng.random() < 0.6:
            weights[rows] = -1.0
        return replace(t, weights=weights)
    name = "X" if change.parameter == "features" else "targets"
    array = np.array(getattr(t, name))
    array[rows] += u
    return replace(t, **{name: array})


def worst_features(t: Training, change: Change, steps: int = 30) -> Training:
    """Features moved along the direction that to first order moves the solution most (a power iteration)."""
    net, V, n = t.network, last(t.network), t.n
    rows = np.arange(n) if change.rows is None else np.array(change.rows)
    count = len(rows) if change.count is None else min(change.count, len(rows))

    def phi(x: Array) -> Array:
        act = {"tanh": np.tanh, "relu": lambda z: np.maximum(z, 0.0), "identity": lambda z: z}[net.activation]
        for W, b in zip(net.weights[:-1], net.biases[:-1], strict=True):
            x = act(W @ x + (0.0 if b is None else b))
        return x if net.biases[-1] is None else np.append(x, 1.0)

    def slope(i: int, f: Array) -> Array:
        if t.loss == "squared":
            return f - np.array(t.targets)[i]
        if t.loss == "logistic":
            sign = 1 if np.array(t.labels)[i] > 0 else -1
            return -sign / (1 + np.exp(sign * f))
        p = np.exp(f - f.max())
        return p / p.sum() - (np.arange(len(f)) == np.array(t.labels)[i])

    def term(i: int, x: Array, V: Array = V) -> Array:
        return np.outer(slope(i, V @ phi(x)), phi(x)).ravel() / n

    def derivative(function: Callable[[Array], Array], at: Array) -> Array:
        h = 1e-5
        return np.stack([(function(at + h * e) - function(at - h * e)) / (2 * h) for e in np.eye(len(at))], axis=1)

    def gradient(v: Array) -> Array:
        return sum(term(i, t.X[i], v.reshape(V.shape)) for i in range(n)) + t.decay * v

    H = derivative(gradient, V.ravel())
    moves = [np.linalg.solve(H, derivative(lambda x, i=i: term(i, x), t.X[i])) for i in rows]
    u = np.stack([np.ones(t.X.shape[1]) for _ in rows])
    for _ in range(steps):
        v = sum(A @ x for A, x in zip(moves, u, strict=True))
        pull = np.stack([A.T @ v for A in moves])
        sizes = np.linalg.norm(pull, axis=1)
        kept = np.argsort(-sizes)[:count]
        u = np.zeros_like(pull)
        u[kept] = pull[kept] / (np.linalg.norm(pull[kept]) if change.total else np.maximum(sizes[kept, None], 1e-300))
    X = np.array(t.X)
    X[rows] += u * change.radius * (1 - 2.0**-40)
    return replace(t, X=X)


def enclosed(t: Training) -> LastLayer:
    """The product's view of the training problem."""
    return enclose_last_layer(t.network, t.X, t.loss, t.decay, t.targets, t.labels)


def motion(t: Training, change: Change, rng: Rng, tries: int = 3) -> Outcome:
    """Every proved bound against solutions of changed problems: weights, outputs, and labels said to be stable."""
    try:
        layer = enclosed(t)
        found = enclose_motion(layer, change)
    except CertifyError:
        return "refused"
    if not found:
        return "refused"
    points = t.X + 0.1 * rng.standard_normal(t.X.shape)
    at = _evaluated(t.network, points)
    seen = enclose_predictions(layer, found, at)
    with ctx.workprec(BITS):
        base, error = solve(t, last(t.network))
        check_base(t, found, base, error)
        moves = [changed(t, change, rng) for _ in range(tries)]
        if change.parameter == "features":
            moves.append(worst_features(t, change))
        for moved_data in moves:
            w, more = solve(moved_data, last(t.network))
            gap = [x - y for x, y in zip(w, base, strict=True)]
            size = length_below(gap) - error - more
            for moved in found:
                if size > arb(moved.distance):
                    raise Violation(f"{change}: the solution moved by {size}, {moved.distance} was proved")
            check_outputs(t.network, points, gap, (error + more).upper(), w, seen)
    return "decided"


def check_base(t: Training, found: tuple[Moved, ...], base: list[arb], error: arb) -> None:
    """The distance of the exact solution from the weights in the file."""
    own = [arb(v) for v in last(t.network).ravel().tolist()]
    gap = length_below([x - y for x, y in zip(base, own, strict=True)]) - error
    for moved in found:
        if gap > arb(moved.base):
            raise Violation(f"w* is {gap} from the file's weights, {moved.base} was proved")


def _evaluated(net: Network, points: Array) -> tuple[Array, Array, Array]:
    from certify.systems.head.last_layer import last_inputs

    return last_inputs(net, points)


def check_outputs(net: Network, points: Array, gap: list[arb], error: arb, w: list[arb], seen: object) -> None:
    """Changes of outputs, and labels, at evaluation points."""
    k, m = _shape(net)
    for i, x in enumerate(points.tolist()):
        phi = inputs(net, x)
        size = length_above(phi)
        df = [sum((gap[a * m + j] * phi[j] for j in range(m)), arb(0)) for a in range(k)]
        change = length_below(df) - error * size
        if change > arb(float(seen.change[i])):  # type: ignore[attr-defined]
            raise Violation(f"outputs changed by {change}, {seen.change[i]} was proved")  # type: ignore[attr-defined]
        if not seen.stable[i]:  # type: ignore[attr-defined]
            continue
        f = [sum((w[a * m + j] * phi[j] for j in range(m)), arb(0)) for a in range(k)]
        label = int(seen.labels[i])  # type: ignore[attr-defined]
        wrong = (f[0] < 0) == (label == 1) if k == 1 else any(f[b] > f[label] for b in range(k) if b != label)
        if wrong:
            raise Violation(f"the label {label} changed, and was proved stable")
