"""Inverses of Hessians of which an error is known, as a share of themselves and in every direction alike."""

from __future__ import annotations

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.rigor.spectral import spectral


def judged(H: Array, unsure: float, proved: bool = True) -> tuple[Array, float, float] | None:
    """Symmetric X, ε and `‖X‖` with `‖I − XH‖ ≤ ε < ¼` for every symmetric matrix within `unsure` of H.

    Of those that are positive semidefinite the inverse then lies between two multiples of X, whatever the sizes of
    columns: `X/(1 + ε) ⪯ H⁻¹ ⪯ X/(1 − ε)`, as XH has the eigenvalues of `H^½XH^½`. None if that is not proved.
    """
    try:
        X = np.linalg.inv(H)
    except np.linalg.LinAlgError:
        return None
    if not proved:
        return np.asarray(X, np.float64), 0.0, 0.0
    X = 0.5 * (X + X.T)
    if not np.isfinite(X).all():
        return None
    p = len(H)
    size = spectral(X)
    left = X @ H
    left[np.diag_indices(p)] -= 1.0
    rounded = fp.frobenius(X) * fp.dot_unit(p) * fp.frobenius(H)
    eps = (fp.frobenius(left) + rounded + size * unsure + 2.0 * U * p) * RAISE
    if not eps < 0.25:
        return None
    return X, eps, size


def inverse(H: Array, unsure: float, proved: bool = True) -> tuple[Array, float] | None:
    """Symmetric X and e with `‖H⁻¹ − X‖ ≤ e` for every symmetric matrix within `unsure` of H; None if not proved.

    `‖I − XH‖ ≤ ε < 1` gives `H⁻¹ = (I − E)⁻¹X`, so the error is at most `ε‖X‖/(1 − ε)`.
    """
    found = judged(H, unsure, proved)
    return found and (found[0], found[1] * found[2] * 1.5)
