"""Finder: Newton steps of many changes in coordinates in which one matrix for all is that of the norm.

Conjugate gradients go on from gradients that are known, with one inverse for all. Nothing is trusted.
"""

from __future__ import annotations

import numpy as np

from certify.rigor.fp import Array
from certify.rigor.single.floats import Short

FLAT, FEW = 0.05, 0.75
"""Rows whose curvature, times the square of their length, is nearer than that to what the matrix has of them, in all
changes that are looked at together, count as much as there; where others are no larger a share of all."""

LONGEST, TINY = np.float32(1.5), np.float32(1e-30)
"""Longest step, in the norm of the Hessian; and least curvature along a direction."""


def newton(Z: Short, known: Short, P: Short, p: Short, g: Short, inner: int) -> Short:
    """`(B, m)` nearly minus the inverse of each Hessian times its gradient.

    Args:
        Z: `(n, m)` rows in these coordinates.
        known: `(n,)` the curvature that the matrix has of each row.
        P: `(m, m)` inverse of a Hessian that is like theirs.
        p: `(B, n)` slopes of the rows.
        g: `(B, m)` gradients.
        inner: products with a Hessian.
    """
    D = p * (np.float32(1.0) - p)
    D -= known
    most = np.maximum(D.max(axis=0, initial=0.0), -D.min(axis=0, initial=0.0))
    some = np.flatnonzero(most * np.einsum("nm,nm->n", Z, Z) > FLAT)
    if len(some) < FEW * len(Z):
        D, Z = D[:, some], Z[some]
    r, back = -g, np.ascontiguousarray(Z.T)
    total, first, d = np.zeros_like(r), r, r @ P
    size = np.einsum("bm,bm->b", r, d)
    for at in range(inner):
        y = d @ back
        y *= D
        Hd = y @ Z
        Hd += d
        part = (size / np.maximum(np.einsum("bm,bm->b", d, Hd), TINY))[:, None]
        total += part * d
        if at < inner - 1:
            r = r - part * Hd
            z = r @ P
            last, size = size, np.einsum("bm,bm->b", r, z)
            d = z + (size / np.maximum(last, TINY))[:, None] * d
    long = np.sqrt(np.maximum(np.einsum("bm,bm->b", total, first), TINY))
    return np.asarray(total * np.minimum(1.0, LONGEST / long)[:, None], np.float32)


def inverse(Z: Short, known: Short, p: Array) -> Short:
    """`(m, m)` of the Hessian where rows have such slopes `(n,)`; not a number where there is none."""
    W = Z.astype(np.float64)
    H = np.eye(W.shape[1]) + (W.T * (p * (1.0 - p) - known)) @ W
    try:
        return np.asarray(np.linalg.inv(H), np.float32)
    except np.linalg.LinAlgError:
        return np.full(H.shape, np.nan, np.float32)
