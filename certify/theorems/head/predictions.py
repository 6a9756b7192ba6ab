"""P4: what a bound on the motion of a strongly convex last layer says of the predictions at other rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array
from certify.systems.head.last_layer import LastLayer
from certify.theorems.head.directions import Steer
from certify.theorems.head.motion import Moved


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a bound on the motion says of evaluation rows.

    Attributes:
        labels: `(N,)` the label of every row at the weights in the file: the largest output; of one output whether it
            is above the threshold.
        stable: `(N,)` whether it is proved the same for the solution after every change of the budget (and for w*).
        change: `(N,)` upper bounds of `|f(x, w(u)) − f(x, w*)|`.
    """

    labels: NDArray[np.int64]
    stable: NDArray[np.bool_]
    change: Array


def enclose_predictions(
    layer: LastLayer, found: Sequence[Moved], evaluation: tuple[Array, Array, Array] | None = None,
    threshold: float = 0.0,
) -> Predictions:
    """P4 in the metric: `f_a − f_b` moves by less than `T·|(e_a − e_b) ⊗ φ|_{B⁻¹}`; every bound found counts.

    Also in its direction (P4b).

    Args:
        layer: the last layer.
        found: its motion, one bound or more.
        evaluation: inputs of the last layer at the evaluation rows
            (:func:`certify.systems.head.last_layer.last_inputs`);
            None: the training rows.
        threshold: of one output; labels are the sides of it. No meaning for more outputs.
    """
    phi, rad, norm = evaluation or (layer.phi, layer.phi_rad, layer.phi_norm)
    k = len(layer.V)
    f = phi @ layer.V.T
    off = (fp.frobenius(layer.V) * (fp.dot_unit(phi.shape[1]) * norm + rad)) * RAISE
    labels = np.argmax(f, axis=1) if k > 1 else (f[:, 0] > threshold).astype(np.int64)
    stable, change = np.zeros(len(f), dtype=bool), np.full(len(f), np.inf)
    for moved in found:
        metric = moved.metric
        Z, error = metric.images(phi, rad, norm, k)
        start = layer.residual / math.sqrt(metric.least) / (1 - metric.omega) * RAISE  # |w* − w̄|_B, as it is below T
        change = np.minimum(change, (moved.reach + start) * metric.leverages(Z, error) * RAISE)
        steer = Steer.of(layer, moved)
        if k == 1:
            apart = f[:, 0] - threshold  # rounded once, and exact for a threshold of 0
            toward = np.where(apart > 0, 1.0, -1.0)[:, None]  # the output keeps its side
            spare = off + 2 * fp.U * np.abs(apart) if threshold else off
            held = _holds(np.abs(apart), spare, toward * Z[0], fp.row_norms(Z[0]), error, metric.spans(Z, error),
                          moved, steer)
            stable |= held & np.isfinite(apart)
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
           steer: Steer | None) -> NDArray[np.bool_]:
    """Whether a margin `⟨c, w̄⟩` stays above 0: it exceeds T|c|, or what the budget does in the direction of c (P4b)."""
    held = np.asarray(margin > (moved.reach * far + spare) * RAISE)
    at = np.flatnonzero(~held & (margin > 0))
    if steer is not None and len(at):
        held[at] = margin[at] > (steer.most(C[at], size[at], error[at], far[at]) + spare[at]) * RAISE
    return held
