"""Many weighed sums `Σ_l β_l z_lz_lᵀ` of the same rows, and an upper bound of the largest eigenvalue of each (R4)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U

LIFT, AGAIN, TURNS = 1.0001, 1.05, 4
"""Of the proposed eigenvalue: at first, and in every further turn; and turns."""


@dataclass(frozen=True, eq=False)
class Whitened:
    """Rows `z = Lᵀs` in coordinates in which a positive definite H is nearly 1.

    Attributes:
        products: `(n, p(p+1)/2)` products of two entries of each row, above the diagonal and on it.
        at: which entries these are.
        rounding: `(n,)` what a sum errs by for a weight of 1, as a spectral norm.
        kept: above 0, with `LᵀHL ⪰ kept·1`.
    """

    products: Array
    at: tuple[np.ndarray, np.ndarray]
    rounding: Array
    kept: float


def whitened(S: Array, norms: Array, H: Array, unsure: float, L: Array) -> Whitened | None:
    """Rows in other coordinates; None where these are not proved to be as long as they are in H.

    Args:
        S: `(n, p)` rows, and `norms` at least their lengths.
        H: symmetric floats, and `unsure` at least what the matrix in question is off by, in the spectral norm.
        L: any float matrix; with `LLᵀ` near the inverse of H all is nearly 1.
    """
    n, p = S.shape
    size = fp.frobenius(L)
    away = L.T @ (H @ L)
    away[np.diag_indices(p)] -= 1.0
    lost = (fp.frobenius(away) + (2.0 * fp.dot_unit(p + 2) * fp.frobenius(H) + unsure) * size * size
            + 4.0 * U * p) * RAISE
    if not lost < 0.25:
        return None
    Z = S @ L
    long = fp.row_norms(Z)
    off = fp.dot_unit(p) * norms * size * RAISE
    at = np.triu_indices(p)
    rounding = (fp.dot_unit(n + 8) * long * long + 2.0 * long * off + off * off) * RAISE
    return Whitened(Z[:, at[0]] * Z[:, at[1]], at, rounding, (1.0 - lost) * (1.0 - 4.0 * U))


def largest(w: Whitened, sums: Array, sizes: Array) -> Array | None:
    """`(J,)` numbers λ ≥ 0 with `Σ_l β_l s_ls_lᵀ ⪯ λH` for each of some weights β; None where none is proved.

    Args:
        w: the rows.
        sums: `(J, p(p+1)/2)` the sums in floats, `β @ w.products` or the sum of two such products.
        sizes: `(J,)` at least `Σ |β_l| rounding_l`, over all that was added.
    """
    p = int(w.at[0].max()) + 1
    T = np.zeros((len(sums), p, p))
    T[:, w.at[0], w.at[1]] = sums
    T[:, w.at[1], w.at[0]] = sums
    if not (np.isfinite(T).all() and np.isfinite(sizes).all()):
        return None
    diagonal, total = np.arange(p), np.abs(T).sum(axis=(1, 2))
    try:
        proposed = np.maximum(np.linalg.eigvalsh(T)[:, -1], 0.0)
    except np.linalg.LinAlgError:
        return None
    room = 2.0 * float(fp.up(fp.cholesky_unit(p))) * p * (proposed + total) * RAISE + fp.FLOOR
    lam = proposed * LIFT + 4.0 * room + 2.0**-40 * total
    for _ in range(TURNS):
        M = -T
        M[:, diagonal, diagonal] += lam[:, None]
        try:
            factor = np.linalg.cholesky(M)
        except np.linalg.LinAlgError:
            lam = lam * AGAIN
            continue
        own = factor[:, diagonal, diagonal]
        if not (np.isfinite(factor).all() and (own > 0.0).all()):
            return None
        # M ⪰ −unit·trace(M), and its diagonal was rounded
        trace = M[:, diagonal, diagonal].sum(axis=1) * RAISE
        defect = float(fp.up(fp.cholesky_unit(p))) * trace + 4.0 * U * (lam + total) + fp.FLOOR
        return np.asarray((lam + defect + sizes) * RAISE / w.kept * RAISE)
    return None
