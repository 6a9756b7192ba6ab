"""Finder: Newton's method for one row with another label, each step halved until the loss falls. Nothing is trusted.

It is for the few rows that steps with an inverse of all lead astray: such as have a feature of their own and little
decay.
"""

from __future__ import annotations

import numpy as np

from certify.rigor.fp import Array

SURE = 1e-3
"""The length of a gradient that is short enough, in the inverse of the Hessian."""

STEPS, HALVINGS, FALL = 30, 30, 1e-4
"""Steps, how often one is halved, and the part of the slope that has to be gained."""


def alone(S: Array, kept: Array | float, decay: Array, w: Array, row: int) -> Array:
    """`(m,)` the way from w to weights near the refit.

    Args:
        S: `(n, m)` rows times their labels.
        kept: `(n,)` what rows count.
        decay: `(m,)` of each weight.
        w: `(m,)` weights to begin with.
        row: the row that gets its other label.
    """
    away = np.zeros_like(w)

    def loss(move: Array) -> float:
        at = w + move
        t = S @ at
        return float((kept * np.logaddexp(0.0, -t)).sum() + t[row] + 0.5 * (decay * at) @ at)

    for _ in range(STEPS):
        p = 0.5 - 0.5 * np.tanh(0.5 * (S @ (w + away)))
        g = decay * (w + away) - (p * kept) @ S + S[row]
        try:
            step = np.linalg.solve((S.T * (p * (1.0 - p) * kept)) @ S + np.diag(decay), g)
        except np.linalg.LinAlgError:
            break
        slope, here, part = float(g @ step), loss(away), 1.0
        if not slope > SURE * SURE:
            break
        for _ in range(HALVINGS):
            if loss(away - part * step) <= here - FALL * part * slope:
                break
            part *= 0.5
        away = away - part * step
    return np.asarray(away)
