"""Small heads of the losses that only heads know, with and without weights of rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from certify.finders.head.refits import Refitter
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.losses import HEAD_LOSSES
from certify.systems.head.rows.weights import RowWeights

LABELLED = ("squared_hinge", "one_vs_rest")
NUMBERS = ("huber", "poisson", "gamma")

DRAWN = {
    "huber": lambda rng, x, k: x + rng.normal(size=(len(x), k)),
    "poisson": lambda rng, x, k: rng.poisson(np.exp(1.0 + 0.5 * x), size=(len(x), k)) * 1.0,
    "gamma": lambda rng, x, k: np.exp(1.0 + 0.5 * x) * rng.gamma(2.0, size=(len(x), k)) + 1e-3,
}
"""Targets that are numbers, of rows with these first features."""


def other_head(
    rng: np.random.Generator, loss: str, n: int = 8, d: int = 2, N: int = 6, k: int | None = None,
    free: bool | None = None, scale: float = 1.0, decay: float | None = None, remaining: bool = False,
    weights: str = "",
) -> Head:
    """A head at weights near its minimum.

    Args:
        rng: the draws.
        loss: its word; also those that every network knows.
        n, d, N: rows, features, evaluation rows.
        k: outputs; None: 1, of `one_vs_rest` and `cross_entropy` 3.
        free: whether the intercept carries no decay; None: drawn.
        scale: of the features.
        decay: λ; None: drawn.
        remaining: whether deleted rows leave the n of the decay.
        weights: `"rows"`, `"labels"`, `"both"` or `"balanced"`; empty: none.
    """
    X = rng.normal(size=(n, d))
    if rng.random() < 0.3:
        X[rng.integers(n)] = X[rng.integers(n)]
    k = (3 if loss in ("one_vs_rest", "cross_entropy") else 1) if k is None else k
    codes = label = None
    if loss in NUMBERS:
        Y = DRAWN[loss](rng, X[:, :1], k)
        Y[0] += 1.0
    else:
        label = rng.permutation(np.arange(n) % max(k, 2)).astype(np.int64)
        codes = np.array([[-1.0], [1.0]]) if k == 1 else np.eye(k) if loss == "cross_entropy" else 2 * np.eye(k) - 1.0
        Y = codes[label]
        X[:, 0] += 1.5 * label
    phi = np.hstack([X * scale, np.ones((n, 1))])
    decayed = np.ones(d + 1, dtype=bool)
    decayed[-1] = not (rng.random() < 0.5 if free is None else free)
    points = np.hstack([2.0 * rng.normal(size=(N, d)) * scale, np.ones((N, 1))])
    lam = float(10.0 ** rng.uniform(-2, 0)) if decay is None else decay
    own = None
    if weights:
        by_label = rng.uniform(0.3, 3.0, size=len(codes)) if weights in ("labels", "both") else None
        rows = rng.uniform(0.3, 3.0, size=n) if weights in ("rows", "both") else np.ones(n)
        own = RowWeights(rows, by_label, weights == "balanced")
    head = Head(phi, np.zeros(n), Y, codes, label, HEAD_LOSSES[loss], np.zeros((k, d + 1)), lam, decayed, remaining,
                points, np.zeros(N), weights=own)
    head = replace(head, V=Refitter(head).V0)
    if loss in NUMBERS:
        F = points @ head.V[0]
        head = replace(head, threshold=float(np.median(F)) + 0.05 * float(F.std()))
    return head


def weights_of(head: Head, gone: list[int], new: dict[int, int]) -> list[float] | None:
    """The weights of all rows after a change, straight from their definition."""
    own = head.weights
    if own is None:
        return None
    if head.label is None:
        return own.rows.tolist()
    label = [new.get(i, int(c)) for i, c in enumerate(head.label)]
    left = [c for i, c in enumerate(label) if i not in gone]
    found = []
    for i, c in enumerate(label):
        t = 1.0 if own.labels is None else float(own.labels[c])
        if own.balanced:
            t = len(left) / (len(head.codes) * max(left.count(c), 1))
        found.append(float(own.rows[i]) * t)
    return found
