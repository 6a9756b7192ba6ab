"""How far outputs and their gradients can move when each row's features move within a ball (P3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.network.layers.passes import Forward
from certify.network.network import Network
from certify.rigor import fp
from certify.rigor.activation import Activation, activation
from certify.rigor.fp import RAISE, Array, U

CHUNK = 32_000_000
"""Most numbers of one chunk of per-row Jacobians."""


@dataclass(frozen=True, eq=False)
class Reach:
    """Bounds over `|u_i| ≤ t_i`, one row a sample.

    Attributes:
        centre: `(n, k)` bounds of `|∂f_a/∂x|` at the data.
        moved: `(n, k)` bounds of `|∂f_a/∂x(x_i + u_i) − ∂f_a/∂x(x_i)|`.
        steady: like `moved`, never smaller, with `steady(t)/t` nondecreasing for smooth activations.
        output: `(n, k)` bounds of `|f_a(x_i + u_i) − f_a(x_i)|`.
        before: of every hidden layer, `(n, m)` bounds of how far its pre-activations move.
    """

    centre: Array
    moved: Array
    steady: Array
    output: Array
    before: tuple[Array, ...] = ()


def reach(network: Network, passed: Forward, t: Array, scale: Array | None) -> Reach:
    """Bound the movement of every row's Jacobian over its ball (P3).

    Layer by layer, per unit: N bounds the Jacobian row at the data, ρ its movement. A pre-activation moves by at
    most `(N + ρ)t` (mean value theorem) and `|W|·(movement of the layer's inputs)`, a unit by at most `max|φ'|` times
    that and by `φ`'s range; a slope by `δ = sup|φ''|` times it, and by 1; then `ρ ← max|φ'|·ρ + δ·N`, `ρ ← |W|ρ`.
    `steady` uses `δ = sup|φ''|·(N + ρ)t` alone, a polynomial in t without constant term.

    Args:
        network: the network.
        passed: forward pass at the data, in binary64.
        t: `(n,)` radii, in units of `scale`.
        scale: `(d,)` unit of each feature, or None.
    """
    W = network.weights[0] if scale is None else network.weights[0] * scale
    widest = max(network.widths[1:])
    step = max(1, CHUNK // (widest * network.widths[0]))
    parts = [
        _chunk(network, passed, W, t[i : i + step], slice(i, i + step), scale is not None)
        for i in range(0, len(t), step)
    ]
    names = ("centre", "moved", "steady", "output")
    before = tuple(np.concatenate(layer) for layer in zip(*(p.before for p in parts), strict=True))
    return Reach(*(np.concatenate([getattr(p, name) for p in parts]) for name in names), before=before)


def _chunk(network: Network, passed: Forward, first: Array, t: Array, rows: slice, scaled: bool) -> Reach:
    count = len(t)
    phi = activation(network.activation)
    M = np.broadcast_to(first, (count, *first.shape))
    N = np.tile(fp.row_norms(first) * RAISE, (count, 1))
    rho, steady = np.zeros_like(N), np.zeros_like(N)
    error = N * (2 * U if scaled else 0.0)
    moved = N * t[:, None] * RAISE
    before = []
    for h in range(network.depth - 1):
        before.append(fp.require_finite(moved, "reach"))
        slope = passed.slopes[h]
        d, r = np.abs(slope.mid.hi[rows]), slope.rad[rows, None]
        z, rz = passed.pre[h].mid.hi[rows], passed.pre[h].rad[rows, None]
        most = slope.bound
        change = np.minimum(_slope_change(phi, z, rz, moved), 2.0 * most)
        largest = np.minimum(most, (d + r + change) * RAISE)
        rho = (largest * rho + change * N) * RAISE
        change = _slope_change(phi, z, rz, (N + steady) * t[:, None] * RAISE)
        steady = (np.minimum(most, (d + r + change) * RAISE) * steady + change * N) * RAISE
        error = ((d + r) * error + (r + 2 * U) * N) * RAISE
        unit_moved = np.minimum(largest * moved, _RANGE.get(phi.name, np.inf)) * RAISE
        M = slope.mid.hi[rows][:, :, None] * M
        N = (fp.row_norms(M) + error) * RAISE
        W = network.weights[h + 1]
        size = np.abs(W).T
        M = np.matmul(W, M)
        wide = fp.sum_up(W.shape[1])
        error = (error @ size + fp.dot_unit(W.shape[1]) * (N @ size)) * wide
        rho, steady = (rho @ size) * wide, (steady @ size) * wide
        N = (fp.row_norms(M) + error) * RAISE
        moved = np.minimum((N + rho) * t[:, None], unit_moved @ size) * wide
    ends = (fp.require_finite(x, "reach") for x in (N, rho, np.maximum(steady, rho), moved))
    return Reach(*ends, before=tuple(before))


def slopes_within(network: Network, passed: Forward, h: int, moved: Array) -> Array:
    """Bounds of `|φ'(z + δ)|`, `|δ| ≤ moved`, for every row and unit of hidden layer h (from 0).

    Args:
        network: the network.
        passed: forward pass in binary64 with pre-activations.
        h: the hidden layer.
        moved: `(n, units)`.
    """
    phi, slope = activation(network.activation), passed.slopes[h]
    change = _slope_change(phi, passed.pre[h].mid.hi, passed.pre[h].rad[:, None], moved)
    return np.minimum(slope.bound, (np.abs(slope.mid.hi) + slope.rad[:, None] + change) * RAISE)


_RANGE = {"tanh": 2.0, "sigmoid": 1.0}
"""Largest difference of two values of a bounded activation."""


def _slope_change(phi: Activation, z: Array, rz: Array, moved: Array) -> Array:
    """Bound of `|φ'(z + δ) − φ'(z)|`, |δ| ≤ moved, z known within rz: curvature, and the jump of a kink in reach."""
    smooth = phi.curvature * moved * RAISE
    if phi.smooth:
        return smooth
    return smooth + np.where(phi.kink(z, (moved + rz) * RAISE), phi.slope_bound, 0.0)
