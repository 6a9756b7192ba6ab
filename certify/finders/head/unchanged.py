"""Finder: weights near the refit of the unchanged data, in floats. Nothing is trusted."""

from __future__ import annotations

import numpy as np
import scipy.linalg

from certify.finders.head.refits import LARGE, Refitter
from certify.rigor.fp import Array
from certify.systems.head.rows.head import Head

BLOCK = 4096
"""Rows that are multiplied at a time."""

CORRECTED = 3
"""Steps that correct what the normal equations lose."""


def unchanged_refit(head: Head) -> Array:
    """`(k, m)` weights near the refit of the unchanged data.

    With the squared loss the outputs share one Hessian, so that of a large head a matrix of its m inputs is enough
    where Newton's method takes one of its km weights.
    """
    if head.loss.quadratic and not head.uneven and head.k * head.m >= LARGE:
        found = _by_normal_equations(head)
        if found is not None:
            return found
    return Refitter(head).V0


def _by_normal_equations(head: Head) -> Array | None:
    """Those of a squared loss; None where they have no Cholesky factor."""
    decay = np.where(head.decayed, head.mu()[0], 0.0)
    H = np.zeros((head.m, head.m))
    with np.errstate(all="ignore"):
        for start in range(0, head.n, BLOCK):
            part = head.phi[start : start + BLOCK]
            H += part.T @ part
        H[np.diag_indices_from(H)] += decay
        scale = np.sqrt(np.diagonal(H))
        try:
            factor = scipy.linalg.cho_factor(H / np.outer(scale, scale), lower=True)
        except (np.linalg.LinAlgError, ValueError):
            return None
        V = np.zeros_like(head.V)
        for _ in range(1 + CORRECTED):
            pull = _pull(head, V) - decay * V
            V = V + scipy.linalg.cho_solve(factor, (pull / scale).T, check_finite=False).T / scale
    return V if np.isfinite(V).all() else None


def _pull(head: Head, V: Array) -> Array:
    """`(Y − ΦVᵀ)ᵀΦ`."""
    total = np.zeros_like(V)
    for start in range(0, head.n, BLOCK):
        part = head.phi[start : start + BLOCK]
        total += (head.Y[start : start + BLOCK] - part @ V.T).T @ part
    return total
