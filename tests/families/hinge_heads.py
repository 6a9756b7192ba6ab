"""Small heads with the squared hinge of which a box says something, their twins, and how far their refits lie."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
from flint import arb

from certify.check.theorems.head.rows import head as checked
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from tests.families.other_heads import other_head
from tests.families.row_heads import as_checked

Array = np.ndarray


def hinge_head(rng: np.random.Generator, weights: bool = False, **options: float) -> Head:
    """Enough rows for a box to hold, all weights with decay."""
    decay = float(10.0 ** rng.uniform(-1.5, 0.5))
    return other_head(rng, "squared_hinge", n=int(rng.integers(8, 17)), d=int(rng.integers(1, 4)), N=8, free=False,
                      decay=decay, weights="rows" if weights else "", **options)


def twin(head: Head, change: RowChange) -> checked.Head:
    """The checker's, with what rows count."""
    seen = as_checked(head, change)
    return seen if head.weights is None else replace(seen, weights=[arb(float(c)) for c in head.weights.rows])


def minimum(S: Array, counts: Array, mu: float) -> Array:
    """The minimiser of `Σ counts·½ max(0, 1 − s·w)² + ½μ|w|²` in long doubles.

    Active rows are guessed, the linear equations solved, and the guess made again: a step that does not lead down is
    halved.
    """
    S, counts = S.astype(np.longdouble), counts.astype(np.longdouble)
    w = np.zeros(S.shape[1], np.longdouble)

    def value(at: Array) -> np.longdouble:
        return np.longdouble(0.5 * counts @ np.maximum(1 - S @ at, 0) ** 2 + 0.5 * mu * at @ at)

    for _ in range(500):
        lack = np.maximum(1 - S @ w, 0)
        g = mu * w - (counts * lack) @ S
        if float(np.abs(g).max()) < 1e-16 * (1 + float((counts * lack) @ np.abs(S).max(axis=1))):
            break
        H = (S.T * (counts * (lack > 0))) @ S + mu * np.eye(len(w))
        step = np.linalg.solve(H.astype(float), -g.astype(float)).astype(np.longdouble)
        size, now = np.longdouble(1), value(w)
        while size > 1e-12 and value(w + size * step) > now + 1e-3 * size * (g @ step):
            size /= 2
        w = w + size * step
    return w


def least_margins(head: Head, change: RowChange) -> Array:
    """`(N,)` how far outputs lie at least on today's side of the threshold, over every choice."""
    mu, y = float(head.mu()[0]), head.Y[:, 0]
    own = np.ones(head.n) if head.weights is None else head.weights.rows
    sign = np.where(head.today == 1, 1.0, -1.0)
    found = np.full(len(head.points), np.inf)
    for size in range(change.count + 1):
        for rows in combinations(change.rows, size):
            signs, counts = y.copy(), own.copy()
            signs[list(rows)] *= -1.0 if change.relabels else 1.0
            counts[list(rows)] *= 1.0 if change.relabels else 0.0
            w = minimum(head.phi * signs[:, None], counts, mu)
            found = np.minimum(found, sign * (head.points @ w.astype(float) - head.threshold))
    return found
