"""Rigorous forward and backward pass of a fully connected network, as per-sample balls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.network.network import Network
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic, Pair
from certify.rigor.ball import Balls, Matrix, affine, exact_points, known_matrix
from certify.rigor.fp import RAISE, Array


@dataclass(frozen=True, eq=False)
class Slope:
    """Derivatives `φ'(z)` of one hidden layer.

    Attributes:
        mid: `(n, m)` pair.
        rad: `(n,)` bound of the error of each entry of a row; entries of the true row lie in [0, 1].
    """

    mid: Pair
    rad: Array


@dataclass(frozen=True)
class Kink:
    """A ReLU unit whose pre-activation could not be proved different from 0."""

    row: int
    layer: int
    unit: int
    value: float


@dataclass(frozen=True, eq=False)
class Forward:
    """What a forward pass leaves behind.

    Attributes:
        inputs: `inputs[h]` encloses the input `a_h` of layer h + 1.
        slopes: `slopes[h]` encloses `φ'(z_{h+1})`.
        pre: `pre[h]` encloses the pre-activation `z_{h+1}` of a hidden layer.
        output: encloses the network's outputs.
        kinks: number of ReLU units not proved away from 0, over all rows, and the first few of them.
        margin: proved lower bound of the smallest ReLU `|z|`; None for smooth activations.
        dead: hidden units proved inactive on every row, one count a hidden layer (ReLU only).
    """

    inputs: tuple[Balls, ...]
    slopes: tuple[Slope, ...]
    pre: tuple[Balls, ...]
    output: Balls
    kinks: tuple[int, tuple[Kink, ...]]
    margin: float | None
    dead: tuple[int, ...]


def known_weights(network: Network) -> tuple[Matrix, ...]:
    """The network's weight matrices with verified norms."""
    return tuple(known_matrix(W) for W in network.weights)


def forward(network: Network, weights: tuple[Matrix, ...], X: Array, arithmetic: Arithmetic) -> Forward:
    """Enclose layer inputs, slopes and outputs for every row of X (R8).

    Args:
        network: the network.
        weights: its matrices with norms, from :func:`known_weights`.
        X: `(n, d)` data, exact.
        arithmetic: what computes the midpoints.
    """
    a = exact_points(X, arithmetic)
    inputs, slopes, pre = [a], [], []
    kinks: list[Kink] = []
    dead: list[int] = []
    count, margin = 0, np.inf
    for h in range(network.depth - 1):
        z = affine(a, weights[h], network.biases[h], arithmetic)
        if network.activation == "tanh":
            a, slope = _tanh(z, arithmetic)
        else:
            a, slope = _relu(z, arithmetic)
            gap = np.abs(z.mid.hi) / RAISE - z.rad[:, None]
            margin = min(margin, float(gap.min()) / RAISE)
            for i, j in np.argwhere(gap <= 0)[: max(0, 5 - len(kinks))]:
                kinks.append(Kink(int(i), h + 1, int(j), float(z.mid.hi[i, j])))
            count += int((gap <= 0).sum())
            dead.append(int(((gap > 0) & (z.mid.hi < 0)).all(axis=0).sum()))
        inputs.append(a)
        slopes.append(slope)
        pre.append(z)
    output = affine(a, weights[-1], network.biases[-1], arithmetic)
    smooth = network.activation == "tanh" or network.depth == 1
    return Forward(tuple(inputs), tuple(slopes), tuple(pre), output, (count, tuple(kinks)), None if smooth else margin, tuple(dead))


def _tanh(z: Balls, arithmetic: Arithmetic) -> tuple[Balls, Slope]:
    """tanh is 1-Lipschitz, tanh' is `TANH_CURVATURE`-Lipschitz (A2)."""
    y, slope = arithmetic.tanh(z.mid)
    root = float(fp.row_norms(np.ones((1, z.mid.shape[1])))[0])
    values = Balls.make(y, (z.rad + arithmetic.tanh_error * root) * RAISE, arithmetic)
    return values, Slope(slope, (fp.TANH_CURVATURE * z.rad + arithmetic.slope_error) * RAISE)


def _relu(z: Balls, arithmetic: Arithmetic) -> tuple[Balls, Slope]:
    """ReLU is exact on midpoints and 1-Lipschitz; its slope is exact wherever `|z| > rad` (else a kink)."""
    on = z.mid.hi > 0  # the sign of hi is the sign of hi + lo
    lo = None if z.mid.lo is None else np.where(on, z.mid.lo, 0.0)
    values = Balls.make(Pair(np.where(on, z.mid.hi, 0.0), lo), z.rad, arithmetic)
    return values, Slope(Pair(on.astype(np.float64)), np.zeros(len(z.rad)))


def backward(
    network: Network, weights: tuple[Matrix, ...], passed: Forward, arithmetic: Arithmetic, seeds: Balls | None = None
) -> tuple[Balls, ...]:
    """Enclose `B_h = ∂f/∂z_h` for every layer and `B_0 = ∂f/∂x` (R9).

    Row `i·k + a` belongs to sample i and output a. `B_{h−1} = (B_h W_h) ∘ φ'(z_{h−1})`.

    Args:
        network: the network.
        weights: its matrices with norms.
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
        W = weights[h]
        turned = Matrix(np.ascontiguousarray(W.value.T), W.spectral, W.frobenius)
        b = affine(b, turned, None, arithmetic)
        if h > 0:
            b = _times_slope(b, passed.slopes[h - 1], k, arithmetic)
        result.append(b)
    return tuple(reversed(result))


def _times_slope(b: Balls, slope: Slope, k: int, arithmetic: Arithmetic) -> Balls:
    """`b ∘ φ'`: `rad = rad_b + |b|·(rad_φ' + unit·(1 + rad_φ'))`, since the true slopes lie in [0, 1]."""
    n, m = slope.mid.shape
    product = arithmetic.multiply(b.mid.reshape(n, k, m), slope.mid.reshape(n, 1, m)).reshape(n * k, m)
    r = np.repeat(slope.rad, k)
    return Balls.make(product, (b.rad + b.norm * (r + arithmetic.unit * (1.0 + r))) * RAISE, arithmetic)
