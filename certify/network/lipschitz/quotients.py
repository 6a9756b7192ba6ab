"""Intervals for the difference quotients of an activation, unit by unit: how linear a layer is near a row (Q4, Q8)."""

from __future__ import annotations

import numpy as np

from certify.network.layers.passes import Forward
from certify.network.network import Network
from certify.rigor.activation import activation
from certify.rigor.fp import RAISE, Array, U


def difference_quotients(network: Network, passed: Forward, h: int, moved: Array) -> tuple[Array, Array]:
    """Midpoints and half-widths of intervals that hold `(φ(z + δ) − φ(z))/δ` for all `0 < |δ| ≤ moved`.

    C¹: within `½sup|φ''|·moved` of `φ'(z)`, and between `inf φ'` and `sup φ'`. Else relu or leaky relu, with slopes
    from 0 to 1, exact where the sign of z is known: a kink that is not reached leaves the slope, and beyond one that is
    `s·moved` away there is at most the share 1 − s of the way.

    Args:
        network: the network; kinks are allowed.
        passed: forward pass in binary64 with pre-activations.
        h: the hidden layer, from 0.
        moved: `(n, units)`.

    Returns:
        Two `(n, units)` arrays.

    >>> from certify.network.layers.passes import forward, known_weights
    >>> from certify.rigor.arithmetic import Binary64
    >>> net = Network((np.eye(2), np.eye(2)), (None, None), "relu")
    >>> passed = forward(net, known_weights(net), np.array([[1.0, -1.0]]), Binary64(), keep_pre=True)
    >>> mid, half = difference_quotients(net, passed, 0, np.array([[0.5, 2.0]]))
    >>> mid.round(6).tolist(), half.round(6).tolist()
    ([[1.0, 0.25]], [[0.0, 0.25]])
    """
    phi, slope, pre = activation(network.activation), passed.slopes[h], passed.pre[h]
    mid = slope.mid.hi
    if phi.smooth:
        half = (phi.curvature * moved / 2 + slope.rad[:, None]) * RAISE
        low, high = mid - half, mid + half
        beyond = (low < phi.slope_floor) | (high > phi.slope_bound)
        low, high = np.maximum(low, phi.slope_floor), np.minimum(high, phi.slope_bound)
        # ends between −1 and 2: a rounding for each, for their sum and for their difference
        return np.where(beyond, (low + high) / 2, mid), np.where(beyond, (high - low) / 2 + 16 * U, half)
    z, rz = pre.mid.hi, pre.rad[:, None]
    reached = phi.kink(z, (moved + rz) * RAISE)
    share = np.clip((np.abs(z) - rz) * (1 - 2.0**-40) / np.where(moved > 0, moved, 1.0), 0.0, 1.0)
    beyond = (1.0 - share) / 2
    known = np.where(z > 0, mid - beyond, mid + beyond)
    open_sign = np.abs(z) <= rz
    half = np.where(open_sign, 0.5, beyond + 4 * U) * RAISE
    return np.where(reached, np.where(open_sign, 0.5, known), mid), np.where(reached, half, 0.0)
