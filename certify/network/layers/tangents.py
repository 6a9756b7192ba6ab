"""Derivatives of the Jacobian's rows along one direction at a time, enclosed: `D(∂_w f)(x_i, w)[ξ_i, V]` (Q1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.format.errors import EnclosureError
from certify.network.layers.passes import Forward, Slope, Weights, backward, forward
from certify.network.network import Network
from certify.rigor import fp
from certify.rigor.activation import activation
from certify.rigor.arithmetic import Arithmetic, Binary64, Pair
from certify.rigor.ball import Balls, Matrix, affine, exact_points
from certify.rigor.fp import RAISE, Array, U


@dataclass(frozen=True, eq=False)
class Point:
    """What derivatives at one point `(x, w)` are made of, in binary64; one output a row `i·k + a`.

    Attributes:
        network: the network, smooth.
        weights: its parameters, exact.
        passed: forward pass with pre-activations.
        adjoints: `(B_0, …, B_H)`, `B_h = ∂f/∂z_h`, `B_0 = ∂f/∂x`.
        carried: `carried[h − 1]` encloses `Y_h = B_{h+1}W_{h+1}`, so that `B_h = Y_h ∘ φ'(z_h)`.
        bends: `bends[h − 1]` encloses `φ''(z_h)`.
        curved: `curved[h − 1]` encloses `Y_h ∘ φ''(z_h)`.
    """

    network: Network
    weights: Weights
    passed: Forward
    adjoints: tuple[Balls, ...]
    carried: tuple[Balls, ...]
    bends: tuple[Slope, ...]
    curved: tuple[Balls, ...]


@dataclass(frozen=True, eq=False)
class Tangent:
    """`D(∂_w f_a)(x_i, w)[ξ_i, V]` and `D(∂_x f_a)(x_i, w)[ξ_i, V]`.

    Attributes:
        rows: `(n·k, p)` midpoints, parameters in the order of :mod:`certify.network.layers.jacobian`, all layers.
        rad: `(n·k,)` Euclidean radii.
        features: balls around the `(n·k, d)` derivatives of `∂f/∂x`.
    """

    rows: Array
    rad: Array
    features: Balls


def at_point(network: Network, weights: Weights, X: Array) -> Point:
    """Passes, and second derivatives of the activations, at the data.

    Args:
        network: fully connected, with an activation that is C³; or with relu or leaky relu and one hidden layer: then
            what is differentiated is the network with the slopes kept that it has at the data.
        weights: from :func:`certify.network.layers.passes.known_weights`.
        X: `(n, d)` features.

    Raises:
        EnclosureError: an activation whose second derivative jumps (elu), or kinks and more than one hidden layer; a
            pre-activation at a kink; an overflow.
    """
    phi, arithmetic = activation(network.activation), Binary64()
    if network.depth > 1 and (phi.bends or (phi.kinks and network.depth > 2)):
        found = f"{phi.name}, which has kinks, in several layers" if phi.kinks else (
            f"{phi.name}, whose second derivative jumps")
        raise EnclosureError("second derivatives", found, "use a smooth activation, e.g. tanh, gelu or softplus")
    passed = forward(network, weights, X, arithmetic, keep_pre=True)
    if passed.kinks[0]:
        raise EnclosureError("second derivatives", "a pre-activation that may be 0", "change the data slightly")
    adjoints = backward(network, weights, passed, arithmetic)
    k = passed.output.mid.shape[1]
    carried, bends, curved = [], [], []
    for h in range(1, network.depth):
        y = affine(adjoints[h + 1], weights[h].weight.turned(), None, arithmetic)
        z = passed.pre[h - 1]
        found = phi.enclose(z.mid.hi, 2)[2]
        # φ'' is sup|φ'''|-Lipschitz; never further off than all its values
        rad = np.minimum((phi.third * z.rad + found.error.max(axis=1)) * RAISE,
                         (phi.curvature + np.abs(found.mid).max(axis=1)) * RAISE)
        bend = Slope(Pair(found.mid), rad, phi.curvature)
        carried.append(y)
        bends.append(bend)
        curved.append(times_slope(y, bend, k, arithmetic))
    return Point(network, weights, passed, adjoints, tuple(carried), tuple(bends), tuple(curved))


def tangent(point: Point, direction: Array | None, moved: Array | None = None) -> Tangent:
    """Differentiate all rows of the Jacobian along one direction.

    `z_h' = V_hã_{h−1} + W_ha_{h−1}'`, `a_h' = φ'(z_h)∘z_h'`, `Y_h' = B_{h+1}'W_{h+1} + B_{h+1}V_{h+1}`,
    `B_h' = Y_h'∘φ'(z_h) + Y_h∘φ''(z_h)∘z_h'`; the rows are `B_h'⊗ã_{h−1} + B_h⊗ã_{h−1}'`.

    Args:
        point: from :func:`at_point`.
        direction: `(p,)` of the weights, exact; None for 0.
        moved: `(n, d)` of the features, exact; None for 0.

    >>> from certify.network.layers.passes import known_weights
    >>> net = Network((np.array([[3.0]]), np.array([[2.0]])), (None, None), "identity")
    >>> t = tangent(at_point(net, known_weights(net), np.ones((1, 1))), np.array([1.0, 10.0]))
    >>> t.rows.tolist(), t.features.mid.hi.tolist()
    ([[10.0, 1.0]], [[32.0]])
    """
    net, arithmetic = point.network, Binary64()
    V = None if direction is None else _layers(net, direction)
    n, k = point.passed.output.mid.shape
    a = exact_points(np.zeros((n, net.widths[0])) if moved is None else moved, arithmetic)
    inputs, pre = [a], []
    for h in range(1, net.depth):
        z = affine(a, point.weights[h - 1].weight, None, arithmetic)
        if V is not None:
            z = plus(z, affine(point.passed.inputs[h - 1], *V[h - 1], arithmetic), arithmetic)
        a = times_slope(z, point.passed.slopes[h - 1], 1, arithmetic)
        inputs.append(a)
        pre.append(z)
    b = exact_points(np.zeros((n * k, k)), arithmetic)
    outer = [b]
    for h in range(net.depth - 1, -1, -1):
        b = affine(b, point.weights[h].weight.turned(), None, arithmetic)
        if V is not None:
            b = plus(b, affine(point.adjoints[h + 1], V[h][0].turned(), None, arithmetic), arithmetic)
        if h > 0:
            bent = times_rows(point.curved[h - 1], pre[h - 1], k, arithmetic)
            b = plus(times_slope(b, point.passed.slopes[h - 1], k, arithmetic), bent, arithmetic)
        outer.append(b)
    outer.reverse()
    rows, rad = _rows(point, inputs, outer)
    return Tangent(rows, rad, outer[0])


def _rows(point: Point, inputs: list[Balls], outer: list[Balls]) -> tuple[Array, Array]:
    """`B'⊗ã + B⊗ã'` layer by layer, each entry rounded three times, and Euclidean radii of the rows."""
    k = point.passed.output.mid.shape[1]
    parts, total = [], np.zeros(len(outer[0].rad))
    for h in range(1, point.network.depth + 1):
        a, da = (_repeated(x, k) for x in (point.passed.inputs[h - 1], inputs[h - 1]))
        b, db = point.adjoints[h], outer[h]
        block = db.mid.hi[:, :, None] * a.mid.hi[:, None, :] + b.mid.hi[:, :, None] * da.mid.hi[:, None, :]
        parts.append(block.reshape(len(block), -1))
        size = db.norm * a.norm + b.norm * da.norm
        rad = db.rad * a.norm + db.norm * a.rad + b.rad * da.norm + b.norm * da.rad + 3.0 * U * size
        if point.network.biases[h - 1] is not None:
            parts.append(db.mid.hi)
            rad = rad + db.rad
        total = (total + rad) * RAISE
    return np.concatenate(parts, axis=1), fp.require_finite(total, "second derivatives")


def _layers(net: Network, direction: Array) -> list[tuple[Matrix, Pair | None]]:
    """The direction as weights and biases; the spectral norm of one is bounded by its Frobenius norm."""
    found: list[tuple[Matrix, Pair | None]] = []
    at = 0
    for W, b in zip(net.weights, net.biases, strict=True):
        V = np.ascontiguousarray(direction[at : at + W.size].reshape(W.shape))
        at += W.size
        size = fp.frobenius(V)
        bias = None
        if b is not None:
            bias = Pair(direction[at : at + b.size])
            at += b.size
        found.append((Matrix(Pair(V), size, size), bias))
    return found


def _repeated(x: Balls, k: int) -> Balls:
    return x if k == 1 else Balls(Pair(np.repeat(x.mid.hi, k, axis=0)), np.repeat(x.rad, k), np.repeat(x.norm, k))


def times_slope(x: Balls, d: Slope, k: int, arithmetic: Arithmetic) -> Balls:
    """`x ∘ d`, d repeated for k outputs: `rad = λ rad + |x|(r + unit(λ + r))`."""
    n, m = d.mid.shape
    y = arithmetic.multiply(x.mid.reshape(n, k, m), d.mid.reshape(n, 1, m)).reshape(n * k, m)
    r = np.repeat(d.rad, k)
    return Balls.make(y, (d.bound * x.rad + x.norm * (r + arithmetic.unit * (d.bound + r))) * RAISE, arithmetic)


def times_rows(x: Balls, y: Balls, k: int, arithmetic: Arithmetic) -> Balls:
    """`x ∘ y`, y repeated for k outputs: `rad = rad_x|y| + |x|rad_y + unit|x||y|` (an entry is at most the norm)."""
    other = _repeated(y, k)
    mid = arithmetic.multiply(x.mid, other.mid)
    rad = x.rad * other.norm + x.norm * other.rad + arithmetic.unit * x.norm * other.norm
    return Balls.make(mid, rad * RAISE, arithmetic)


def plus(x: Balls, y: Balls, arithmetic: Arithmetic) -> Balls:
    """`x + y`: `rad_x + rad_y + unit·(|x| + |y|)`."""
    return Balls.make(arithmetic.add(x.mid, y.mid), (x.rad + y.rad + arithmetic.unit * (x.norm + y.norm)) * RAISE,
                      arithmetic)
