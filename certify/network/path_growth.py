"""How fast the Jacobian's rows can change along straight lines in a ball of data and weights, by norms (Q1).

Along `s ↦ (x_i + su_i, w̄ + sΔw)`, s in [0, 1], `|u_i| ≤ t_i`, `|Δw| ≤ ρ`, every vector of the passes is a C² curve; for
each one bounds of its length, and of the lengths of its first and second derivative in s, for all s and all such lines.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.network.network import Network
from certify.network.tangents import Point
from certify.rigor import fp
from certify.rigor.activation import activation
from certify.rigor.fp import RAISE, Array


@dataclass(frozen=True, eq=False)
class Growth:
    """Bounds for all lines, one a row `i·k + a`.

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


def path_growth(point: Point, t: Array, rho: float) -> Growth:
    """Bounds over all lines to points with `|u_i| ≤ t_i`, `|Δw| ≤ ρ`.

    `z' = ΔW ã + W a'`, `z'' = 2ΔW a' + W a''`, `a' = φ'z'`, `a'' = φ''z'z' + φ'z''`; backwards `Y' = B'W + BΔW`,
    `Y'' = B''W + 2B'ΔW`, `B' = Y'φ' + Yφ''z'`, `B'' = Y''φ' + 2Y'φ''z' + Y(φ'''z'z' + φ''z'')`; a row is `B ⊗ ã`. Values
    on a line are those at the centre and the length of the derivative. A product entry by entry is at most the largest
    entry of one factor times the length of the other.

    Args:
        point: the centre, from :func:`certify.network.tangents.at_point`.
        t: `(n,)` radii of the rows' features.
        rho: radius of all weights together.
    """
    net, k = point.network, point.passed.output.mid.shape[1]
    layers, inputs = _forward(point, t, rho)
    layers = [_Layer(*(np.repeat(getattr(x, f), k) for f in ("z1", "z2", "widest", "slope", "bend"))) for x in layers]
    third = activation(net.activation).third
    n = len(t) * k
    b0, b1, b2 = np.ones(n), np.full(n, fp.FLOOR), np.full(n, fp.FLOOR)
    firsts, seconds = [], []
    for h in range(net.depth, 0, -1):
        A0, a1, a2 = (np.repeat(x, k) for x in inputs[h - 1])
        firsts.append(_up(b1 * A0 + b0 * a1))
        seconds.append(_up(b2 * A0 + 2.0 * b1 * a1 + b0 * a2))
        W = point.weights[h - 1].weight
        wide = (W.spectral + rho) * RAISE
        y1, y2 = _up(wide * b1 + rho * b0), _up(wide * b2 + 2.0 * rho * b1)
        if h == 1:
            break
        column = (float(fp.row_norms(np.ascontiguousarray(W.value.hi.T)).max()) + rho) * RAISE
        top1 = np.minimum(y1, _up(column * b1 + rho * b0))
        carried, layer = point.carried[h - 2], layers[h - 2]
        top0 = _up(np.abs(carried.mid.hi).max(axis=1) + carried.rad + top1)
        square = _up(layer.widest * layer.z1)
        b1 = _up(layer.slope * y1 + top0 * _up(layer.bend * layer.z1))
        crossed = np.minimum(_up(y1 * layer.widest), _up(top1 * layer.z1))
        b2 = _up(layer.slope * y2 + 2.0 * layer.bend * crossed + top0 * _up(third * square + layer.bend * layer.z2))
        b0 = _up(point.adjoints[h - 1].norm + b1)
    return Growth(_joined(firsts), _joined(seconds), fp.require_finite(y2, "growth along lines"))


def _forward(point: Point, t: Array, rho: float) -> tuple[list[_Layer], list[tuple[Array, Array, Array]]]:
    """Hidden layers, and of every layer's input `|ã|`, `|a'|`, `|a''|`."""
    net: Network = point.network
    phi = activation(net.activation)
    a1, a2 = np.maximum(t, fp.FLOOR), np.full(len(t), fp.FLOOR)
    layers, inputs = [], []
    for h in range(1, net.depth + 1):
        value = _up(point.passed.inputs[h - 1].norm + a1)
        if net.biases[h - 1] is not None:
            value = _up(np.sqrt(value * value + 1.0))
        inputs.append((value, a1, a2))
        if h == net.depth:
            break
        W = point.weights[h - 1].weight
        wide = (W.spectral + rho) * RAISE
        row = (float(fp.row_norms(W.value.hi).max()) + rho) * RAISE
        z1, z2 = _up(wide * a1 + rho * value), _up(wide * a2 + 2.0 * rho * a1)
        widest = np.minimum(z1, _up(row * a1 + rho * value))
        slope, bend = point.passed.slopes[h - 1], point.bends[h - 1]
        steep = np.abs(slope.mid.hi).max(axis=1) + slope.rad + phi.curvature * widest
        bent = np.abs(bend.mid.hi).max(axis=1) + bend.rad + phi.third * widest
        layer = _Layer(z1, z2, widest, np.minimum(phi.slope_bound, _up(steep)), np.minimum(phi.curvature, _up(bent)))
        layers.append(layer)
        a1, a2 = _up(layer.slope * z1), _up(layer.bend * _up(widest * z1) + layer.slope * z2)
    return layers, inputs


def _up(x: Array) -> Array:
    """Covers the few roundings of a step; at least `FLOOR`, so that the next product cannot underflow (R0)."""
    return np.maximum(x * RAISE, fp.FLOOR)


def _joined(parts: list[Array]) -> Array:
    return fp.require_finite(fp.row_norms(np.stack(parts, axis=1)) * RAISE, "growth along lines")
