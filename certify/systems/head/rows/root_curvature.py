"""D1e: how near refits are to proposed weights where the intercept is free, by the curvature at one reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.activation.elementary import exp
from certify.rigor.cholesky import lambda_min_lower
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.change import DELETED, NONE, Choices
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.refit import ROOM, Slopes, enclose_slopes

TRIES = 3
"""Balls that are tried."""

AT_ONCE = 1 << 22
"""Entries of the largest array that is worked on at a time."""


@dataclass(frozen=True, eq=False)
class RootCurvature:
    """Distances `√(|U − Û|² + |β − β̂ + G(U − Û)|²)`, in which intercept and weights hardly depend on each other.

    `S = Σ M_i` and `CᵀU = Σ M_iUx_i`, M_i the second derivative of row i at the reference outputs; `G ≈ S⁺Cᵀ`. Any G
    gives a proof (D1e); this one makes `|CᵀU − SGU|` small, and the modulus of strong convexity nearly that of the
    decay, however far the rows are from the origin.

    Attributes:
        head: with a free intercept, and a loss that knows its second derivatives.
        Z: `(n, k)` reference outputs, any floats.
        G: `(k, k, p)`: `(GU)_a = Σ G[a, b, j]U[b, j]`, p inputs without the 1.
        size: upper bound of `‖G‖`.
        skew: bound of what G adds to all intercepts at once, which no difference of outputs sees.
        s: lower bound of λ_min(S), of a loss that only sees differences on vectors with sum 0; not above 0: no bound.
        defect: upper bound of `‖Cᵀ − SG‖`.
        bends: `(n,)` upper bounds of `‖M_i‖`.
    """

    head: Head
    Z: Array
    G: Array
    size: float
    skew: float
    s: float
    defect: float
    bends: Array

    @staticmethod
    def of(head: Head, V: Array) -> RootCurvature:
        """At the outputs of some weights.

        Args:
            head: with a free intercept and no weights of rows.
            V: `(k, m)` floats, best near the refit without a change.
        """
        n, k, x = head.n, head.k, head.phi[:, :-1]
        Z = np.ascontiguousarray(head.phi @ V.T)
        M, error = head.loss.bends(Z)
        norms = np.sqrt(np.einsum("iab,iab->i", M, M)) * fp.sum_up(k * k) + error
        S = M.sum(axis=0)
        off = (n * error + fp.dot_unit(n) * float(norms.sum())) * RAISE
        C = (M.reshape(n, k * k).T @ x).reshape(k, k, -1)
        lengths = (head.phi_norm + fp.FLOOR) * RAISE
        lost = float((fp.dot_unit(n) * norms + error) @ lengths + norms @ head.phi_rad) * np.sqrt(k) * RAISE
        G = np.tensordot(np.linalg.pinv(S, rcond=1e-12, hermitian=True), C, 1)
        size = float(np.sqrt(np.einsum("abj,abj->", G, G))) * fp.sum_up(G.size)
        left = C - np.tensordot(S, G, 1)
        defect = float(np.sqrt(np.einsum("abj,abj->", left, left))) * fp.sum_up(G.size)
        steep = float(np.sqrt(np.einsum("ab,ab->", S, S))) * RAISE
        rounded = fp.dot_unit(k + 1) * (steep * size + fp.frobenius(C.reshape(k, -1)))
        defect = (defect + off * size + lost + rounded) * RAISE
        skew = 0.0
        if head.loss.shifted:
            total = G.sum(axis=0)
            skew = (float(np.sqrt(np.einsum("bj,bj->", total, total))) / np.sqrt(k) + fp.dot_unit(k) * size) * RAISE
        return RootCurvature(head, Z, G, size * RAISE, skew, _least(S, off, head.loss.shifted), defect, norms * RAISE)

    def distances(self, choices: Choices, V: Array) -> Array:
        """Upper bounds `(B,)` of the distance from proposed weights to one of the refits; infinite: nothing is proved.

        Args:
            choices: B changes.
            V: `(B, k, m)` weights from anywhere.
        """
        found, step = np.full(len(choices), np.inf), max(1, AT_ONCE // (self.head.n * self.head.k))
        with np.errstate(all="ignore"):
            for start in range(0, len(choices), step):
                at = slice(start, start + step)
                good = np.asarray(np.isfinite(V[at]).all(axis=(1, 2)))
                near = self._distances(choices.part(at), np.where(good[:, None, None], V[at], 0.0))
                found[at] = np.where(good & np.isfinite(near), near, np.inf)
        return found

    def _distances(self, choices: Choices, V: Array) -> Array:
        head, B = self.head, len(V)
        slopes = enclose_slopes(head, choices, V, fine=True)
        size = self._turned(slopes)
        left = np.ones((head.n, B))
        gone, reach = np.zeros(B), (head.phi_norm + self.size + 1.0) * RAISE
        cross = np.full(B, self.defect)
        for rows, codes in zip(choices.rows.T, choices.codes.T, strict=True):
            b = np.flatnonzero((rows != NONE) & (codes == DELETED))
            left[rows[b], b] = 0.0
            gone[b] += self.bends[rows[b]]
            cross[b] += self.bends[rows[b]] * reach[rows[b]] * RAISE
        s = np.maximum((self.s - gone * RAISE) * (1 - 4 * U), 0.0)
        skewed = cross * cross / s * RAISE
        mu = np.array([(mid - off) * (1 - 4 * U) for mid, off in map(head.mu, choices.deleted.tolist())])
        moved = (head.loss.drift(slopes.Z - self.Z[:, None, :]) + head.loss.fading * slopes.off) * left
        far, wide = moved.max(axis=0), float(reach.max())
        found, radius = np.full(B, np.inf), np.zeros(B)
        for _ in range(TRIES):
            fades = (far + head.loss.fading * radius * wide) * RAISE
            f = np.where(fades < 300.0, exp(-np.minimum(fades, 300.0)) / RAISE, 0.0)
            sigma = mu * f * s / ((mu + f * s + f * skewed) * RAISE) * (1 - 4 * U)
            near = size / sigma * ROOM
            found = np.where((near < radius) & (near < found), near, found)
            radius = np.where(np.isfinite(near), near * 1.5, 0.0)
        return found

    def _turned(self, slopes: Slopes) -> Array:
        """Upper bounds of the gradients in the new coordinates: `(g_U − Gᵀg_β, g_β)`."""
        g = slopes.gradient
        raw = np.sqrt(np.einsum("bkm,bkm->b", g, g)) * (1 - (g[0].size + 8) * U)
        error = np.maximum(slopes.size - raw, 0.0) * RAISE
        turn = np.einsum("abj,Ba->Bbj", self.G, g[:, :, -1])
        T = np.concatenate([g[:, :, :-1] - turn, g[:, :, -1:]], axis=2)
        size = np.sqrt(np.einsum("bkm,bkm->b", T, T)) * fp.sum_up(T[0].size)
        steep = np.sqrt(np.einsum("bk,bk->b", g[:, :, -1], g[:, :, -1])) * RAISE
        size = size + ((fp.dot_unit(self.head.k + 1) * self.size + self.skew) * steep + 2 * U * raw) * RAISE
        return np.asarray(size + error * np.sqrt(2.0 + self.size * self.size) * RAISE)

    def outputs(self, V: Array, near: Array) -> tuple[Array, Array]:
        """`(B, N, k)` outputs at proposed weights, and how far those at weights within the distances may be."""
        head, k = self.head, self.head.k
        x = head.points[:, :-1]
        far = np.empty((len(x), k))
        for a in range(k):
            e = np.tile(-self.G[a], (len(x), 1, 1))
            e[:, a] += x
            far[:, a] = np.sqrt(np.einsum("Nbj,Nbj->N", e, e)) * fp.sum_up(e[0].size)
        far = (far + self.skew + 2 * U * self.size + head.points_rad[:, None]) * RAISE
        far = np.sqrt(far * far + 1.0) * RAISE
        F, off = head.outputs(V, np.zeros(len(V)))
        off = (off + near[:, None, None] * far) * RAISE
        return F, np.where(np.isfinite(off), off, np.inf)


def _least(S: Array, off: float, shifted: bool) -> float:
    """Lower bound of λ_min(S), all symmetric matrices within `off` counted; if shifted, on vectors with sum 0."""
    k, scale = len(S), float(np.trace(S))
    if not (np.isfinite(scale) and scale > 0):
        return 0.0
    whole = S + scale / k if shifted else S
    unit = float(np.ldexp(1.0, int(np.frexp(scale)[1])))
    whole = 0.5 * (whole + whole.T) / unit
    low = float(lambda_min_lower(whole, float(np.linalg.eigvalsh(whole)[0])))
    return (low * (1 - 2 * U) if low > 0 else low) * unit - (off + 8 * k * U * scale) * RAISE
