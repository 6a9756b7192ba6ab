"""Small squared-loss heads that are hard on rounding: scales, duplicate and constant columns, thin margins."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from flint import arb, arb_mat
from numpy.typing import NDArray

from certify.check.linalg.balls import norm
from certify.check.theorems.head.rows import head as checked
from certify.check.theorems.head.rows.codes import Codes
from certify.check.theorems.head.rows.losses.base import row_loss
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.losses.squared import SquaredHead
from certify.systems.head.rows.weights import RowWeights

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
    weights: Array | None = None


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


def weighed(h: SmallHead, rng: np.random.Generator, spread: float = 1.5) -> SmallHead:
    """The same rows with weights of `10^-spread` to `10^spread`, few of which have a root that is a float."""
    return replace(h, weights=10.0 ** rng.uniform(-spread, spread, len(h.phi)))


def as_head(h: SmallHead, remaining: bool = False) -> Head:
    """The prover's head, its given weights the exact refit in floats."""
    n = len(h.phi)
    c = np.ones(n) if h.weights is None else h.weights
    H = (h.phi.T * c) @ h.phi + h.mu * np.diag(h.decayed)
    V = np.linalg.lstsq(H, (h.phi.T * c) @ h.Y, rcond=None)[0].T
    return Head(h.phi, np.zeros(n), h.Y, h.codes, h.label, SquaredHead(), V, h.mu / n, h.decayed, remaining, h.points,
                np.zeros(len(h.points)), h.threshold, None if h.weights is None else RowWeights(h.weights))


def as_checked(h: SmallHead, head: Head, rows: tuple[int, ...], count: int, relabels: bool) -> checked.Head:
    """The checker's twin of a prover's head."""
    phi, points = arb_mat(head.phi.tolist()), arb_mat(head.points.tolist())
    return checked.Head(
        phi=phi, rows=phi.tolist(), sizes=[norm(r).upper() for r in phi.tolist()], targets=head.Y.tolist(),
        codes=Codes(h.codes.tolist(), h.label.tolist(), head.Y.tolist()), loss=row_loss("squared"), k=head.k, m=head.m,
        biased=True, bias_decay=bool(head.decayed[-1]), decay=arb(head.weight_decay), remaining=head.remaining,
        evaluated=points, lengths=[norm(r).upper() for r in points.tolist()], threshold=head.threshold,
        today=head.today.tolist(), moving=rows, count=count, relabels=relabels,
        weights=None if h.weights is None else [arb(c) for c in h.weights.tolist()])
