"""Rows that others almost repeat: where the modulus of an exact fit comes from. A finder, nothing here is trusted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from certify.network.layers.kernel import KernelParts
from certify.rigor.fp import Array

DIRECTIONS = 64
"""Random directions in which rows are compared: lengths come out right to about a tenth, enough for an order."""

_ROWS = 1024


def nearest_last(parts: KernelParts, sizes: Array) -> NDArray[np.intp]:
    """The samples, those last whose gradient by the weights lies closest to another's, in units of what may move it.

    `|J_i − J_j|²` is about `Σ_h α²|B_i − B_j|² + β²|a_i − a_j|²`, α and β the mean lengths of inputs and adjoints of a
    layer; random directions take the place of all coordinates.

    Args:
        parts: what the kernel is made of.
        sizes: `(n,)` size of the perturbation of each sample; 0 where none is possible.
    """
    rng = np.random.default_rng(0)
    n, sketch = parts.samples, np.zeros((parts.samples, DIRECTIONS))
    for b, a, _ in parts.layers:
        alpha, beta = (float(np.sqrt(np.mean(v.norm**2))) for v in (a, b))
        for weight, mid in ((alpha, b.mid.hi.reshape(n, -1)), (beta, a.mid.hi)):
            sketch += weight * ((mid - mid.mean(axis=0)) @ rng.standard_normal((mid.shape[1], DIRECTIONS)))
    largest = float(np.abs(sketch).max(initial=0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        score = _nearest(sketch / (largest or 1.0)) / sizes**2
    return np.argsort(-np.nan_to_num(score, nan=np.inf), kind="stable")


def _nearest(sketch: Array) -> Array:
    """Squared distance of each row from the nearest other one, in float32."""
    Y = sketch.astype(np.float32)
    squares = np.einsum("ij,ij->i", Y, Y)
    against = np.hstack([-2.0 * Y, squares[:, None]])
    own = np.hstack([Y, np.ones((len(Y), 1), np.float32)])
    nearest = np.empty(len(Y))
    for start in range(0, len(Y), _ROWS):
        D = own[start : start + _ROWS] @ against.T
        i = np.arange(len(D))
        D[i, start + i] = np.inf
        nearest[start : start + _ROWS] = D.min(axis=1) + squares[start : start + _ROWS]
    return np.maximum(nearest, 0.0)
