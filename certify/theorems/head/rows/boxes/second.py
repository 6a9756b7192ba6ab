"""D5, margins to second order: what linearising the rows leaves is a quadratic form whose signs may cancel.

With `H_D = Σ b_i D_i s_is_iᵀ + diag(decay)` and `c = S H_D⁻¹e`, Identity 0 says
`e·Δ = −Σ_M c_i p̂_i − Σ_{i∉M} b_i c_i r_i(τ_i) − (what is left of the gradient)`, and `c_i r_i ≤ ½ β_i τ_i²` on slabs.
With `Q = Σ b_i β_i s_is_iᵀ ⪯ λ H_low` the second sum is at most `½ λ ΔᵀH_lowΔ − ½ Σ_M β_i τ_i²`.
Where labels change the pulls are at most 1, the second sum is over all rows, and M has what its rows bend by beyond β.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from certify.rigor import fp
from certify.rigor.blocked.grams import gram
from certify.rigor.cholesky import verify_definite
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.boxes.bends import bends
from certify.systems.head.rows.boxes.slabs import Rows, secants
from certify.systems.head.rows.boxes.trap import Centre, Slabs, Trap, seen, short, squares, top_sum, top_sums

TINY = 2.0**-20
"""Of the squared pull, for the mixed term with the gradient."""

SPARE = 1.0 + 2.0**-16
"""Of what is subtracted: a checker has bounds of its own."""

WEIGHTS = 2.0**-41
"""What a checker's curvatures, whole numbers, and the float ones are apart."""

LIFT = 1.01
"""Of the proposed λ."""


@dataclass(frozen=True, eq=False)
class Second:
    """What all points share.

    Attributes:
        D_inverse: float, near `H_D⁻¹`; H_D itself, and what its float sum may be off by.
        low, low_off: the same of `H_low`.
        bends: (2, n) bounds of `2r(τ)/τ²` on the slabs of rows that stay; `free_bends` (2, f), where labels change, of
            changed ones.
        rho: (f,) with `|Σ_M p̂ s|² ≤ Σ_M ρ` in the norm of `H_low⁻¹`.
        reach: upper bound of `|Δ|`.
        bent: (n,) upper bounds of `|l''(t) − D|` times how far the slab reaches.
    """

    D_inverse: Array
    H: Array
    H_off: float
    low: Array
    low_off: float
    bends: Array
    free_bends: Array | None
    rho: Array
    reach: float
    bent: Array


def second(c: Centre, slabs: Slabs, t: Trap, free: Rows, k: int) -> Second | None:
    """The parts of the bound that do not depend on a point; None where a matrix is not proved."""
    s, S = c.sums, c.sums.S
    sizes = s.norms * s.norms
    matrices: list[Array] = []
    errors: list[float] = []
    for weights in (c.at.D, secants(c.at, slabs.lo, slabs.hi).least):
        H, unit = gram(S, c.kept * weights)
        H[np.diag_indices(len(H))] += s.decay
        terms = float((c.kept * weights) @ sizes) * fp.sum_up(len(S))
        off = 2.0 * unit * terms + 4.0 * U * float(s.decay.sum()) + s.decay_off
        matrices.append(np.asarray(0.5 * (H + H.T), np.float64))
        errors.append(float((off + U * fp.frobenius(H)) * RAISE))
    (H, low), (H_off, low_off) = matrices, errors
    try:
        inverse = np.asarray(np.linalg.inv(H), np.float64)
    except np.linalg.LinAlgError:
        return None
    k = min(k, len(free))
    upper = seen(S, t.top, s.norms, t.off)
    rho = squares(c, free, (t.top, t.off), (t.size, t.back), upper, k, t.wide)
    norm = float(np.sqrt(fp.frobenius(t.top) + t.off)) * RAISE
    reach = norm * (float(np.sqrt(top_sum(rho, k))) + t.rest) * RAISE
    far = np.maximum(slabs.lo, slabs.hi)
    far[free] = np.max(slabs.all()[:, free], axis=0)
    bent = c.kept * (c.at.D_off + WEIGHTS) * far
    own = bends(c.at.some(free), slabs.il[free], slabs.ih[free]) if s.relabels else None
    return Second(inverse, H, H_off, low, low_off, bends(c.at, slabs.lo, slabs.hi), own, rho, reach, bent)


def second_margin(c: Centre, slabs: Slabs, t: Trap, free: Rows, k: int, parts: Second, e: Array) -> tuple[float, float]:
    """A proposed λ, and the lower bound of `e·w(M)` that it proves for all M; −inf where it proves none."""
    lam, margin, push, fixed = second_drops(c, slabs, t, free, parts, e)
    whole = float(top_sums(push[None, :], min(k, len(free)))[0][0])
    return lam, margin - (whole + fixed) * SPARE - 4.0 * U * abs(margin)


def second_drops(c: Centre, slabs: Slabs, t: Trap, free: Rows, parts: Second, e: Array,
                 ) -> tuple[float, float, Array, float]:
    """The same in parts: λ, and `e·w(M) ≥ margin − (sum of the k largest pushes) − fixed`; fixed may be infinite."""
    s, S = c.sums, c.sums.S
    n, p = S.shape
    u = parts.D_inverse @ e
    size, length = float(fp.row_norms(u[None, :])[0]), float(fp.row_norms(e[None, :])[0])
    wrong = (float(fp.row_norms((parts.H @ u - e)[None, :])[0])
             + (fp.dot_unit(p + 1) * (fp.frobenius(parts.H) * size + length) + parts.H_off * size)) * RAISE
    x, off = S @ u, fp.dot_unit(p) * s.norms * size * RAISE
    beta = np.where(c.kept > 0.0, _largest(x, off, parts.bends), 0.0)
    Q, unit = gram(S, beta)
    Q = 0.5 * (Q + Q.T)
    lam = _share(parts, Q, t.top)
    unsure = (2.0 * unit * float(np.abs(beta) @ (s.norms * s.norms)) * fp.sum_up(n) + lam * parts.low_off
              + 4.0 * U * (lam * fp.frobenius(parts.low) + fp.frobenius(Q))) * RAISE
    if not (np.isfinite(lam) and np.isfinite(unsure)
            and verify_definite(lam * parts.low - Q, Fraction(unsure), "a-priori")):
        return lam, -np.inf, np.zeros(len(free)), np.inf
    first, bending = _changed(x[free], off[free], beta[free], t, parts)
    reach = np.maximum(slabs.il, slabs.ih)[free]
    push = (np.maximum(first, 0.0) + 0.5 * bending * reach * reach
            + 0.5 * lam * (1.0 + TINY) * parts.rho + 8.0 * short(p) * size * s.norms[free] * t.size) * RAISE
    fixed = (0.5 * lam * (1.0 + 1.0 / TINY) * t.rest * t.rest + wrong * parts.reach + size * c.gradient
             + float((np.abs(x) + off) @ parts.bent) * fp.sum_up(n)) * RAISE
    margin = float(s.margins(e[None, :], np.array([length]), c.w)[0])
    return lam, margin, push, fixed


def _largest(x: Array, off: Array, ranges: Array) -> Array:
    """Upper bounds of `c·g` for c within off of x and g between two bounds."""
    beta = np.max(np.stack([(x - off) * ranges, (x + off) * ranges]), axis=(0, 1))
    return np.asarray(beta + 4.0 * U * np.abs(beta))


def _changed(x: Array, off: Array, beta: Array, t: Trap, parts: Second) -> tuple[Array, Array]:
    """Of the free rows: what they pull with along the point, and what they bend more than β says if they change."""
    if parts.free_bends is not None:
        return x + off, np.maximum(_largest(x, off, parts.free_bends) - beta, 0.0) * RAISE
    return np.maximum(x + off, -t.back * (x - off)) * t.size, np.maximum(-beta, 0.0)


def _share(parts: Second, Q: Array, inverse: Array) -> float:
    """A λ ≥ 0 with `Q ⪯ λ H_low`, proposed."""
    try:
        L = np.linalg.cholesky(inverse)
        most = float(np.linalg.eigvalsh(L.T @ Q @ L)[-1])
    except np.linalg.LinAlgError:
        return float("nan")
    scale = fp.frobenius(Q) * float(np.trace(inverse))
    return float(max(most, 0.0) * LIFT + 1e-6 * scale + 1e-12)
