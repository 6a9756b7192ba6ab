"""Q1 for relu and leaky relu with one hidden layer: what units that may change sign do to `XJQᵀ` and to `XG_u`.

J is compared with the Jacobian of the network whose slopes are kept as they are at the data. Where unit j of row i may
change sign, the difference is `δ(z_ij on v_aj, v_aj x̃_i on w_j)`, `|δ| ≤` the jump of the slope.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from certify.network.layers.tangents import Point
from certify.rigor import fp
from certify.rigor.activation import activation
from certify.rigor.fp import RAISE, Array, U
from certify.rigor.singular import enclose_norm2

LARGEST = 4096
"""Most pairs of a row and a unit, times outputs, that may change sign."""


@dataclass(frozen=True, eq=False)
class Gates:
    """Pairs of a row i and a hidden unit j.

    Attributes:
        jump: bound of the jump of the slope.
        distance: `(n, m)` lower bounds of `|z_ij|` at the data.
        inner: `(m,)` bounds of `|w_j|`.
        lengths: `(n,)` bounds of `|x̃_i|`.
        outer: `(k, m)` the weights `v_aj`.
        X: `(N, N)`.
        main: `(n, m, N)`, near `Q_jx̃_i`, Q_j the columns of Q that belong to `(w_j, b_j)`.
        error: `(n, m)` Euclidean radii of `main`.
    """

    jump: float
    distance: Array
    inner: Array
    lengths: Array
    outer: Array
    X: Array
    main: Array
    error: Array

    def _reach(self, t: Array, rho: float) -> Array:
        """`(n, m)` bounds of how far pre-activations move: `(|w_j| + ρ)t_i + ρ|x̃_i|`."""
        return ((self.inner + rho) * t[:, None] + (rho * self.lengths)[:, None]) * RAISE + fp.FLOOR

    def turned(self, t: Array, rho: float, size: Fraction) -> Fraction | None:
        """Bound of `‖X(J − J̃)Qᵀ‖` over `|u_i| ≤ t_i`, `|Δw| ≤ ρ`; None: too many pairs may change sign.

        `Σ_s δ_sX_sm_sᵀ` with `m_s = v_aj·Q_jx̃_i` is at most the jump times `‖[α_sX_s]‖·‖[m_s/α_s]‖`; what is left of
        the difference is bounded row by row.
        """
        reach, k = self._reach(t, rho), len(self.outer)
        rows, units = np.nonzero(reach >= self.distance)
        if len(rows) == 0:
            return Fraction(0)
        if len(rows) * k > LARGEST:
            return None
        columns = np.concatenate([self.X[:, rows * k + a] for a in range(k)], axis=1)
        v = np.concatenate([self.outer[a, units] for a in range(k)])
        m = np.tile(self.main[rows, units], (k, 1))
        error = np.tile(self.error[rows, units], k)
        long, wide = fp.row_norms(np.ascontiguousarray(columns.T)), fp.row_norms(m) * np.abs(v) + fp.FLOOR
        alpha = np.sqrt(wide / long)  # any positive numbers would do
        A, B = fp.require_finite(columns * alpha, "gates"), fp.require_finite(m * (v / alpha)[:, None], "gates")
        off = (error + 4.0 * U * fp.row_norms(m)) * np.abs(v) / alpha * RAISE + fp.FLOOR
        norm = Fraction(enclose_norm2(A).upper) + 2 * Fraction(U) * Fraction(fp.frobenius(A))
        other = Fraction(enclose_norm2(B).upper) if B.any() else Fraction(fp.FLOOR)
        other += Fraction(float(fp.row_norms(off[None, :])[0])) * Fraction(RAISE)
        return Fraction(self.jump) * norm * other + size * self._left(t, rho, reach)

    def _left(self, t: Array, rho: float, reach: Array) -> Fraction:
        """`‖|X|e‖`, `e² = jump²·Σ_j (reach² + (ρ(|x̃_i| + t_i) + |v_aj|t_i)²)` over the units that may change sign."""
        on, k = reach >= self.distance, len(self.outer)
        moved = (rho * (self.lengths + t))[:, None, None] + t[:, None, None] * np.abs(self.outer)  # (n, k, m)
        both = np.concatenate([moved * on[:, None, :], np.repeat((reach * on)[:, None, :], k, axis=1)], axis=2)
        e = fp.row_norms(both.reshape(len(on) * k, -1)) * (self.jump * RAISE)
        product = fp.require_finite(np.abs(self.X) @ e, "right inverse") * (1.0 + 2 * fp.dot_unit(len(e)))
        return Fraction(float(fp.row_norms(product[None, :])[0])) * Fraction(RAISE)

    def steeper(self, t: Array, rho: float) -> Array:
        """`(N,)` bounds of how much of `∂f_a/∂x` units that change sign make: `jump·Σ_j (|v_aj| + ρ)(|w_j| + ρ)`."""
        on = self._reach(t, rho) >= self.distance
        weight = (np.abs(self.outer) + rho) * (self.inner + rho)  # (k, m)
        found = fp.require_finite(on.astype(np.float64) @ weight.T, "gates") * (self.jump * fp.sum_up(on.shape[1]))
        return found.reshape(-1)


def enclose_gates(point: Point, X: Array, Q: Array) -> Gates:
    """What is known of the units of the one hidden layer, for Q as in :mod:`certify.theorems.aubin.centre`.

    Args:
        point: of a network with one hidden layer of relu or leaky relu, no pre-activation 0.
        X, Q: exact.
    """
    net, z, data = point.network, point.passed.pre[0], point.passed.inputs[0]
    W, b = net.weights[0], net.biases[0]
    m, d = W.shape
    N = len(Q)
    first = Q[:, : m * d].reshape(N, m, d)
    main = np.einsum("Nmd,id->imN", first, data.mid.hi)
    parts = first
    if b is not None:
        shift = Q[:, m * d : m * d + m]
        main = main + shift.T[None]
        parts = np.concatenate([first, shift[:, :, None]], axis=2)
    fp.require_finite(main, "gates")
    sizes = fp.row_norms(np.ascontiguousarray(parts.transpose(1, 0, 2)).reshape(m, -1))
    lengths = data.norm if b is None else np.sqrt(data.norm * data.norm + 1.0) * RAISE
    error = fp.dot_unit(d + 2) * lengths[:, None] * sizes[None, :] * RAISE
    distance = np.maximum(np.abs(z.mid.hi) - z.rad[:, None], 0.0) / RAISE
    jump = fp.up(1 - Fraction(activation(net.activation).slope_floor))  # of the slope: 1 for relu, 0.99 for leaky relu
    return Gates(jump, distance, fp.row_norms(W), lengths, net.weights[1], X, main, error)
