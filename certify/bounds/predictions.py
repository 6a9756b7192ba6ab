"""P2: labels that every network near the given one gives, whatever the reason why the weights may move.

With a proved bound R on a distance (`distance`, `aubin`: `κ|u|`), the solution that the bound speaks of lies within R,
so that it gives these labels too; so does every other solution within R. For Python alone: no certificate states it.
For a strongly convex last layer, where certificates do, see :mod:`certify.bounds.convex_predictions`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.errors import InputError
from certify.network.network import Network
from certify.network.passes import Forward, Layer, Weights, backward, forward, known_weights
from certify.rigor import fp
from certify.rigor.arithmetic import Binary64, Pair
from certify.rigor.ball import exact_points, known_matrix, rounded
from certify.rigor.environment import require_sound
from certify.rigor.fp import RAISE, Array

ROOT2 = 1.4142135623730951 * RAISE


@dataclass(frozen=True, eq=False)
class Labels:
    """What every network within a distance of the given one says of rows.

    Attributes:
        labels: `(N,)` the largest output at the given weights; of one output whether it is positive.
        stable: `(N,)` whether that is proved for all weights within the distance.
        margins: `(N,)` lower bounds of how far the output of the label exceeds every other, at the given weights.
        changes: `(N,)` upper bounds of what any such margin changes by.
    """

    labels: Array
    stable: Array
    margins: Array
    changes: Array


def labels_within(network: Network, points: Array, radius: float, layer: int | str = "all") -> Labels:
    """Labels of rows that hold for all weights within `radius` of the given ones, Euclidean over all free parameters.

    `|Δ(w) − Δ(w̄)| ≤ R·sup |∂_wΔ|` on the ball for a margin `Δ = f_a − f_b` (mean value; smooth activations, or no kink
    in reach), and at most √2 times how far the outputs move, by passes with weights known up to R (P2).

    Args:
        network: fully connected.
        points: `(N, d)` rows, exact.
        radius: R, from 0 on.
        layer: `all`, or the number of the one layer whose weights move.

    Raises:
        InputError: a radius that is negative or not finite, or rows of another width.
        EnclosureError: overflow.

    >>> net = Network((np.array([[1.0], [0.0]]),), (None,), "identity")  # outputs w₁x, w₂x: margin 1 at x = 1
    >>> [bool(labels_within(net, np.ones((1, 1)), r).stable[0]) for r in (0.7, 0.71)]  # √2·R < 1
    [True, False]
    """
    if not (np.isfinite(radius) and radius >= 0):
        raise InputError("radius", f"{radius}", "give a finite number from 0 on")
    points = np.asarray(points, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != network.widths[0] or not np.isfinite(points).all():
        raise InputError("points", f"shape {points.shape}", f"give finite rows of {network.widths[0]} features")
    free = network.layers(layer)
    require_sound(*network.arrays, points)
    arithmetic = Binary64()
    given = rounded(forward(network, known_weights(network), points, arithmetic).output)
    near = _near(network, free, radius)
    passed = forward(network, near, points, arithmetic)
    f, error = given.mid.hi, given.rad
    far = rounded(passed.output)
    moved = (far.rad + error + fp.row_norms(far.mid.hi - f) * (1 + fp.U)) * RAISE  # |f(x, w) − f(x, w̄)|
    N, k = f.shape
    if k == 1:
        label, seeds = (f[:, 0] > 0).astype(np.int64), np.ones((N, 1))
        change = _least(moved, _slope(network, free, near, passed, seeds) * radius)
        margin = np.maximum(np.abs(f[:, 0]) - error * RAISE, 0.0)
        return Labels(label, margin > change, margin, change)
    label = f.argmax(axis=1)
    rows = np.arange(N)
    stable, least, most = np.ones(N, dtype=bool), np.full(N, np.inf), np.zeros(N)
    for b in range(k):
        seeds = np.zeros((N, k))
        seeds[rows, label] += 1.0
        seeds[:, b] -= 1.0
        gap = f[rows, label] - f[:, b]
        margin = gap - (np.abs(gap) * fp.U + ROOT2 * error) * RAISE
        change = _least(ROOT2 * moved * RAISE, _slope(network, free, near, passed, seeds) * radius)
        other = label != b
        stable &= ~other | (margin > change)
        least, most = np.where(other, np.minimum(least, margin), least), np.where(other, np.maximum(most, change), most)
    return Labels(label, stable, np.maximum(least, 0.0), most)


def _near(network: Network, free: tuple[int, ...], radius: float) -> Weights:
    """The weights of the free layers up to the radius, each part of them by the whole of it."""
    found = []
    for h, (W, b) in enumerate(zip(network.weights, network.biases, strict=True), 1):
        reach = radius if h in free else 0.0
        found.append(Layer(known_matrix(W, radius=reach), None if b is None else Pair(b), 0.0 if b is None else reach))
    return tuple(found)


def _slope(network: Network, free: tuple[int, ...], near: Weights, passed: Forward, seeds: Array) -> Array:
    """Upper bounds of `|∂_w⟨c, f⟩| = (Σ_h |B_h|²(|a_{h−1}|² + 1))^½` on the ball; infinite where a kink is in reach."""
    if passed.kinks[0]:
        return np.full(len(seeds), np.inf)
    arithmetic = Binary64()
    adjoints = backward(network, near, passed, arithmetic, exact_points(seeds, arithmetic))
    square = np.zeros(len(seeds))
    for h in free:
        inputs = passed.inputs[h - 1].norm
        one = 0.0 if network.biases[h - 1] is None else 1.0
        square = square + (adjoints[h].norm * adjoints[h].norm) * (inputs * inputs + one) * RAISE
    return np.asarray(np.sqrt(square * RAISE) * RAISE)


def _least(moved: Array, sloped: Array) -> Array:
    """The better of both bounds; a radius of 0 and a slope that is not known leave the first."""
    return np.minimum(moved, np.where(np.isnan(sloped), np.inf, sloped * RAISE))
