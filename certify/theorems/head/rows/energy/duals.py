"""Lower bounds of the least energy on a hyperplane, from dual points (D7).

For targets τ and slopes q in the loss's domain (q_i in [0, 1]; for several outputs each row's q sums to 1)

    min {G_τ(w) : e·w = c} ≥ H(q) − νc − |r|²/(2μ),   r = Aᵀ(q − τ) + ν e,

for every ν for which r vanishes in the weights that do not decay. No curvature and no minimiser enters: q and ν may
come from anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from certify.rigor.fp import RAISE, Array, U, dot_unit, row_norms
from certify.theorems.head.rows.energy.entropy import binary_entropy, entropy
from certify.theorems.head.rows.energy.rows import Index, Rows


@dataclass(frozen=True, eq=False)
class Duals:
    """Dual points, one a line.

    Args:
        q: `(B, N)` slopes, the floats themselves.
        tau: `(B, N)` targets that each speaks of.
        r: `(B, p)` floats near r; each within `error` of it in the Euclidean norm.
        error: `(B,)` bounds.
        value: `(B,)` lower bounds of `H(q) − νc − |r|²/(2μ)`.
        nu, doubt: `(B,)` floats near ν, and how far it may be from them.
    """

    q: Array
    tau: Array
    r: Array
    error: Array
    value: Array
    nu: Array
    doubt: Array

    def take(self, lines: Index) -> Duals:
        """Some of the points."""
        return Duals(self.q[lines], self.tau[lines], self.r[lines], self.error[lines], self.value[lines],
                     self.nu[lines], self.doubt[lines])


_AT_ONCE = 2**22
"""Slopes whose entropies are found before the time is looked at again."""

NOTHING = -1e300
"""A lower bound where there is none: finite, so that no NaN comes of it."""

GRID = 2.0**40
"""Slopes of several outputs are multiples of its inverse: a row's sum is exactly 1, and sums over rows are exact."""


def heights(rows: Rows, q: Array) -> Array:
    """Lower bounds of the entropies H(q)."""
    height, step = binary_entropy if rows.width == 1 else entropy, max(1, _AT_ONCE // len(rows.A))
    found = np.empty(len(q))
    for start in range(0, len(q), step):
        rows.check()
        found[start : start + step] = height(q[start : start + step])
    return found


def duals(rows: Rows, q: Array, tau: Array, e: Array) -> Duals:
    """The dual points with slopes q and the best ν, with their values."""
    if rows.width == 1:
        q, good = np.clip(q, 0.0, 1.0), np.ones(len(q), dtype=bool)
    else:
        q, good = on_grid(rows, q, tau, e)
    rows.check()
    off = q - tau
    r = off @ rows.A
    error = dot_unit(len(rows.A) + 4) * rows.size * row_norms(off)
    nu, doubt = _multiplier(rows, r, error, e)
    r = r + nu[:, None] * e
    r[:, ~rows.decayed] = 0.0
    size = row_norms(e[None])[0]
    error = (error + (doubt + 4.0 * U * np.abs(nu)) * size + 2.0 * U * row_norms(r)) * RAISE
    value = np.where(good, values(rows, heights(rows, q), r, error, (nu, doubt)), NOTHING)
    return Duals(q, tau, r, error, value, nu, doubt)


def on_grid(rows: Rows, q: Array, tau: Array, e: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Slopes of several outputs near q, whose rows sum to 1; with free intercepts the classes' sums are those of τ.

    Two classes need not be balanced, those that e compares: ν does it. Where the balance takes more than a row has, the
    slopes are out of bounds and no dual point; the second result says which are one.
    """
    width = rows.width
    whole = np.rint(np.clip(np.nan_to_num(q), 0.0, 1.0).reshape(len(q), -1, width) * GRID).astype(np.int64)
    top = whole.argmax(-1)[..., None]
    rest = whole.sum(-1, keepdims=True) - np.take_along_axis(whole, top, -1)
    np.put_along_axis(whole, top, int(GRID) - rest, -1)
    good: NDArray[np.bool_] = np.asarray((whole >= 0).all((1, 2)))
    free = np.flatnonzero(~rows.decayed)
    if len(free):
        gap = whole.sum(1) - np.rint(tau.reshape(whole.shape).sum(1)).astype(np.int64) * int(GRID)
        first = int(np.flatnonzero(e[free])[0])
        for c in np.flatnonzero(e[free] == 0.0):
            rows.check()
            for b in range(len(whole)):
                give, get, size = (c, first, gap[b, c]) if gap[b, c] > 0 else (first, c, -gap[b, c])
                row = int(whole[b, :, give].argmax())
                whole[b, row, give] -= size
                whole[b, row, get] += size
                good[b] &= whole[b, row, give] >= 0
    return np.clip(whole.reshape(q.shape) / GRID, 0.0, 1.0), good


def _multiplier(rows: Rows, r: Array, error: Array, e: Array) -> tuple[Array, Array]:
    """ν, and how far the ν that is meant may be from it: none where all weights decay, else r must vanish exactly."""
    free = np.flatnonzero(~rows.decayed & (e != 0.0))
    if rows.decayed.all():
        return -(r @ e + rows.mu[0] * rows.level) / (e @ e), np.zeros(len(r))
    column = free[0]
    doubt = (error + 2.0 * U * np.abs(r[:, column])) / abs(e[column]) * RAISE
    return -r[:, column] / e[column], doubt


def values(rows: Rows, height: Array, r: Array, error: Array, nu: tuple[Array, Array]) -> Array:
    """Lower bounds of `H − νc − |r|²/(2μ)`, ν known up to a doubt."""
    far = (row_norms(r) + error) * RAISE
    found = (height - far * far / (2.0 * rows.mu[0]) * RAISE) * 1.0 - np.abs(height) * 4.0 * U
    if rows.level == 0.0:
        return found
    moved = nu[0] * rows.level
    return found - moved - (nu[1] * abs(rows.level) + 4.0 * U * (np.abs(moved) + np.abs(found))) * RAISE


def average(rows: Rows, points: Duals, weights: Array, members: Index, tau: Array, e: Array) -> Duals:
    """Averages `Σ weights_j points[members_j]`, one a line; tau `(B, N)` is the same average of the points' targets.

    Weights are floats next to those of a convex combination. The average is a dual point of its own: its slopes are
    the floats, and its r is the average of the r up to what the rounded slopes move.
    """
    if rows.width > 1:
        mixed = sum(points.q[members[:, j]] * weights[j] for j in range(members.shape[1]))
        return duals(rows, np.asarray(mixed), tau, e)
    q = points.q[members[:, 0]] * weights[0]
    r = points.r[members[:, 0]] * weights[0]
    nu = points.nu[members[:, 0]] * weights[0]
    for j in range(1, members.shape[1]):
        q += points.q[members[:, j]] * weights[j]
        r += points.r[members[:, j]] * weights[j]
        nu += points.nu[members[:, j]] * weights[j]
    np.clip(q, 0.0, 1.0, out=q)
    rounds = (members.shape[1] + 4) * U
    longest, moved = float(row_norms(points.r).max()), 2.0 * rows.size * len(rows.A) ** 0.5
    doubt = float(points.doubt.max()) + rounds * float(np.abs(points.nu).max())
    for column in np.flatnonzero(~rows.decayed & (e != 0.0)):  # ν takes up what the rounded slopes move there
        doubt += rounds * moved / abs(float(e[column]))
        moved *= 1.0 + float(row_norms(e[None])[0]) / abs(float(e[column]))
    error = np.full(len(r), (float(points.error.max()) + rounds * (longest + moved)) * RAISE)
    unsure = np.full(len(r), doubt * RAISE)
    return Duals(q, tau, r, error, values(rows, heights(rows, q), r, error, (nu, unsure)), nu, unsure)
