"""P4b: how far a budget moves one linear function of the weights of a strongly convex last layer."""

from __future__ import annotations

import math
from dataclasses import dataclass

import flint
import numpy as np
from numpy.typing import NDArray

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array
from certify.systems.head.change import moving_rows
from certify.systems.head.last_layer import LastLayer, Metric
from certify.theorems.head.motion import Moved, growth_of, largest_sum, pulls, top_of_product


@dataclass(frozen=True, eq=False)
class Steer:
    """Bounds in the direction of a linear function c: first order, and what curvature adds.

    Attributes:
        moved: the ball.
        rows: what the rows may do to c, to first order.
        layer: the last layer.
        high, low: `low·B⁻¹ ⪯ H̄⁻¹ ⪯ high·B⁻¹`.
    """

    moved: Moved
    rows: Pulls | Shifts
    layer: LastLayer
    high: float
    low: float

    @staticmethod
    def of(layer: LastLayer, moved: Moved) -> Steer | None:
        """None where `ω + κ` cannot be told from 1, and of rows of probabilities, which have no label that changes."""
        metric, change = moved.metric, moved.change
        away = (metric.omega + moved.lost) * RAISE
        if not 1 - away > 0 or (change.moving.relabels and len(layer.V) > 1 and layer.labels is None):
            return None
        growth = 1.0 if layer.row_loss.quadratic else growth_of(moved.spread) * _power(moved.bent)
        wide = (1 + metric.omega) * (1 + moved.lost) / (1 - moved.lost) if change.moving.inputs else 1 + away
        wide = (1 + metric.omega) * RAISE if change.down else wide  # no row gains curvature
        low = metric.theta / (growth * wide) / (RAISE * RAISE) if math.isfinite(growth) else 0.0
        rows: Pulls | Shifts = Shifts.of(layer, moved) if change.moving.slides else Pulls.of(layer, moved)
        return Steer(moved, rows, layer, RAISE / (1 - away), low)

    def most(self, C: Array, size: Array, error: Array, far: Array) -> Array:
        """Upper bounds of `|⟨c, w(u) − w̄⟩|`, one for each row of C; of weights that only fall, of `−⟨c, w(u) − w̄⟩`.

        Args:
            C: `(N, p)` images Xc, or differences of two images.
            size: their norms, before the difference.
            error: what C errs by, but for the rounding of the difference.
            far: `|c|_{B⁻¹}`.
        """
        metric, moved = self.moved.metric, self.moved
        first = self.rows.first(C, error + fp.U * size)
        start = self.layer.residual / math.sqrt(metric.least)
        most = (self.high + self.low) / 2 * first + (self.high - self.low) / 2 * far * moved.gradient
        return np.asarray((most + self.high * far * start) * (RAISE * RAISE) + fp.FLOOR)


def _loose(metric: Metric, p: int) -> float:
    """What XXᵀ errs by as an inverse of B, relative to both images, with the rounding of an inner product."""
    return metric.inverse * metric.inverse * RAISE - 1 + 2 * fp.dot_unit(p)


def _power(s: float) -> float:
    """Upper bound of `e^s`."""
    return float(flint.arb(s).exp().abs_upper()) * RAISE if s < 700 else math.inf


@dataclass(frozen=True, eq=False)
class _Way:
    """One thing that every row may do to the gradient at w̄: images under X, what they err by, their norms."""

    Y: Array
    slack: Array
    sizes: Array

    @staticmethod
    def of(Y: Array, slack: Array, rows: NDArray[np.intp]) -> _Way:
        Y, slack = np.ascontiguousarray(Y[rows]), slack[rows] * RAISE
        return _Way(Y, slack, (fp.row_norms(Y) + slack) * RAISE)


@dataclass(frozen=True, eq=False)
class Pulls:
    """Rows that leave, or whose label becomes another one: a few ways a row.

    Where weights only fall, a row whose pull along c is above 0 can only raise `⟨c, w⟩` by leaving.
    """

    layer: LastLayer
    moved: Moved
    ways: tuple[_Way, ...]

    @staticmethod
    def of(layer: LastLayer, moved: Moved) -> Pulls:
        """A row's own gradient; or `(e_y − e_c) ⊗ φ_i` for every label c, of one output `φ_i`."""
        Z, error = moved.metric.images(layer.phi, layer.phi_rad, layer.phi_norm, len(layer.V))
        rows = moving_rows(layer, moved.change)
        if moved.change.moving.reweighs:
            return Pulls(layer, moved, (_Way.of(*pulls(layer, Z, error), rows),))
        if len(Z) == 1:
            return Pulls(layer, moved, (_Way.of(Z[0], error, rows),))
        assert layer.labels is not None
        own = Z[layer.labels, np.arange(layer.n)]
        size = np.max(np.stack([fp.row_norms(z) for z in Z]), axis=0) + error
        return Pulls(layer, moved, tuple(_Way.of(own - z, 2 * error + 2 * fp.U * size, rows) for z in Z))

    def first(self, C: Array, error: Array) -> Array:
        """Upper bounds of `sup_u |⟨c, B⁻¹Δ_u⟩|` for every row Xc of C, which errs by at most `error`."""
        wide = fp.row_norms(C) + error
        loose = _loose(self.moved.metric, C.shape[1])
        worst = np.zeros((len(C), len(self.ways[0].Y)))
        for way in self.ways:
            pairs = C @ way.Y.T
            pairs = np.maximum(-pairs, 0.0) if self.moved.change.down else np.abs(pairs)
            pairs += np.outer(wide, way.slack) + np.outer(error + loose * wide, way.sizes)
            np.maximum(worst, pairs, out=worst)
        return largest_sum(worst * RAISE, self.layer, self.moved.change)


@dataclass(frozen=True, eq=False)
class Shifts:
    """Features or targets that move: the linear part by the length of a vector a row, and for features the rest.

    Attributes:
        layer, moved: the last layer and the ball.
        rows: those that may move.
        steep: upper bounds of `λ_max(M_i^½WWᵀM_i^½)` of these rows (features).
        slope: upper bounds of `|γ_i|` over `|d_i|` for inputs that move by the whole radius (features).
    """

    layer: LastLayer
    moved: Moved
    rows: NDArray[np.intp]
    steep: Array
    slope: Array

    @staticmethod
    def of(layer: LastLayer, moved: Moved) -> Shifts:
        """With what is the same for every function c."""
        change, rows = moved.change, moving_rows(layer, moved.change)
        if not change.moving.inputs:
            return Shifts(layer, moved, rows, np.zeros(len(rows)), np.zeros(len(rows)))
        W = layer.plain
        size = fp.frobenius(W)
        loose = np.full(1, 2 * fp.dot_unit(W.shape[1]) * size * size + fp.FLOOR)
        steep = top_of_product(layer, (W @ W.T)[None], loose)[rows]
        if layer.row_loss.quadratic:
            return Shifts(layer, moved, rows, steep, np.full(len(rows), size))
        slope = growth_of(moved.bent) * np.sqrt(layer.M_norm[rows] * steep)
        r = layer.omega * change.radius
        if r > 0:
            bend = moved.bent / 4 if change.total else min(1.0, moved.bent / 4)
            slope = np.minimum(slope, math.sqrt(2.0) * layer.weight[rows] * bend / r)
        return Shifts(layer, moved, rows, steep, slope * (RAISE * RAISE))

    def first(self, C: Array, error: Array) -> Array:
        """Upper bounds of `sup_u |⟨c, B⁻¹Δ_u⟩|` for every row Xc of C, which errs by at most `error`."""
        found = np.empty(len(C))
        for at in range(0, len(C), 32):
            found[at : at + 32] = self._some(C[at : at + 32], error[at : at + 32])
        return found

    def _some(self, C: Array, error: Array) -> Array:
        layer, change, metric, rows = self.layer, self.moved.change, self.moved.metric, self.rows
        (k, m), (N, p) = layer.V.shape, C.shape
        wide = fp.row_norms(C) + error
        off = (metric.x_size * (error + (_loose(metric, p) + fp.dot_unit(p)) * wide) * RAISE)[:, None]  # |b − B⁻¹c|
        b = (C @ metric.X).reshape(N, k, m)
        size = fp.row_norms(b.reshape(N, -1))[:, None] + off
        phi, rad, norm = layer.phi[rows], layer.phi_rad[rows], layer.phi_norm[rows]
        x = np.swapaxes(b @ phi.T, 1, 2)  # bφ_i, (N, rows, k)
        lost = off * norm + size * (rad + fp.dot_unit(m) * norm)
        length = fp.row_norms(x) + lost
        if not change.moving.inputs:
            return largest_sum(length * RAISE, layer, change)
        W, g = layer.plain, layer.g[rows]
        inner = np.swapaxes(b[..., : W.shape[1]], 1, 2)  # (N, m', k): without the bias, which no input moves
        y = np.einsum("ikl,Nil->Nik", layer.M[rows], x, optimize=True)
        slip = layer.M_norm[rows] * (lost + fp.dot_unit(k) * length) + layer.M_rad[rows] * length
        v = y @ W + g @ np.swapaxes(inner, 1, 2)
        spare = fp.frobenius(W) * (slip + fp.dot_unit(k) * (layer.M_norm[rows] * length + slip))
        spare = spare + off * layer.g_norm[rows] + size * (layer.g_rad[rows] + fp.dot_unit(k) * layer.g_norm[rows])
        linear = layer.omega * (fp.row_norms(v) * (1 + 2 * fp.U) + spare) * RAISE
        spread = (x.max(axis=2) - x.min(axis=2) if k > 1 else np.abs(x[..., 0])) + 2 * lost
        third = 0.0 if layer.row_loss.quadratic else _third(self.moved.bent)
        square = layer.omega * layer.omega * (third * self.steep * spread + size * self.slope) * RAISE
        r = change.radius
        if not change.total:
            return largest_sum((linear + r * square) * RAISE, layer, change)
        rest = square.max(axis=1) * r * r / layer.n
        return np.asarray((largest_sum(linear, layer, change) + rest) * RAISE)


def _third(s: float) -> float:
    """Upper bound of `(e^s − 1 − s)/s²`, which grows with s."""
    if s > 700:
        return math.inf
    x = flint.arb(max(s, 2.0**-10))
    return float(((x.expm1() - x) / (x * x)).abs_upper()) * RAISE
