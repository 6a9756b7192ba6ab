"""Small squared-loss heads that are hard on rounding: scales, duplicate and constant columns, thin margins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SmallHead:
    """A drawn problem; members as in the code under test."""

    phi: Array
    Y: Array
    codes: Array
    label: NDArray[np.int64]
    mu: float
    decayed: NDArray[np.bool_]
    points: Array
    today: NDArray[np.int64]
    threshold: float


def small_head(rng: np.random.Generator, n: int, outputs: int, points: int = 3) -> SmallHead:
    """One problem: `outputs` 1 gives two labels, otherwise one output a class."""
    p = int(rng.integers(1, 4))
    phi = np.round(rng.standard_normal((n, p)), int(rng.integers(1, 5)))
    if p > 1 and rng.random() < 0.2:
        phi[:, 1] = phi[:, 0]
    if rng.random() < 0.2:
        phi[:, 0] = phi[0, 0]
    phi = phi * 10.0 ** rng.integers(-6, 7, size=p) if rng.random() < 0.4 else phi
    phi = np.c_[phi, np.ones(n)]
    classes = 2 if outputs == 1 else outputs
    label = rng.integers(0, classes, size=n)
    codes = [np.array([[-1.0], [1.0]]), np.array([[0.0], [1.0]]), np.array([[-0.3], [0.7]])][rng.integers(3)] \
        if outputs == 1 else [np.eye(classes), 2 * np.eye(classes) - 1, np.round(rng.standard_normal((classes,) * 2), 2)
                              ][rng.integers(3)]
    Y = codes[label]
    mu = float(10.0 ** rng.integers(-3, 3))
    decayed = np.array([True] * p + [bool(rng.random() < 0.6)])
    e = np.c_[rng.standard_normal((points, p)) * np.abs(phi[:, :p]).max(axis=0), np.ones(points)]
    threshold = float(codes.mean()) if outputs == 1 else 0.0
    H = phi.T @ phi + mu * np.diag(decayed)
    Z = e @ np.linalg.lstsq(H, phi.T @ Y, rcond=None)[0]
    today = (Z[:, 0] > threshold).astype(np.int64) if outputs == 1 else Z.argmax(axis=1)
    return SmallHead(phi, Y, codes, label, mu, decayed, e, today, threshold)
