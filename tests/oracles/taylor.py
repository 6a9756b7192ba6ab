"""Second derivatives of training objectives by truncated Taylor series along lines; shares no code with the checker.

A line moves weights, features, targets and sample weights at once; the objective along it is a power series whose
t²-coefficient is half the second derivative. Everything else follows by polarisation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from flint import arb, arb_series, ctx

from certify.check.reading.subject import Layer, Problem

BITS = 400
LEAK = arb(0.01)
Tilt = Sequence[Sequence[float | arb]] | np.ndarray | None


@contextmanager
def series():
    """Series of length 3 at high precision."""
    before = ctx.cap
    ctx.cap = 3
    try:
        with ctx.workprec(BITS):
            yield
    finally:
        ctx.cap = before


def _at(x: arb_series) -> arb:
    return x[0]


def _tanh(x):
    e = (2 * x).exp()
    return (e - 1) / (e + 1)


ACTIVATIONS: dict[str, Callable[[arb_series], arb_series]] = {
    "identity": lambda x: x,
    "relu": lambda x: x if _at(x) > 0 else arb_series([0]),
    "leaky_relu": lambda x: x if _at(x) > 0 else x * LEAK,
    "elu": lambda x: x if _at(x) > 0 else x.exp() - 1,
    "tanh": _tanh,
    "sigmoid": lambda x: 1 / (1 + (-x).exp()),
    "softplus": lambda x: (1 + x.exp()).log(),
    "gelu": lambda x: x * (1 + (x / arb(2).sqrt()).erf()) / 2,
    "silu": lambda x: x / (1 + (-x).exp()),
}


@dataclass
class Line:
    """Directions of everything that can move; what is missing stands still."""

    weights: Sequence[float] = ()
    features: dict[int, Sequence[float]] = field(default_factory=dict)
    targets: dict[int, Sequence[float]] = field(default_factory=dict)
    samples: dict[int, float] = field(default_factory=dict)


def second(problem: Problem, line: Line, tilt: Tilt = None) -> arb:
    """`d²/dt²` of the objective at t = 0; free parameters are counted weights first, then biases, layer by layer."""
    with series():
        return 2 * _objective(problem, line, tilt)[2]


def mixed(problem: Problem, v: Sequence[float], line: Line, tilt: Tilt = None) -> arb:
    """The mixed derivative along weights v and the other members of `line`, by polarisation."""
    both = Line(v, line.features, line.targets, line.samples)
    with series():
        return (second(problem, both, tilt) - second(problem, Line(v), tilt) - second(problem, line, tilt)) / 2


def outputs(problem: Problem) -> list[list[arb]]:
    """The network's outputs."""
    with series():
        return [[f[0] for f in _network(problem, _layers(problem, Line()), _moved(x, (), problem))]
                for x in problem.features]


def slopes(problem: Problem, line: Line) -> tuple[list[list[arb]], arb]:
    """First derivatives along a line: of every output, and of the untilted objective."""
    with series():
        layers = _layers(problem, line)
        return [[f[1] for f in _network(problem, layers, _moved(x, (), problem))] for x in problem.features], (
            _objective(problem, line, None)[1])


def _moved(x: Sequence[float], by: Sequence[float], problem: Problem) -> list[arb_series]:
    scale = problem.scale or (1.0,) * len(x)
    by = by if len(by) else (0.0,) * len(x)
    return [arb_series([arb(v), arb(float(d)) * arb(s)]) for v, d, s in zip(x, by, scale, strict=True)]


def _layers(problem: Problem, line: Line):
    at, found = 0, []
    for h, layer in enumerate(problem.layers, 1):
        sizes = (len(layer.weights), len(layer.biases or ()))
        parts = []
        for values, size in zip((layer.weights, layer.biases or ()), sizes, strict=True):
            steps = [0.0] * size
            if h in problem.free:
                steps = list(line.weights[at:at + size]) or steps
                at += size
            parts.append([arb_series([arb(v), arb(float(d))]) for v, d in zip(values, steps, strict=True)])
        found.append(parts)
    return found


def _network(problem: Problem, layers, a: list[arb_series]) -> list[arb_series]:
    for h, (layer, (W, b)) in enumerate(zip(problem.layers, layers, strict=True), 1):
        z = []
        for r in range(layer.outputs):
            row = W[r * layer.inputs:(r + 1) * layer.inputs]
            total = b[r] if b else arb_series([0])
            for w, v in zip(row, a, strict=True):
                total = total + w * v
            z.append(total)
        a = z if h == len(problem.layers) else [ACTIVATIONS[problem.activation](x) for x in z]
    return a


def _loss(problem: Problem, i: int, f: list[arb_series], by: Sequence[float]) -> arb_series:
    if problem.loss == "logistic":
        sign = 1 if problem.labels[i] > 0 else -1
        return (1 + (f[0] * -sign).exp()).log()
    if problem.labels is not None:
        q = [arb_series([int(a == problem.labels[i])]) for a in range(len(f))]
    else:
        by = by if len(by) else (0.0,) * len(f)
        q = [arb_series([arb(v), arb(float(d))]) for v, d in zip(problem.targets[i], by, strict=True)]
    total = arb_series([0])
    if problem.loss == "squared":
        for u, v in zip(f, q, strict=True):
            total = total + (u - v) * (u - v) / 2
        return total
    partition, weight = arb_series([0]), arb_series([0])
    for u, v in zip(f, q, strict=True):
        partition, weight, total = partition + u.exp(), weight + v, total - u * v
    return total + weight * partition.log()


def _objective(problem: Problem, line: Line, tilt: Tilt) -> arb_series:
    n, layers, total = len(problem.features), _layers(problem, line), arb_series([0])
    for i, x in enumerate(problem.features):
        f = _network(problem, layers, _moved(x, line.features.get(i, ()), problem))
        share = arb_series([1, arb(float(line.samples.get(i, 0.0)))])
        total = total + share * _loss(problem, i, f, line.targets.get(i, ())) / n
        for a, u in enumerate(f):
            if tilt is not None:
                c = tilt[i][a]
                total = total - (c if isinstance(c, arb) else arb(float(c))) * u
    for h, parts in enumerate(layers, 1):
        for w in (w for part in parts for w in part):
            if h in problem.free or problem.weight_decay:
                total = total + arb(problem.weight_decay) / 2 * w * w
    return total


def problem(rng: np.random.Generator, **fixed) -> Problem:
    """A random problem of the critical map: one to three layers, every loss; numbers with few digits."""
    loss = fixed.pop("loss", str(rng.choice(["squared", "logistic", "hard", "soft"])))
    k = 1 if loss == "logistic" else int(rng.integers(2 if loss in ("hard", "soft") else 1, 4))
    widths = fixed.pop("widths", None) or [*rng.integers(1, 5, rng.integers(1, 4)).tolist(), k]
    n, k = fixed.pop("n", int(rng.integers(1, 6))), widths[-1]

    def numbers(*shape: int) -> np.ndarray:
        return np.round(rng.normal(size=shape), 2)

    layers = tuple(Layer(o, i, tuple(numbers(o * i).tolist()),
                         tuple(numbers(o).tolist()) if rng.random() < 0.7 else None)
                   for i, o in zip(widths, widths[1:], strict=False))
    depth = len(layers)
    labels = {"logistic": lambda: tuple(rng.integers(0, 2, n).astype(float).tolist()),
              "hard": lambda: tuple(rng.integers(0, k, n).astype(float).tolist())}.get(loss)
    drawn = numbers(n, k) if loss == "squared" else np.abs(numbers(n, k)) + 0.125
    targets = None if labels else tuple(map(tuple, drawn.tolist()))
    made = {
        "layers": layers, "activation": str(rng.choice(sorted(ACTIVATIONS))),
        "free": tuple(range(1, depth + 1)) if rng.random() < 0.7 else (int(rng.integers(1, depth + 1)),),
        "features": tuple(map(tuple, numbers(n, widths[0]).tolist())), "targets": targets, "groups": (),
        "kept": tuple(range(n)), "moving": tuple(sorted(rng.permutation(n)[:rng.integers(1, n + 1)].tolist())),
        "parameter": "features", "map": "critical", "base": "given", "level": None,
        "loss": "cross_entropy" if loss in ("hard", "soft") else loss,
        "weight_decay": float(rng.choice([0.0, 0.125])), "set": "total",
        "labels": labels() if labels else None,
        "scale": None if rng.random() < 0.7 else tuple(np.round(rng.uniform(0, 2, widths[0]), 1).tolist()),
        "names": None,
    }
    return Problem(**(made | fixed))
