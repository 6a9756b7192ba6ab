"""Rigorous forward and backward pass of a fully connected network, as per-sample balls."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from certify.network.network import Network
from certify.rigor import fp
from certify.rigor.activation import Activation, activation
from certify.rigor.arithmetic import Arithmetic, Pair
from certify.rigor.ball import Balls, Matrix, affine, exact_points, known_matrix, rounded
from certify.rigor.fp import RAISE, Array


@dataclass(frozen=True, eq=False)
class Slope:
    """Derivatives `φ'(z)` of one hidden layer.

    Attributes:
        mid: `(n, m)` pair.
        rad: `(n,)` bound of the error of each entry of a row.
        bound: bound of the size of every true entry, `sup|φ'|`.
    """

    mid: Pair
    rad: Array
    bound: float


@dataclass(frozen=True)
class Kink:
    """A unit whose pre-activation could not be proved away from a kink; `layer` is a number, or a node of a graph.

    `twins`: it is a maximum of entries that are equal whatever the weights (G7), which no finer arithmetic parts.
    """

    row: int
    layer: int | str
    unit: int
    value: float
    twins: bool = False


@dataclass(frozen=True, eq=False)
class Forward:
    """What a forward pass leaves behind.

    Attributes:
        inputs: `inputs[h]` encloses the input `a_h` of layer h + 1.
        slopes: `slopes[h]` encloses `φ'(z_{h+1})`.
        pre: `pre[h]` encloses the pre-activation `z_{h+1}` of a hidden layer; empty unless asked for.
        output: encloses the network's outputs.
        kinks: number of units not proved away from a kink, over all rows, and the first few of them.
        margin: proved lower bound of the smallest distance from a kink; None for smooth activations.
        dead: hidden units proved inactive on every row, one count a hidden layer (ReLU only).
    """

    inputs: tuple[Balls, ...]
    slopes: tuple[Slope, ...]
    pre: tuple[Balls, ...]
    output: Balls
    kinks: tuple[int, tuple[Kink, ...]]
    margin: float | None
    dead: tuple[int, ...]

    def without_layers(self) -> Forward:
        """The same without what is as large as the layers, once the kernel is made."""
        return replace(self, inputs=(), slopes=(), pre=())


@dataclass(frozen=True, eq=False)
class Layer:
    """Weight and bias of a layer, exact or up to a radius.

    Attributes:
        weight: the matrix with its norms.
        bias: `(out,)` pair, or None.
        bias_radius: Euclidean radius of the bias.
    """

    weight: Matrix
    bias: Pair | None
    bias_radius: float = 0.0


Weights = tuple[Layer, ...]


def known_weights(network: Network) -> Weights:
    """The network's own parameters, exact, with verified norms."""
    return tuple(
        Layer(known_matrix(W), None if b is None else Pair(b))
        for W, b in zip(network.weights, network.biases, strict=True)
    )


def forward(
    network: Network, weights: Weights, X: Array | Balls, arithmetic: Arithmetic, keep_pre: bool = False
) -> Forward:
    """Enclose layer inputs, slopes and outputs for every row of X (R8).

    Args:
        network: the network.
        weights: its parameters, from :func:`known_weights`.
        X: `(n, d)` data, exact; or balls that hold them.
        arithmetic: what computes the midpoints.
        keep_pre: keep the pre-activations too.
    """
    phi = activation(network.activation)
    a = X if isinstance(X, Balls) else exact_points(X, arithmetic)
    inputs, slopes, pre = [a], [], []
    kinks: list[Kink] = []
    dead: list[int] = []
    count, margin = 0, np.inf
    for h in range(network.depth - 1):
        z = affine(a, weights[h].weight, weights[h].bias, arithmetic, weights[h].bias_radius)
        a, slope = _activate(phi, z, arithmetic)
        if not phi.smooth:
            open_units = phi.kink(z.mid.hi, z.rad[:, None])
            margin = min(margin, float((phi.kink_distance(z.mid.hi) - z.rad[:, None]).min()) / RAISE)
            for i, j in np.argwhere(open_units)[: max(0, 5 - len(kinks))]:
                kinks.append(Kink(int(i), h + 1, int(j), float(z.mid.hi[i, j])))
            count += int(open_units.sum())
            idle = ~open_units & (z.mid.hi < 0) if phi.name == "relu" else np.zeros_like(open_units)
            dead.append(int(idle.all(axis=0).sum()))
        inputs.append(a)
        slopes.append(slope)
        if keep_pre:
            pre.append(z)
    output = affine(a, weights[-1].weight, weights[-1].bias, arithmetic, weights[-1].bias_radius)
    smooth = phi.smooth or network.depth == 1
    distance = None if smooth else margin
    return Forward(
        tuple(inputs), tuple(slopes), tuple(pre), output, (count, tuple(kinks)), distance, tuple(dead)
    )


def _activate(phi: Activation, z: Balls, arithmetic: Arithmetic) -> tuple[Balls, Slope]:
    """φ is `sup|φ'|`-Lipschitz, φ' is `sup|φ''|`-Lipschitz away from kinks; kinks are reported by the caller (R8)."""
    value, slope = arithmetic.activate(phi, z.mid)
    rad = (phi.slope_bound * z.rad + fp.row_norms(value.error)) * RAISE
    spread = (phi.curvature * z.rad + slope.error.max(axis=1)) * RAISE
    spread = np.minimum(spread, (phi.slope_bound + np.abs(slope.mid.hi).max(axis=1)) * RAISE)
    return Balls.make(value.mid, rad, arithmetic), Slope(slope.mid, spread, phi.slope_bound)


def backward(
    network: Network, weights: Weights, passed: Forward, arithmetic: Arithmetic, seeds: Balls | None = None
) -> tuple[Balls, ...]:
    """Enclose `B_h = ∂f/∂z_h` for every layer and `B_0 = ∂f/∂x` (R9).

    Row `i·k + a` belongs to sample i and output a. `B_{h−1} = (B_h W_h) ∘ φ'(z_{h−1})`.

    Args:
        network: the network.
        weights: its parameters.
        passed: the forward pass.
        arithmetic: what computes the midpoints.
        seeds: one cotangent `c_i` of the outputs a sample; then row i of every result is `c_iᵀ∂f/∂z_h`.

    Returns:
        `(B_0, B_1, …, B_H)`, each with `n·k` rows (n with seeds).
    """
    n, k = passed.output.mid.shape
    if seeds is None:
        b = exact_points(np.tile(np.eye(k), (n, 1)), arithmetic)
    else:
        b, k = seeds, 1
    result = [b]
    for h in range(network.depth - 1, -1, -1):
        b = affine(b, weights[h].weight.turned(), None, arithmetic)
        if h > 0:
            b = _times_slope(b, passed.slopes[h - 1], k, arithmetic)
        result.append(b)
    return tuple(reversed(result))


def _times_slope(b: Balls, slope: Slope, k: int, arithmetic: Arithmetic) -> Balls:
    """`b ∘ φ'`: `rad = λ rad_b + |b|·(r + unit·(λ + r))`, λ the bound of the true slopes, r their radius."""
    n, m = slope.mid.shape
    product = arithmetic.multiply(b.mid.reshape(n, k, m), slope.mid.reshape(n, 1, m)).reshape(n * k, m)
    r = np.repeat(slope.rad, k)
    most = slope.bound
    return Balls.make(product, (most * b.rad + b.norm * (r + arithmetic.unit * (most + r))) * RAISE, arithmetic)


def rounded_passes(passed: Forward, adjoints: tuple[Balls, ...]) -> tuple[Forward, tuple[Balls, ...]]:
    """Passes in double-double as passes in float64; slopes and pre-activations are dropped."""
    inputs = tuple(rounded(a) for a in passed.inputs)
    return replace(passed, inputs=inputs, slopes=(), pre=()), tuple(rounded(b) for b in adjoints)
