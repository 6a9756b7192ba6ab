"""Containment of what Q1 is made of: second derivatives along directions, and growth along lines.

The oracle differentiates nothing: it evaluates rows of the Jacobian on a line as truncated power series over balls.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from flint import arb, arb_series, ctx

from certify.network.layers.passes import known_weights
from certify.network.layers.tangents import Point, Tangent, at_point, tangent
from certify.network.lipschitz.along_paths import path_growth, shares
from certify.network.network import Network
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, expect, refusing

Rng = np.random.Generator
SMOOTH = ("tanh", "gelu", "sigmoid", "softplus", "identity")


def random_network(rng: np.random.Generator, outputs: int = 1) -> tuple[Network, np.ndarray]:
    widths = (int(rng.integers(1, 4)), *(int(v) for v in rng.integers(1, 5, int(rng.integers(0, 3)))), outputs)
    size = float(10.0 ** rng.uniform(-1, 0.7))
    weights = tuple(size * rng.standard_normal((b, a)) for a, b in zip(widths, widths[1:], strict=False))
    biases = tuple(rng.standard_normal(b) if rng.random() < 0.7 else None for b in widths[1:])
    return Network(weights, biases, str(rng.choice(SMOOTH))), rng.standard_normal((int(rng.integers(1, 4)), widths[0]))


def scalar_chain(rng: Rng) -> tuple[Network, np.ndarray]:
    """One unit a layer, no biases, one feature."""
    depth = int(rng.integers(1, 4))
    weights = tuple(rng.choice([-1.0, 1.0]) * rng.uniform(0.5, 2.0, (1, 1)) for _ in range(depth))
    return Network(weights, (None,) * depth, str(rng.choice(SMOOTH))), rng.uniform(0.5, 1.5, (1, 1))


def series(name: str, z: arb_series) -> tuple[arb_series, arb_series]:
    if name == "identity":
        return z, arb_series([1])
    if name == "tanh":
        e = (2 * z).exp()
        t = (e - 1) / (e + 1)
        return t, 1 - t * t
    if name in ("sigmoid", "softplus"):
        e = z.exp()
        s = e / (1 + e)
        return (s, s * (1 - s)) if name == "sigmoid" else ((1 + e).log(), s)
    half = arb(1) / 2
    normal = (1 + (z * half.sqrt()).erf()) * half
    density = (-(z * z) * half).exp() * (half / arb.pi()).sqrt()
    return z * normal, normal + z * density


def line(start: np.ndarray, step: np.ndarray, at: float) -> list[arb_series]:
    return [arb_series([arb(a) + arb(at) * arb(b), arb(b)]) for a, b in zip(start.ravel(), step.ravel(), strict=True)]


def along(net: Network, x: np.ndarray, u: np.ndarray, V: np.ndarray, output: int, at: float):
    """Rows `∂f_a/∂w` and `∂f_a/∂x` at `(x + su, w̄ + sV)` as series in s − at."""
    a, layers, pos = line(x, u, at), [], 0
    values, slopes = [a], []
    for h, (W, b) in enumerate(zip(net.weights, net.biases, strict=True), 1):
        Ws = line(W, V[pos : pos + W.size], at)
        pos += W.size
        bs = None
        if b is not None:
            bs = line(b, V[pos : pos + b.size], at)
            pos += b.size
        m, d = W.shape
        z = [sum((Ws[i * d + j] * a[j] for j in range(d)), arb_series([0]) if bs is None else bs[i]) for i in range(m)]
        layers.append((Ws, bs, m, d))
        if h < net.depth:
            both = [series(net.activation, v) for v in z]
            a, slope = [v for v, _ in both], [s for _, s in both]
            values.append(a)
            slopes.append(slope)
    B = [arb_series([int(i == output)]) for i in range(layers[-1][2])]
    parts = []
    for h in range(net.depth, 0, -1):
        Ws, bs, m, d = layers[h - 1]
        rows = [B[i] * values[h - 1][j] for i in range(m) for j in range(d)]
        parts.insert(0, rows + (B if bs is not None else []))
        B = [sum((B[i] * Ws[i * d + j] for i in range(m)), arb_series([0])) for j in range(d)]
        if h > 1:
            B = [v * s for v, s in zip(B, slopes[h - 2], strict=True)]
    return [v for part in parts for v in part], B


def coefficient(rows: list[arb_series], order: int) -> list[arb]:
    return [r[order] if len(r) > order else arb(0) for r in rows]


def length(v: list[arb]) -> arb:
    return sum((x * x for x in v), arb(0)).sqrt()


@attack("second_derivatives", "Q1")
def second_derivatives(rng: Rng) -> Outcome:
    """Tangents along a direction of weights, of features and of both, against series."""
    k = int(rng.integers(1, 3))
    net, X = random_network(rng, k)
    V, u = rng.standard_normal(net.parameters("all")), rng.standard_normal(X.shape)
    V, u = [(V, None), (None, u), (V, u)][int(rng.integers(3))]

    def found() -> tuple[Point, Tangent]:
        point = at_point(net, known_weights(net), X)
        return point, tangent(point, V, u)

    both = refusing(found)
    if both is None:
        return "refused"
    got = both[1]
    with _series(2):
        for i, a in np.ndindex(len(X), k):
            still = np.zeros_like(X[i]) if u is None else u[i]
            parts = along(net, X[i], still, np.zeros(net.parameters("all")) if V is None else V, a, 0.0)
            at = i * k + a
            for part, mid, rad in zip(parts, (got.rows, got.features.mid.hi), (got.rad, got.features.rad), strict=True):
                gaps = [c - arb(float(m)) for c, m in zip(coefficient(part, 1), mid[at], strict=True)]
                expect(bool(length(gaps) <= arb(float(rad[at]))), "tangent within its radius", X=X, u=u, V=V, at=at,
                       activation=net.activation, weights=net.weights, biases=net.biases)
    return "decided"


@attack("path_growth", "Q1")
def path_growth_kept(rng: Rng) -> Outcome:
    """Derivatives on a random line against the bounds of every box that holds it."""
    chain = rng.random() < 0.5
    net, X = scalar_chain(rng) if chain else random_network(rng)
    t, rho = 10.0 ** rng.uniform(-4, 0, len(X)), float(10.0 ** rng.uniform(-4, 0))
    if chain:  # nothing is lost by norms of numbers, so that a bound short of one term fails
        t, rho = t * 1e-4, rho * 1e-4
        radii = rho * rng.choice([0.01, 0.5, 1.0], (1, net.depth))
    else:
        radii = rho * shares(net.depth)
    growth = refusing(lambda: path_growth(at_point(net, known_weights(net), X), t, radii))
    if growth is None:
        return "refused"
    V = rng.standard_normal(net.parameters("all")) * 10.0 ** rng.uniform(-2, 0, net.parameters("all"))
    V = radii[0] * np.sign(V) if chain else V * (rho / np.linalg.norm(V))
    V *= 1 - 1e-12
    ends = np.cumsum([net.parameters(h) for h in range(1, net.depth + 1)])
    sizes = np.array([np.linalg.norm(part) for part in np.split(V, ends[:-1])])
    above = (sizes <= radii).all(axis=1)
    expect(bool(above.any()), "a box holds the change", sizes=sizes, rho=rho)
    with _series(3):
        for i, x in enumerate(X):
            u = rng.standard_normal(X.shape[1])
            u *= t[i] * (1 - 1e-12) / np.linalg.norm(u)
            rows, features = along(net, x, u, V, 0, float(rng.choice([0.0, rng.random(), 1.0])))
            for values, part, order in ((growth.first, rows, 1), (growth.second, rows, 2),
                                        (growth.feature_second, features, 2)):
                most = arb(float(values[above, i].min()))
                expect(bool(length(coefficient(part, order)) * order <= most), f"derivative {order} within its bound",
                       x=x, u=u, V=V, activation=net.activation, weights=net.weights, biases=net.biases)
    return "decided"


@contextmanager
def _series(terms: int) -> Iterator[None]:
    before, cap = ctx.prec, ctx.cap
    ctx.prec, ctx.cap = 200, terms
    try:
        yield
    finally:
        ctx.prec, ctx.cap = before, cap
