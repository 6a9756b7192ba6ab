"""How fast the Jacobian's rows can change along straight lines in a ball of data and weights, by norms (Q1).

Along `s ↦ (x_i + su_i, w̄ + sΔw)`, s in [0, 1], `|u_i| ≤ t_i`, `|Δw| ≤ ρ`, every vector of the passes is a C² curve; for
each one bounds of its length, and of the lengths of its first and second derivative in s, for all s and all such lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from certify.network.layers.tangents import Point
from certify.rigor import fp
from certify.rigor.activation import activation
from certify.rigor.ball import Matrix
from certify.rigor.fp import RAISE, Array

CORNERS = 36
"""Most boxes by which the changes of the layers are covered."""


@dataclass(frozen=True, eq=False)
class Growth:
    """Bounds for all lines with the same radii of the layers (first axis), one a row `i·k + a` (last axis).

    Attributes:
        first, second: of the first and second derivative of `∂f/∂w` in s.
        feature_second: of the second derivative of `∂f/∂x`.
    """

    first: Array
    second: Array
    feature_second: Array


@dataclass(frozen=True, eq=False)
class _Layer:
    """Bounds of a hidden layer: z', z'' (2-norm), z' (largest entry), φ' and φ'' on the lines."""

    z1: Array
    z2: Array
    widest: Array
    slope: Array
    bend: Array

    def repeated(self, k: int) -> _Layer:
        return _Layer(*(np.repeat(x, k, axis=-1) for x in (self.z1, self.z2, self.widest, self.slope, self.bend)))


def shares(depth: int) -> Array:
    """Radii of the layers, as parts of ρ, such that every `Σ_h |Δw^(h)|² ≤ ρ²` lies below one of them.

    Squares are rounded up to multiples of 1/m: `j_h ≥ 1`, `Σ(j_h − 1) ≤ m − 1`.

    Returns:
        `(c, H)` array, rounded up.

    >>> shares(1).round(9).tolist(), len(shares(2)), len(shares(3))
    ([[1.0]], 36, 36)
    """
    m = 1
    while _count(m + 1, depth) <= CORNERS and m < CORNERS and depth > 1:
        m += 1
    total = m + depth - 1
    parts = [np.diff((0, *bars, total)) for bars in combinations(range(1, total), depth - 1)]
    return np.sqrt(np.array(parts) / m) * RAISE


def _count(m: int, depth: int) -> int:
    """Compositions of m + H − 1 into H positive parts."""
    count = 1
    for j in range(1, depth):
        count = count * (m + depth - 1 - j) // j
    return count


def path_growth(point: Point, t: Array, radii: Array) -> Growth:
    """Bounds over all lines to points with `|u_i| ≤ t_i`, `|Δw^(h)| ≤ radii[c, h − 1]`, for every c.

    `z' = ΔW ã + W a'`, `z'' = 2ΔW a' + W a''`, `a' = φ'z'`, `a'' = φ''z'z' + φ'z''`; backwards `Y' = B'W + BΔW`,
    `Y'' = B''W + 2B'ΔW`, `B' = Y'φ' + Yφ''z'`, `B'' = Y''φ' + 2Y'φ''z' + Y(φ'''z'z' + φ''z'')`; a row is `B ⊗ ã`.
    Values on a line are those at the centre and the length of the derivative. A product entry by entry is at most the
    largest entry of one factor times the length of the other.

    Args:
        point: the centre, from :func:`certify.network.layers.tangents.at_point`.
        t: `(n,)` radii of the rows' features.
        radii: `(c, H)` radii of the layers, weights and bias together.
    """
    net, k = point.network, point.passed.output.mid.shape[1]
    steps = [_up(radii[:, h : h + 1]) for h in range(net.depth)]
    layers, inputs = _forward(point, t, steps)
    layers = [layer.repeated(k) for layer in layers]
    third = activation(net.activation).third
    shape = (len(radii), len(t) * k)
    b0, b1, b2 = np.ones(shape), np.full(shape, fp.FLOOR), np.full(shape, fp.FLOOR)
    firsts, seconds = [], []
    for h in range(net.depth, 0, -1):
        A0, a1, a2 = (np.repeat(x, k, axis=-1) for x in inputs[h - 1])
        firsts.append(_up(b1 * A0 + b0 * a1))
        seconds.append(_up(b2 * A0 + 2.0 * b1 * a1 + b0 * a2))
        W, r = point.weights[h - 1].weight, steps[h - 1]
        wide = W.spectral + r
        y1, y2 = _up(wide * b1 + r * b0), _up(wide * b2 + 2.0 * r * b1)
        if h == 1:
            break
        top1 = np.minimum(y1, _up((_longest(W.turned()) + r) * b1 + r * b0))
        carried, layer = point.carried[h - 2], layers[h - 2]
        top0 = _up(np.abs(carried.mid.hi).max(axis=1) + carried.rad + top1)
        b1 = _up(layer.slope * y1 + top0 * _up(layer.bend * layer.z1))
        crossed = np.minimum(_up(y1 * layer.widest), _up(top1 * layer.z1))
        bent = _up(third * _up(layer.widest * layer.z1) + layer.bend * layer.z2)
        b2 = _up(layer.slope * y2 + 2.0 * layer.bend * crossed + top0 * bent)
        b0 = _up(point.adjoints[h - 1].norm + b1)
    return Growth(_joined(firsts), _joined(seconds), fp.require_finite(y2, "growth along lines"))


def _forward(point: Point, t: Array, steps: list[Array]) -> tuple[list[_Layer], list[tuple[Array, Array, Array]]]:
    """Hidden layers, and of every layer's input `|ã|`, `|a'|`, `|a''|`."""
    net = point.network
    phi = activation(net.activation)
    shape = (len(steps[0]), len(t))
    a1, a2 = np.broadcast_to(np.maximum(t, fp.FLOOR), shape), np.full(shape, fp.FLOOR)
    layers, inputs = [], []
    for h in range(1, net.depth + 1):
        value = _up(point.passed.inputs[h - 1].norm + a1)
        if net.biases[h - 1] is not None:
            value = _up(np.sqrt(value * value + 1.0))
        inputs.append((value, a1, a2))
        if h == net.depth:
            break
        W, r = point.weights[h - 1].weight, steps[h - 1]
        wide = W.spectral + r
        z1, z2 = _up(wide * a1 + r * value), _up(wide * a2 + 2.0 * r * a1)
        widest = np.minimum(z1, _up((_longest(W) + r) * a1 + r * value))
        slope, bend = point.passed.slopes[h - 1], point.bends[h - 1]
        steep = _up(np.abs(slope.mid.hi).max(axis=1) + slope.rad + phi.curvature * widest)
        bent = _up(np.abs(bend.mid.hi).max(axis=1) + bend.rad + phi.third * widest)
        layer = _Layer(z1, z2, widest, np.minimum(phi.slope_bound, steep), np.minimum(phi.curvature, bent))
        layers.append(layer)
        a1, a2 = _up(layer.slope * z1), _up(layer.bend * _up(widest * z1) + layer.slope * z2)
    return layers, inputs


def _longest(W: Matrix) -> float:
    """Norm of the longest row."""
    return float(fp.row_norms(W.value.hi).max())


def _up(x: Array) -> Array:
    """Covers the few roundings of a step; at least `FLOOR`, so that the next product cannot underflow (R0)."""
    return np.maximum(x * RAISE, fp.FLOOR)


def _joined(parts: list[Array]) -> Array:
    return fp.require_finite(fp.row_norms(np.stack(parts, axis=-1)) * RAISE, "growth along lines")
