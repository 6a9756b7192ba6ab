"""The cross-entropy `log Σ e^z − y·z` of a head with k outputs, y a unit vector."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from certify.rigor.activation.elementary import UNDERFLOW, exp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.losses.base import HeadLoss


def softmax(Z: Array) -> tuple[Array, float]:
    """`s_a = e^(z_a)/Σ_b e^(z_b)` and an upper bound of the error of every entry: `(2k + 10)u` (A1, D1).

    With `t_a = z_a − max z` rounded once, `e^(t_a)` has relative error `2u + u|t_a|`; the sum that of its terms,
    weighed by `s_b`, and ku; `|t|e^t ≤ 0.37` and `Σ_b e^(t_b) ≥ 1` bound `s_a|t_a|` and `Σ_b s_b|t_b|`.
    """
    e = exp(Z - Z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True), error_of(Z.shape[-1])


def error_of(k: int) -> float:
    """What every entry of a softmax of k outputs errs by."""
    return float(((2 * k + 10) * U + (k + 2) * UNDERFLOW) * RAISE)


class CrossEntropyHead(HeadLoss):
    """`ℓ = log Σ e^z − y·z`: slope `s − y`, curvature `diag(s) − ssᵀ`."""

    name: ClassVar[str] = "cross_entropy"
    lipschitz: ClassVar[float] = 0.5
    steepest: ClassVar[float] = 1.5
    fading: ClassVar[float] = 2.0
    shifted: ClassVar[bool] = True
    read_off: ClassVar[bool] = True

    def slopes(self, Z: Array, Y: Array) -> tuple[Array, float]:
        """Softmax less the unit vector, rounded once more."""
        s, error = softmax(Z)
        return s - Y, float((error + 2 * U) * RAISE)

    def moves(self, Y: Array, new: Array) -> Array:
        """`Y − y`."""
        return np.asarray(Y - new)

    def curvatures(self, g: Array, error: float) -> Array:
        """`min s`: an entry of g is `s_a` or, where it is negative, `s_a − 1`."""
        return np.asarray(np.maximum(np.where(g < 0, 1.0 + g, g).min(axis=-1) - 2 * error, 0.0))

    def bends(self, Z: Array) -> tuple[Array, float]:
        """`diag(s) − ssᵀ`: entries err by three times what s does, and by rounding."""
        s, error = softmax(Z)
        k = Z.shape[-1]
        return s[:, :, None] * (np.eye(k) - s[:, None, :]), float(k * (3 * error + 4 * U) * RAISE)

    def drift(self, D: Array) -> Array:
        """`max d − min d`: `vᵀ(diag(s) − ssᵀ)v = min_c Σ s_a(v_a − c)²`, and `s_a` falls by no larger factor."""
        return np.asarray((D.max(axis=-1) - D.min(axis=-1)) * RAISE)

    def floor(self, Z: Array, radius: Array, slopes: Array) -> Array:
        """`min s`, which moves by `e^(−2r)`: `vᵀ(diag(s) − ssᵀ)v = min_c Σ s_a(v_a − c)² ≥ (min s)|v|²` for `v ⊥ 1`."""
        least = self.curvatures(slopes, (error_of(Z.shape[-1]) + 2 * U) * RAISE)
        shrink = exp(-2.0 * np.minimum(radius, 300.0) * RAISE) / RAISE
        return np.asarray(np.where(radius < 300, least * shrink / RAISE, 0.0))

    def guess_slopes(self, Z: Array, Y: Array) -> Array:
        """`s − y`."""
        e = np.exp(Z - Z.max(axis=-1, keepdims=True))
        return np.asarray(e / e.sum(axis=-1, keepdims=True) - Y)

    def guess_curvatures(self, Z: Array, Y: Array) -> Array:
        """`diag(s) − ssᵀ`."""
        e = np.exp(Z - Z.max(axis=-1, keepdims=True))
        s = e / e.sum(axis=-1, keepdims=True)
        return np.asarray(s[..., :, None] * (np.eye(Z.shape[-1]) - s[..., None, :]))
