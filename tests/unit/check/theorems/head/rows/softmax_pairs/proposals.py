"""Certificates of D16 for small heads, proposed in plain floats: refits by Newton's method, hot rows, leaves, codes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import combinations

import numpy as np

from certify.check.reading.arrays import Array
from certify.systems.head.rows.head import Head
from tests.families.class_heads import class_head, refit

Arrays = dict[str, np.ndarray]
WHOLE = ("hot", "codes", "leaf")
CODE = 128 * 14
"""0.5 for every row."""


class Refits:
    """Refits without rows, each made once, from that of all rows."""

    def __init__(self, head: Head) -> None:
        self.head, self.mu = head, head.n * head.weight_decay
        self.known: dict[tuple[int, ...], np.ndarray] = {(): refit(head.phi, head.Y, self.mu, head.decayed)}

    def __call__(self, *gone: int) -> np.ndarray:
        gone = tuple(sorted(gone))
        if gone not in self.known:
            self.known[gone] = self._newton(gone)
        return self.known[gone]

    def _newton(self, gone: tuple[int, ...]) -> np.ndarray:
        h, V = self.head, self.known[()].copy()
        kept = np.ones(h.n, dtype=bool)
        kept[list(gone)] = False
        X, Y, (k, m) = h.phi[kept], h.Y[kept], V.shape
        ridge = np.where(h.decayed, self.mu, 0.0)
        for _ in range(60):
            E = np.exp(X @ V.T - (X @ V.T).max(axis=1, keepdims=True))
            S = E / E.sum(axis=1, keepdims=True)
            g = (S - Y).T @ X + ridge * V
            H = np.einsum("ia,ab,im,il->ambl", S, np.eye(k), X, X) - np.einsum("ia,ib,im,il->ambl", S, S, X, X)
            step = np.linalg.lstsq(H.reshape(k * m, -1) + np.diag(np.tile(ridge, k)), g.ravel(), rcond=None)[0]
            V -= (step / max(1.0, float(abs(step).max()))).reshape(k, m)
            if abs(g).max() < 1e-12 * max(1.0, float(abs(V).max())):
                break
        return V

    def stays(self, count: int) -> np.ndarray:
        """Which points keep their label under every deletion of so many rows at most."""
        h, good = self.head, np.ones(len(self.head.points), dtype=bool)
        for size in range(count + 1):
            for T in combinations(range(h.n), size):
                good &= (h.points @ self(*T).T).argmax(axis=1) == h.today
        return good


@cache
def drawn(seed: int, free: bool, n: int = 12, decay: float = 0.3) -> tuple[Head, Refits]:
    rng = np.random.default_rng([seed, free, 16])
    head = class_head(rng, n, int(rng.integers(2, 5)), 12, float(decay * 10.0 ** rng.uniform(-0.5, 0.5)), free, 2.0)
    return head, Refits(head)


def longest(refits: Refits, count: int) -> list[int]:
    """The rows whose deletion moves outputs most."""
    h = refits.head
    moved = [abs(h.phi @ (refits(i) - refits()).T).max() for i in range(h.n)]
    return [int(i) for i in np.argsort(moved)[::-1][:count]]


def proposed(refits: Refits, hot: Sequence[int], leaves: Sequence[tuple[int, int]], code: int = CODE) -> Arrays:
    """The arrays of a certificate."""
    size = refits.head.V.size
    return {
        "weights": refits().ravel(), "hot": np.array(hot, dtype=np.int64),
        "child_weights": np.array([refits(q).ravel() for q in hot]).reshape(len(hot) * size),
        "codes": np.full((1 + len(hot)) * refits.head.n, code), "leaf": np.array(leaves, dtype=np.int64).reshape(-1),
        "leaf_weights": np.array([refits(*T).ravel() for T in leaves]).reshape(len(leaves) * size),
    }


def stored(arrays: Arrays) -> dict[str, Array]:
    return {name: Array(a.shape, tuple(a.ravel().tolist()), "i" if a.dtype.kind == "i" else "f")
            for name, a in arrays.items()}
