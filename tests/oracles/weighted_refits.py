"""Refits of small heads whose rows carry weights, by Newton's method in long doubles: nothing of the product."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Change = tuple[tuple[int, int], ...]
"""Rows with the label that each gets, −1 for one that is left out."""


def codes_of(loss: str, k: int) -> Array:
    """What labels stand for."""
    if loss == "squared":
        return 2.0 * np.eye(k) - 1.0 if k > 1 else np.array([[-1.0], [1.0]])
    return np.eye(k) if loss == "cross_entropy" else np.array([[-1.0], [1.0]])


def changes(n: int, label: NDArray[np.int64], labels: int, count: int, relabels: bool) -> list[Change]:
    """All changes of at most `count` rows."""
    found: list[Change] = []
    for size in range(count + 1):
        for rows in combinations(range(n), size):
            each = [[c for c in range(labels) if c != label[i]] if relabels else [-1] for i in rows]
            found += [tuple(zip(rows, some, strict=True)) for some in product(*each)]
    return found


def refit(loss: str, phi: Array, label: NDArray[np.int64], c: Array, mu: float, decayed: NDArray[np.bool_], k: int,
          change: Change) -> Array:
    """`(k, m)` minimiser of `Σ c_i ℓ_i + (μ/2)Σ_{decayed} V²` after a change, every row with its own weight."""
    L = np.longdouble
    codes, new, weight = codes_of(loss, k), label.copy(), c.astype(L).copy()
    for row, code in change:
        weight[row] = 0 if code < 0 else weight[row]
        new[row] = label[row] if code < 0 else code
    Y, m, A = codes[new].astype(L), phi.shape[1], phi.astype(L)
    V, ridge = np.zeros((k, m), L), mu * np.tile(decayed, k).astype(L)
    for step in range(300):
        Z = A @ V.T
        if loss == "squared":
            g, C = Z - Y, np.broadcast_to(np.eye(k), (len(A), k, k))
        elif loss == "logistic":
            p = 1 / (1 + np.exp(Y * Z))
            g, C = -Y * p, (p * (1 - p))[:, :, None]
        else:
            S = np.exp(Z - Z.max(axis=1, keepdims=True))
            S = S / S.sum(axis=1, keepdims=True)
            g, C = S - Y, np.einsum("na,ab->nab", S, np.eye(k)) - S[:, :, None] * S[:, None, :]
        G = ((weight[:, None] * g).T @ A).ravel() + ridge * V.ravel()
        H = np.einsum("n,nab,ni,nj->aibj", weight, C, A, A).reshape(k * m, k * m) + np.diag(ridge)
        if loss == "cross_entropy" and not decayed.all():  # the sum of the intercepts is free
            last = np.arange(k) * m + m - 1
            H[np.ix_(last, last)] += 1
        move = np.linalg.solve(H.astype(float), G.astype(float)).reshape(k, m)
        V = V - move * min(1.0, 2.0 / (float(np.abs(move).max()) + 1e-300)) if step < 40 else V - move
        if np.abs(move).max() < 1e-17 * (1 + np.abs(V).max()):
            break
    return np.asarray(V, dtype=np.float64)


def label_of(V: Array, points: Array, clear: float = 1e-9) -> NDArray[np.int64]:
    """The label of every point; −1 where a tie is too near."""
    F = points @ V.T
    if F.shape[1] == 1:
        return np.where(np.abs(F[:, 0]) > clear, (F[:, 0] > 0).astype(np.int64), -1)
    two = np.sort(F, axis=1)
    return np.where(two[:, -1] - two[:, -2] > clear, F.argmax(axis=1), -1)
