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


@dataclass(frozen=True, eq=False)
class _Steer:
    """How far sample weights move a linear function of the weights, `c` (P2b): first order, and what curvature adds.

    Attributes:
        moved: the ball.
        Y, slack, sizes: images of the rows' gradients, their errors, their norms.
        layer: the last layer.
        high, low: `low·B⁻¹ ⪯ H̄⁻¹ ⪯ high·B⁻¹`.
    """

    moved: Moved
    Y: Array
    slack: Array
    sizes: Array
    layer: LastLayer
    high: float
    low: float

    @staticmethod
    def of(layer: LastLayer, moved: Moved) -> _Steer | None:
        """None where `ω + κ` cannot be told from 1: `1/(1 − ω − κ)` has no bound then."""
        metric, change = moved.metric, moved.change
        rest = 1 - (metric.omega + moved.lost) * RAISE
        if not rest > 0:
            return None
        Z, error = metric.images(layer.phi, layer.phi_rad, layer.phi_norm, len(layer.V))
        Y, slack = pulls(layer, Z, error)
        rows = np.arange(layer.n) if change.rows is None else np.array(change.rows)
        Y, slack = np.ascontiguousarray(Y[rows]), slack[rows]
        away = metric.omega + moved.lost
        growth = 1.0 if layer.loss == "squared" else growth_of(moved.spread)
        low = metric.theta / (growth * (1 + away)) / RAISE if math.isfinite(growth) else 0.0
        return _Steer(moved, Y, slack, fp.row_norms(Y) + slack, layer, RAISE / rest, low)

    def most(self, C: Array, size: Array, error: Array, far: Array) -> Array:
        """Upper bounds of `|⟨c, w(u) − w̄⟩|`, one for each row of C.

        Args:
            C: `(N, p)` images Xc, differences of two images.
            size: their norms before the difference.
            error: what either of the two images errs by.
            far: `|c|_{B⁻¹}`.
        """
        metric, moved = self.moved.metric, self.moved
        p = C.shape[1]
        wide = fp.row_norms(C) + 2 * error + fp.U * size
        loose = metric.inverse * metric.inverse * RAISE - 1 + 2 * fp.dot_unit(p)
        pairs = np.abs(C @ self.Y.T)
        pairs += np.outer(wide, self.slack) + np.outer(2 * error + fp.U * size, self.sizes)
        pairs += loose * np.outer(wide, self.sizes)
        first = largest_sum(pairs * RAISE, self.layer, moved.change)
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

    For sample weights also in its direction (P2b).

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
        if k == 1:
            stable |= np.abs(f[:, 0]) > (moved.reach * metric.spans(Z, error) + off) * RAISE
            continue
        kept = np.ones(len(f), dtype=bool)
        steer = None if moved.change.parameter != "sample_weights" else _Steer.of(layer, moved)
        for a in range(k):
            at = np.flatnonzero(labels == a)
            for b in range(k if len(at) else 0):
                if a == b:
                    continue
                far = metric.apart(Z, error, a, b)[at]
                spare = (2 * off + 2 * fp.U * np.abs(f).max(axis=1))[at]
                held = f[at, a] - f[at, b] > (moved.reach * far + spare) * RAISE
                if steer is not None and not held.all():
                    most = steer.most(Z[a, at] - Z[b, at], fp.row_norms(Z[a, at]) + fp.row_norms(Z[b, at]),
                                      error[at], far)
                    held |= f[at, a] - f[at, b] > (most + spare) * RAISE
                kept[at] &= held
        stable |= kept
    return Predictions(labels, stable, change)
