"""P2: what a bound on the motion of a strongly convex last layer says of the predictions at other rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from certify.bounds.convex import Moved
from certify.bounds.last_layer import LastLayer
from certify.rigor import fp
from certify.rigor.fp import RAISE, Array


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
        for a in range(k):
            at = labels == a
            for b in range(k if at.any() else 0):
                if a == b:
                    continue
                size = 2 * fp.U * np.abs(f).max(axis=1)
                room = (moved.reach * metric.apart(Z, error, a, b) + 2 * off + size) * RAISE
                kept[at] &= (f[:, a] - f[:, b] > room)[at]
        stable |= kept
    return Predictions(labels, stable, change)
