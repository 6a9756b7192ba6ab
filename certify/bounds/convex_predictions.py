"""P2: what a bound on the motion of a strongly convex last layer says of the predictions at other rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from certify.bounds.convex import Moved, growth_of, largest_sum, pulls
from certify.bounds.last_layer import LastLayer
from certify.rigor import fp
from certify.rigor.fp import RAISE, Array

STEERED = ("sample_weights", "labels")
"""Budgets whose effect on a linear function of the weights is bounded in its direction (P2b)."""


@dataclass(frozen=True, eq=False)
class _Pulls:
    """What one row may do to the gradient at w̄: images under X, bounds of what they err by, and their norms."""

    Y: Array
    slack: Array
    sizes: Array

    @staticmethod
    def all_of(layer: LastLayer, moved: Moved) -> tuple[_Pulls, ...]:
        """The ways in which a row that may move can: its own gradient leaves, or its label becomes another."""
        change = moved.change
        Z, error = moved.metric.images(layer.phi, layer.phi_rad, layer.phi_norm, len(layer.V))
        rows = np.arange(layer.n) if change.rows is None else np.array(change.rows)
        if change.parameter == "sample_weights":
            return (_Pulls._of(*pulls(layer, Z, error), rows),)
        if len(Z) == 1:  # logistic: the slope moves by 1
            return (_Pulls._of(Z[0], error, rows),)
        assert layer.labels is not None
        own = Z[layer.labels, np.arange(layer.n)]
        size = np.max(np.stack([fp.row_norms(z) for z in Z]), axis=0) + error
        return tuple(_Pulls._of(own - z, 2 * error + 2 * fp.U * size, rows) for z in Z)

    @staticmethod
    def _of(Y: Array, slack: Array, rows: Array) -> _Pulls:
        Y, slack = np.ascontiguousarray(Y[rows]), slack[rows] * RAISE
        return _Pulls(Y, slack, (fp.row_norms(Y) + slack) * RAISE)


@dataclass(frozen=True, eq=False)
class _Steer:
    """How far a budget moves a linear function of the weights, `c` (P2b): first order, and what curvature adds.

    Attributes:
        moved: the ball.
        pulls: what a row may do, one for each way.
        layer: the last layer.
        high, low: `low·B⁻¹ ⪯ H̄⁻¹ ⪯ high·B⁻¹`.
    """

    moved: Moved
    pulls: tuple[_Pulls, ...]
    layer: LastLayer
    high: float
    low: float

    @staticmethod
    def of(layer: LastLayer, moved: Moved) -> _Steer | None:
        """None for another budget, and where `ω + κ` cannot be told from 1: `1/(1 − ω − κ)` has no bound then."""
        metric, change = moved.metric, moved.change
        rest = 1 - (metric.omega + moved.lost) * RAISE
        soft = change.parameter == "labels" and len(layer.V) > 1 and layer.labels is None
        if change.parameter not in STEERED or soft or not rest > 0:
            return None
        away = metric.omega + moved.lost
        growth = 1.0 if layer.loss == "squared" else growth_of(moved.spread)
        low = metric.theta / (growth * (1 + away)) / RAISE if math.isfinite(growth) else 0.0
        return _Steer(moved, _Pulls.all_of(layer, moved), layer, RAISE / rest, low)

    def most(self, C: Array, size: Array, error: Array, far: Array) -> Array:
        """Upper bounds of `|⟨c, w(u) − w̄⟩|`, one for each row of C.

        Args:
            C: `(N, p)` images Xc, or differences of two images.
            size: their norms, before the difference.
            error: what C errs by, but for the rounding of the difference.
            far: `|c|_{B⁻¹}`.
        """
        metric, moved = self.moved.metric, self.moved
        error = error + fp.U * size
        wide = fp.row_norms(C) + error
        loose = metric.inverse * metric.inverse * RAISE - 1 + 2 * fp.dot_unit(C.shape[1])
        worst = np.zeros((len(C), len(self.pulls[0].Y)))
        for way in self.pulls:
            pairs = np.abs(C @ way.Y.T)
            pairs += np.outer(wide, way.slack) + np.outer(error + loose * wide, way.sizes)
            np.maximum(worst, pairs, out=worst)
        first = largest_sum(worst * RAISE, self.layer, moved.change)
        start = self.layer.residual / math.sqrt(metric.least)
        most = (self.high + self.low) / 2 * first + (self.high - self.low) / 2 * far * moved.gradient
        return np.asarray((most + self.high * far * start) * (RAISE * RAISE) + fp.FLOOR)


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a bound on the motion says of evaluation rows.

    Attributes:
        labels: `(N,)` the label of every row at the weights in the file.
        stable: `(N,)` whether it is proved the same for the solution after every change of the budget (and for w*).
        change: `(N,)` upper bounds of `|f(x, w(u)) − f(x, w*)|`.
    """

    labels: Array
    stable: Array
    change: Array


def enclose_predictions(
    layer: LastLayer, found: Sequence[Moved], evaluation: tuple[Array, Array, Array] | None = None
) -> Predictions:
    """P2 in the metric: `f_a − f_b` moves by less than `T·|(e_a − e_b) ⊗ φ|_{B⁻¹}`; every bound found counts.

    For sample weights and labels also in its direction (P2b).

    Args:
        layer: the last layer.
        found: its motion, one bound or more.
        evaluation: inputs of the last layer at the evaluation rows (:func:`certify.bounds.last_layer.last_inputs`);
            None: the training rows.
    """
    phi, rad, norm = evaluation or (layer.phi, layer.phi_rad, layer.phi_norm)
    k = len(layer.V)
    f = phi @ layer.V.T
    off = (fp.frobenius(layer.V) * (fp.dot_unit(phi.shape[1]) * norm + rad)) * RAISE
    labels = np.argmax(f, axis=1) if k > 1 else (f[:, 0] > 0).astype(np.int64)
    stable, change = np.zeros(len(f), dtype=bool), np.full(len(f), np.inf)
    for moved in found:
        metric = moved.metric
        Z, error = metric.images(phi, rad, norm, k)
        start = layer.residual / math.sqrt(metric.least) / (1 - metric.omega) * RAISE  # |w* − w̄|_B, as it is below T
        change = np.minimum(change, (moved.reach + start) * metric.leverages(Z, error) * RAISE)
        steer = _Steer.of(layer, moved)
        if k == 1:
            stable |= _holds(np.abs(f[:, 0]), off, Z[0], fp.row_norms(Z[0]), error, metric.spans(Z, error), moved,
                             steer)
            continue
        kept = np.ones(len(f), dtype=bool)
        for a in range(k):
            at = np.flatnonzero(labels == a)
            for b in range(k if len(at) else 0):
                if a == b:
                    continue
                spare = (2 * off + 2 * fp.U * np.abs(f).max(axis=1))[at]
                size = fp.row_norms(Z[a, at]) + fp.row_norms(Z[b, at])
                kept[at] &= _holds(f[at, a] - f[at, b], spare, Z[a, at] - Z[b, at], size, 2 * error[at],
                                   metric.apart(Z, error, a, b)[at], moved, steer)
        stable |= kept
    return Predictions(labels, stable, change)


def _holds(margin: Array, spare: Array, C: Array, size: Array, error: Array, far: Array, moved: Moved,
           steer: _Steer | None) -> Array:
    """Whether a margin `⟨c, w̄⟩` stays above 0: it exceeds T|c|, or what the budget does in the direction of c (P2b)."""
    held = np.asarray(margin > (moved.reach * far + spare) * RAISE)
    if steer is not None and not held.all():
        held = held | (margin > (steer.most(C, size, error, far) + spare) * RAISE)
    return held
