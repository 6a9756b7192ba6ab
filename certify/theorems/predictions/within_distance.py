"""P2: labels that every network near the given one gives, whatever the reason why the weights may move.

With a proved bound R on a distance (`distance`, `aubin`: `κ|u|`), the solution that the bound speaks of lies within R,
so that it gives these labels too; so does every other solution within R. The claim `stable_predictions` of the
interpolation map is made of it in :mod:`certify.theorems.predictions.labels`. For a strongly convex last layer, whose
solution is the only one, see :mod:`certify.theorems.head.predictions`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from certify.format.errors import InputError
from certify.network.layer_scale import LayerScale
from certify.network.layers.passes import Forward, Layer, Weights, backward, forward, known_weights
from certify.network.network import Network
from certify.rigor import fp
from certify.rigor.activation import activation
from certify.rigor.arithmetic import Binary64
from certify.rigor.ball import exact_points, rounded
from certify.rigor.environment import require_sound
from certify.rigor.fp import RAISE, Array

ROOT2 = 1.4142135623730951 * RAISE

PARTS = 4
"""Parts of the way to R, each with a slope of its own (P2); the checker's are the same."""


@dataclass(frozen=True, eq=False)
class Labels:
    """What every network within a distance of the given one says of rows.

    Attributes:
        labels: `(N,)` the largest output at the given weights; of one output whether it is above the threshold.
        stable: `(N,)` whether that is proved for all weights within the distance.
        margins: `(N,)` lower bounds of how far the output of the label exceeds every other, at the given weights; of
            one output how far it lies from the threshold.
        changes: `(N,)` upper bounds of what any such margin changes by.
    """

    labels: NDArray[np.int64]
    stable: NDArray[np.bool_]
    margins: Array
    changes: Array


def labels_within(
    network: Network, points: Array, radius: float, layer: int | str = "all", scale: LayerScale | None = None,
    room: float = 1.0, threshold: float = 0.0,
) -> Labels:
    """Labels of rows that hold for all weights within `radius` of the given ones, over all free parameters.

    `|Δ(w) − Δ(w̄)| ≤ (R/m)Σ_k G(kR/m)`, k = 1 … m, for a margin `Δ = f_a − f_b` and `G(s) ≥ |S⁻¹∂_wΔ|` on the ball of
    radius s (mean value; smooth activations, or no kink in reach), and at most √2 times how far the outputs move, by
    passes with weights known up to R (P2).

    Args:
        network: fully connected.
        points: `(N, d)` rows, exact.
        radius: R, from 0 on, in the norm of the weights.
        layer: `all`, or the number of the one layer whose weights move.
        scale: the norm of the weights; None: Euclidean.
        room: how many times over a change has to fit into its margin.
        threshold: of one output: the label of a row is whether the output lies above it. No meaning for more outputs.

    Raises:
        InputError: a radius that is negative or not finite, a threshold that is not, or rows of another width.
        EnclosureError: overflow.

    >>> net = Network((np.array([[1.0], [0.0]]),), (None,), "identity")  # outputs w₁x, w₂x: margin 1 at x = 1
    >>> [bool(labels_within(net, np.ones((1, 1)), r).stable[0]) for r in (0.7, 0.71)]  # √2·R < 1
    [True, False]
    """
    if not (np.isfinite(radius) and radius >= 0):
        raise InputError("radius", f"{radius}", "give a finite number from 0 on")
    if not np.isfinite(threshold):
        raise InputError("threshold", f"{threshold}", "give a finite number")
    points = np.asarray(points, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != network.widths[0] or not np.isfinite(points).all():
        raise InputError("points", f"shape {points.shape}", f"give finite rows of {network.widths[0]} features")
    require_sound(*network.arrays, points)
    within = _Ball(network, points, radius, network.layers(layer), scale or LayerScale.euclidean(network.depth))
    f, error = within.outputs, within.error
    N, k = f.shape
    if k == 1:
        change = within.change(np.ones((N, 1)), 1.0)
        apart = np.minimum(np.abs(f[:, 0] - threshold), np.finfo(np.float64).max)  # rounded once; never infinite
        margin = apart * (1 - 2 * fp.U) - error * RAISE
        label = (f[:, 0] > threshold).astype(np.int64)
        return Labels(label, margin > change * room * RAISE, np.maximum(margin, 0.0), change)
    label, rows = f.argmax(axis=1), np.arange(N)
    stable, least, most = np.ones(N, dtype=bool), np.full(N, np.inf), np.zeros(N)
    for b in range(k):
        seeds = np.zeros((N, k))
        seeds[rows, label] += 1.0
        seeds[:, b] -= 1.0
        gap = f[rows, label] - f[:, b]
        margin = gap * (1 - 4 * fp.U) - ROOT2 * error * RAISE  # gap is not negative; both differences are rounded
        change, other = within.change(seeds, ROOT2), label != b
        stable &= ~other | (margin > change * room * RAISE)
        least, most = np.where(other, np.minimum(least, margin), least), np.where(other, np.maximum(most, change), most)
    return Labels(label, stable, np.maximum(least, 0.0), most)


class _Ball:
    """Passes with weights known up to `kR/m`, and what they say of changes of the outputs.

    Attributes:
        outputs, error: at the given weights, and a bound of the Euclidean error of every row.
    """

    def __init__(
        self, network: Network, points: Array, radius: float, free: tuple[int, ...], scale: LayerScale
    ) -> None:
        exact, arithmetic = known_weights(network), Binary64()
        self._network, self._free, self._scale, self._radius = network, free, scale, radius
        given = rounded(forward(network, exact, points, arithmetic).output)
        self.outputs, self.error = given.mid.hi, given.rad
        parts = [fp.up(Fraction(radius) * k / PARTS) for k in range(1, PARTS + 1)]
        self._near = [_near(exact, scale.reach(free, part)) for part in parts]
        self._passed = [forward(network, near, points, arithmetic, keep_pre=True) for near in self._near]
        self._kinked = _kinked(network, self._passed[-1])
        far = rounded(self._passed[-1].output)
        apart = fp.row_norms(far.mid.hi - self.outputs) * (1 + fp.U)
        self._moved = (far.rad + self.error + apart) * RAISE  # |f(x, w) − f(x, w̄)|

    def change(self, seeds: Array, size: float) -> Array:
        """Upper bounds of `|⟨c, f(x, w) − f(x, w̄)⟩|`, `|c| ≤ size`: by slopes, or by how far the outputs move."""
        total = sum((_slope(self._network, self._free, self._scale, near, passed, seeds)
                     for near, passed in zip(self._near, self._passed, strict=True)), np.zeros(len(seeds)))
        sloped = (total * (self._radius / PARTS) + fp.FLOOR) * RAISE
        sloped = np.where(np.isnan(sloped) | self._kinked, np.inf, sloped)
        return np.minimum(size * self._moved * RAISE, sloped)


def _near(exact: Weights, reach: dict[int, float]) -> Weights:
    """The weights with a radius for every free layer, each part of it by the whole of its radius."""
    found = []
    for h, own in enumerate(exact, 1):
        r = reach.get(h, 0.0)
        found.append(Layer(replace(own.weight, radius=r), own.bias, 0.0 if own.bias is None else r))
    return tuple(found)


def _kinked(network: Network, passed: Forward) -> NDArray[np.bool_]:
    """Rows of which a pre-activation may reach a kink."""
    phi, found = activation(network.activation), np.zeros(len(passed.output.rad), dtype=bool)
    for z in () if phi.smooth else passed.pre:
        found |= phi.kink(z.mid.hi, z.rad[:, None]).any(axis=1)
    return found


def _slope(
    network: Network, free: tuple[int, ...], scale: LayerScale, near: Weights, passed: Forward, seeds: Array
) -> Array:
    """Upper bounds of `|S⁻¹∂_w⟨c, f⟩| = (Σ_h s_h⁻²|B_h|²(|a_{h−1}|² + 1))^½` on the ball, where no kink is in reach."""
    arithmetic = Binary64()
    adjoints = backward(network, near, passed, arithmetic, exact_points(seeds, arithmetic))
    square = np.zeros(len(seeds))
    for h in free:
        inputs = passed.inputs[h - 1].norm
        one = 0.0 if network.biases[h - 1] is None else 1.0
        part = (adjoints[h].norm * adjoints[h].norm) * (inputs * inputs + one) * RAISE
        square = square + part * fp.up(scale.squares[h - 1])
    return np.asarray(np.sqrt(square * RAISE) * RAISE)
