"""Boxes of D24 around small logistic heads, and every refit that they speak of."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from certify.systems.head.rows.boxes.sums import Sums, sums
from certify.systems.head.rows.boxes.trap import centre
from certify.theorems.head.rows.bent_box.image import Bent
from certify.theorems.head.rows.bent_box.search import box
from tests.families.logistic_heads import refit

Array = NDArray[np.float64]


def drawn(rng: np.random.Generator, relabels: bool, weighed: bool, n: int = 11, decay: float = 1.0) -> Sums:
    """Rows times their labels; with weights these differ by row."""
    p = int(rng.integers(1, 4))
    S = np.c_[rng.standard_normal((n, p)) * rng.choice([0.5, 1.0, 1.5], (n, 1)), np.ones(n)]
    y = np.where(S @ rng.standard_normal(p + 1) + rng.logistic(size=n) > 0, 1.0, -1.0)
    mu = np.where(np.arange(p + 1) < p + rng.integers(0, 2), float(decay * 10.0 ** rng.uniform(-0.3, 0.5)), 0.0)
    if len(np.unique(y)) < 2:
        y[0] = -y[0]
    c = rng.uniform(0.3, 1.0, n) if weighed else None
    return sums(S * y[:, None], mu, 0.0, relabels, c)


def found(s: Sums, k: int, rows: Array | None = None, near: float = 1e-9) -> Bent | None:
    """A box around weights near the minimiser."""
    w = refit(s.S, s.whole, s.decay)
    c = centre(s, s.whole, w + near * np.cos(np.arange(len(w))))
    free = np.arange(len(s.S)) if rows is None else np.asarray(rows, dtype=np.int64)
    with np.errstate(all="ignore"):
        both = box(c, free, k, lambda: 1.0)
    return None if both is None else both[0]


def every(s: Sums, rows: NDArray[np.int64], k: int) -> Iterator[tuple[list[int], Array]]:
    """Every choice of at most k rows, and the refit after it."""
    for size in range(k + 1):
        for M in combinations(rows.tolist(), size):
            some = list(M)
            S, weights = s.S.copy(), s.whole.astype(float).copy()
            if s.relabels:
                S[some] = -S[some]
            else:
                weights[some] = 0.0
            yield some, refit(S, weights, s.decay)
