"""What all refits without a row share: weights near the minimum with all rows, and the Hessian there (D1h)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.rigor.split import split_product, split_unit
from certify.systems.head.rows.head import Whole
from certify.systems.head.rows.left_out.inverse import Inverse, enclose_inverse
from certify.systems.head.rows.left_out.reduced import Reduced

MOST = 2.0**40
"""Size of an output above which nothing is said."""

CHORDS = 4
"""Steps from the weights whose second derivative is inverted to those that all refits are seen from."""


@dataclass(frozen=True, eq=False)
class Reference:
    """Weights V₀, `A = ∇²G(V₀)` and P with `(1 − ε)A⁻¹ ⪯ P ⪯ (1 + ε)A⁻¹`; `|v|_* = √(v·A⁻¹v)`.

    Attributes:
        reduced: the problem.
        V: `(q, m)` V₀.
        s: `(n, q)` probabilities at V₀ in floats.
        pull: `(n, q)` slopes of the rows at V₀.
        inverse: P, its bounds those of A.
        flat: upper bounds of `|e|_*` for `|e| = 1`, of the last column alone and of all others alone.
        kappa: `(n,)` upper bounds of the largest `|v ⊗ φ_j|_*`, |v| = 1.
        rho: upper bound of `|(e_a − e_b) ⊗ φ_j|_*` over rows and outputs, the last one included (e = 0).
        near: upper bound of `|∇G(V₀)|_*`.
        lost: of what outputs at V₀ err by, `√Σ_j tr M_j e_j²`.
        spread: `√Σ_j tr M_j |φ_j|²`.
        unsure: `(n,)` upper bounds of e_j.
        rows: upper bound of `√Σ_j |φ_j|²`.
        contrast: `(N, k)` upper bounds of `|c|_*`, c the output of an evaluation row.
    """

    reduced: Reduced
    V: Array
    s: Array
    pull: Array
    inverse: Inverse
    flat: tuple[float, float]
    kappa: Array
    rho: float
    near: float
    lost: float
    spread: float
    unsure: Array
    rows: float
    contrast: Array

    @staticmethod
    def of(reduced: Reduced, V: Array) -> Reference | None:
        """At weights near some, best near the minimum; None where nothing is proved."""
        made = _inverted(reduced, V)
        if made is None:
            return None
        V, inverse, s = made
        unsure = split_unit(reduced.m) * reduced.lengths * fp.frobenius(V) * RAISE
        if not unsure.max() < 2.0**-4:
            return None
        wider = (1.0 + 4.0 * float(unsure.max())) * RAISE
        square = _squares(inverse, reduced.phi)
        both = np.sort(np.sqrt(square), axis=0)
        rho = float((both[-1] + (both[-2] if len(both) > 1 else 0.0)).max()) * RAISE
        heavy = (_traces(s) + 4 * reduced.soft_error) * wider
        lost = np.sqrt(float(heavy @ (unsure * unsure)) * fp.sum_up(reduced.n)) * wider * RAISE
        spread = np.sqrt(float(heavy @ (reduced.lengths * reduced.lengths)) * fp.sum_up(reduced.n)) * wider * RAISE
        kappa = np.sqrt(square.sum(axis=0)) * RAISE
        pull = s - reduced.Y
        flat = _flat(reduced, inverse)
        near = _gradient(reduced, V, pull, (inverse, flat)) + (2.0 * lost + (reduced.soft_error + 2 * U)
                                                       * float(kappa.sum()) * fp.sum_up(reduced.n))
        return Reference(reduced, V, s, pull, inverse, flat, kappa, rho, float(near * RAISE), lost,
                         spread, unsure, float(fp.row_norms(reduced.lengths[None, :])[0]) * RAISE,
                         _contrasts(inverse, reduced))

    @property
    def blocks(self) -> Array:
        """P as `(q, m, q, m)`."""
        q, m = self.V.shape
        return self.inverse.P.reshape(q, m, q, m)

    @cached_property
    def ones(self) -> float:
        """Upper bound of the length of the last column."""
        return float(fp.row_norms(np.ascontiguousarray(self.reduced.phi[:, -1])[None, :])[0])

    @property
    def kept(self) -> float:
        """Lower bound of what is left of the decay when a row is deleted, of 1."""
        (mid, wrong), (after, off) = self.reduced.mu, self.reduced.mu_after
        return 1.0 if (mid, wrong) == (after, off) else (after - off) / (mid + wrong) * (1 - 8 * U)

    def curvature(self, rows: Whole) -> tuple[Array, Array]:
        """`(B, q, q)` curvatures of rows at V₀ in floats, and what each errs by in the spectral norm."""
        s = self.s[rows]
        M = s[:, :, None] * (np.eye(s.shape[1]) - s[:, None, :])
        return M, (3 * self.reduced.soft_error + 2 * self.unsure[rows] + 8 * self.s.shape[1] * U) * RAISE


def _inverted(reduced: Reduced, V: Array) -> tuple[Array, Inverse, Array] | None:
    """Weights a few steps on, P for the second derivative there, and probabilities in floats.

    P is that of the curvature at the first weights, and of any other that is at most `e^±δ` times it; so it is, too,
    of that at the outputs where that of floats was taken.
    """
    z = reduced.outputs(V)
    if not np.abs(z).max() <= MOST:
        return None
    s = reduced.softmax(z)
    found = enclose_inverse(*reduced.hessian(s))
    if found is None:
        return None
    new = V
    for _ in range(CHORDS):
        new = new - (found.P @ reduced.gradient(new).ravel()).reshape(V.shape)
    moved = reduced.outputs(new)
    if not np.abs(moved).max() <= MOST:
        return None
    move = np.hstack([moved - z, np.zeros((len(z), 1))])
    off = 2 * fp.dot_unit(reduced.m) * float(reduced.lengths.max()) * (fp.frobenius(V) + fp.frobenius(new))
    drift = (float((move.max(axis=1) - move.min(axis=1)).max()) + off) * RAISE
    if not drift < 2.0**-4:
        return None
    wide = 1.0 + drift + drift * drift  # e^drift and more
    error = (found.error * wide + wide - 1.0 + 4 * U) * RAISE
    if not error < 0.5:
        return None
    inverse = Inverse(found.P, error, found.size, found.top * wide * RAISE)
    return new, inverse, reduced.softmax(split_product(reduced.phi, np.ascontiguousarray(new)))


def _flat(reduced: Reduced, inverse: Inverse) -> tuple[float, float]:
    """Of columns with decay `1/√(μ λ_min(Q))`, as what the rows add is not negative; of the last one by P."""
    k = reduced.q + 1 if reduced.q == len(reduced.E) - 1 else 1
    others = float(np.sqrt(k / max((reduced.mu[0] - reduced.mu[1]) * (1 - 4 * U), fp.FLOOR)) * RAISE)
    if reduced.decayed[-1]:
        return others, others
    m = reduced.m
    corner = np.ascontiguousarray(inverse.P[m - 1 :: m, m - 1 :: m])
    return float(np.sqrt(fp.frobenius(corner) / (1.0 - inverse.error)) * RAISE), others


def _traces(s: Array) -> Array:
    """`(n,)` upper bounds of `Σ_a s_a(1 − s_a)` of probabilities `(n, q)`, but for their errors."""
    return np.asarray((s * (1.0 - s)).sum(axis=1) * RAISE)


def _squares(inverse: Inverse, x: Array) -> Array:
    """`(q, N)` upper bounds of `|e_a ⊗ x|_*²`."""
    m = x.shape[1]
    q = len(inverse.P) // m
    P, lengths = inverse.P.reshape(q, m, q, m), fp.row_norms(x)
    computed = np.array([np.einsum("xi,xi->x", x @ P[a, :, a, :], x) for a in range(q)])
    off = 3 * fp.dot_unit(m) * inverse.size * lengths * lengths
    return np.asarray((np.maximum(computed, 0.0) + off) / (1.0 - inverse.error) * RAISE)


def _contrasts(inverse: Inverse, reduced: Reduced) -> Array:
    """`(N, k)` upper bounds of `|E_c ⊗ x|_*` over evaluation rows x and outputs c."""
    x, q, m = reduced.points, reduced.q, reduced.m
    P, lengths = inverse.P.reshape(q, m, q, m), fp.row_norms(x)
    found = np.zeros((len(x), len(reduced.E)))
    for a in range(q):
        for b in range(a + 1):
            both = np.einsum("xi,xi->x", x @ P[a, :, b, :], x) * (1.0 if a == b else 2.0)
            found += both[:, None] * (reduced.E[:, a] * reduced.E[:, b])
    size = 2.0 * np.abs(reduced.E).sum(axis=1)
    off = (3 * fp.dot_unit(m) + (q * q + 8) * U) * inverse.size * (lengths * lengths)[:, None] * size * size
    return np.asarray(np.sqrt((np.maximum(found, 0.0) + off) / (1.0 - inverse.error)) * RAISE)


def _gradient(reduced: Reduced, V: Array, pull: Array, by: tuple[Inverse, tuple[float, float]]) -> float:
    """Upper bound of `|Σ_j p_j ⊗ φ_j + μQV|_*` for the slopes p in floats as they are."""
    g = split_product(np.ascontiguousarray(pull.T), np.ascontiguousarray(reduced.phi.T))
    back = reduced.decay(V, reduced.mu[0])
    total = (g + back).ravel()
    size, long = float(fp.frobenius(pull)), float(fp.frobenius(V))
    length = float(fp.row_norms(total[None, :])[0])
    off = split_unit(reduced.n) * size * float(fp.row_norms(reduced.lengths[None, :])[0]) * RAISE
    off += (reduced.mu[1] + (2 * reduced.q + 8) * U * reduced.mu[0]) * long + 4 * U * (length + reduced.mu[0] * long)
    inverse, flat = by
    P = inverse.P
    square = float(total @ (P @ total)) + 3 * fp.dot_unit(len(P)) * inverse.size * length * length
    return float(np.sqrt(max(square, 0.0) / (1.0 - inverse.error)) * RAISE + sum(flat) * off * RAISE)
