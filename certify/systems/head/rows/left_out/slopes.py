"""Gradients without a row, at weights near the reference, for many rows at a time (D1h)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.activation.elementary import exp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.head import Whole
from certify.systems.head.rows.left_out.reference import Reference

AT_ONCE = 1 << 16
"""Entries of all outputs of one piece: what is done to them stays in the cache nearest to a core."""

MOST = 40.0
"""Logarithm of the ratio of curvatures beyond which nothing is said: e^20 times what a sum of exponentials errs by is
still small, which first-order counts of its error rest on."""


@dataclass(frozen=True, eq=False)
class Gradients:
    """`∇G_i(V₀ + d_i)` of every member of a batch.

    Attributes:
        g: `(q, m, B)` in floats.
        error: `(B,)` upper bounds of what they err by, in the norm `|v|_*` of A.
        ratio: `(B,)` upper bounds of `e^δ`: between V₀ and V₀ + d no curvature of another row is more than `e^δ` times
            that at V₀, nor less than `e^(−δ)` times it; infinite where nothing is known.
    """

    g: Array
    error: Array
    ratio: Array


def enclose_gradients(at: Reference, rows: Whole, d: Array) -> Gradients:
    """Every gradient as what it is at V₀ and what outputs add that move: small things with small errors.

    `∇G_i(V₀ + d) = ∇G(V₀) − p_i ⊗ φ_i + Σ_(j≠i) (s(z_j + dφ_j) − s(z_j)) ⊗ φ_j + μ'Qd + (μ' − μ)QV₀`; the first term
    is an error, as `Reference.near` bounds it. With `E = e^δ − 1` a row gives `s_a(E_a − Σ s_b E_b)/(1 + Σ s_b E_b)`.

    Args:
        at: the reference.
        rows: `(B,)` the row that is left out, of every member.
        d: `(q, m, B)` moves from V₀.
    """
    reduced, (q, m, B) = at.reduced, d.shape
    F = (reduced.phi @ np.ascontiguousarray(d.transpose(1, 0, 2)).reshape(m, q * B)).reshape(-1, q, B)
    d_size = np.sqrt(np.einsum("amb,amb->b", d, d)) * fp.sum_up(q * m) + fp.FLOOR
    away = 4 * fp.dot_unit(m) * float(reduced.lengths.max()) * d_size
    lost = ~(np.isfinite(d_size) & (np.maximum(F.max(axis=(0, 1)), -F.min(axis=(0, 1))) + away < MOST / 2))
    F[:, :, lost] = 0.0
    high, weighed = _slopes(at, rows, F)
    F[rows, :, np.arange(B)] = -at.pull[rows]
    slopes = np.sqrt(np.einsum("jab,jab->b", F, F)) * fp.sum_up(q * reduced.n)
    g = (reduced.phi.T @ F.reshape(-1, q * B)).reshape(m, q, B).transpose(1, 0, 2)
    size = np.sqrt(np.einsum("amb,amb->b", g, g))
    mid = reduced.mu_after[0]
    g = g + reduced.decay(d, mid)
    shift = mid - reduced.mu[0]
    if shift:
        g += reduced.decay(at.V, shift)[:, :, None]
    ratio = np.where(lost, np.inf, high * exp(np.where(lost, 0.0, away)) * RAISE)
    V_size = fp.frobenius(at.V)
    # in the Euclidean norm: sums, of all columns and of the last; the decay and its rounding; V₀ cancels but for these
    last, others = at.flat
    plain = 4 * U * (size + (mid + abs(shift)) * (d_size + V_size)) + fp.FLOOR
    plain += (reduced.mu_after[1] + (2 * q + 8) * U * mid) * d_size
    plain += (reduced.mu_after[1] + reduced.mu[1] + (2 * q + 8) * U * (abs(shift) + mid * bool(shift))) * V_size
    plain = (last + others) * plain + fp.dot_unit(reduced.n) * (others * at.rows + last * at.ones) * slopes
    own = at.kappa[rows] * (reduced.soft_error + at.unsure[rows] + 2 * U)
    whole = float(at.kappa.sum()) * fp.sum_up(reduced.n)
    weighed = weighed * fp.sum_up(reduced.n)
    # rounding of the slopes, of the probabilities, and what outputs err by, in the norm of A
    slopes_error = (3 * q + 30) * U * (whole + weighed) + 6 * reduced.soft_error * weighed
    outputs_error = ratio * (at.lost + fp.dot_unit(reduced.m) * d_size * at.spread)
    error = at.near + own + slopes_error + outputs_error + plain
    return Gradients(g, np.where(lost, np.inf, error * RAISE), ratio)


def _slopes(at: Reference, rows: Whole, F: Array) -> tuple[Array, Array]:
    """Moves of outputs `(n, q, B)` turned into moves of slopes in place, rows that are left out whatever they be.

    Returns:
        `(B,)` the largest ratio `e^(max z − min z)`, 0 among the z, of the rows that stay, and `(B,)` the sum of all of
        them by `Reference.kappa`; upper bounds.
    """
    n, q, B = F.shape
    high, weighed = np.ones(B), np.zeros(B)
    step = max(1, AT_ONCE // (q * B))
    order = np.argsort(rows, kind="stable")
    ends = np.searchsorted(rows[order], np.arange(0, n + step, step))
    for piece, start in enumerate(range(0, n, step)):
        z, s = F[start : start + step], at.s[start : start + step, :, None]
        E = exp(z)
        ratio = np.maximum(E.max(axis=1), 1.0) / np.minimum(E.min(axis=1), 1.0)
        here = order[ends[piece] : ends[piece + 1]]
        ratio[rows[here] - start, here] = 1.0
        np.maximum(high, ratio.max(axis=0), out=high)
        weighed += at.kappa[start : start + step] @ ratio
        E -= 1.0
        np.multiply(E, s, out=z)
        mean = z.sum(axis=1, keepdims=True)
        E -= mean
        mean += 1.0
        np.divide(1.0, mean, out=mean)
        E *= mean
        np.multiply(E, s, out=z)
    return high * (1.0 + 2.0**-40), weighed * (1.0 + 2.0**-40)
