"""Refits of every choice of a small head whose outputs are fitted apart, each output by itself in long doubles."""

from __future__ import annotations

from functools import cache
from itertools import combinations, product

import numpy as np

from certify.rigor.fp import Array
from certify.systems.head.rows.change import DELETED, RowChange
from certify.systems.head.rows.head import Head
from tests.families.hinge_heads import minimum

Choice = tuple[tuple[int, int], ...]


def choices(head: Head, change: RowChange) -> list[Choice]:
    """All of them, rows and what they become, counted out here and not by the change itself."""
    def new(row: int) -> list[int]:
        return [c for c in range(len(head.codes)) if c != head.label[row]] if change.relabels else [DELETED]

    return [tuple(zip(rows, codes, strict=True)) for size in range(change.count + 1)
            for rows in combinations(change.rows, size) for codes in product(*(new(row) for row in rows))]


def logistic_minimum(S: Array, counts: Array, decay: Array) -> Array:
    """The minimiser of `Σ counts·ln(1 + e^−s·w) + ½ Σ decay w²` in long doubles, by steps that lead down."""
    S, counts, decay = (x.astype(np.longdouble) for x in (S, counts, decay))
    w = np.zeros(S.shape[1], np.longdouble)

    def value(at: Array) -> np.longdouble:
        t = S @ at
        return np.longdouble(counts @ (np.log1p(np.exp(-np.abs(t))) + np.maximum(-t, 0)) + 0.5 * decay @ (at * at))

    for _ in range(200):
        p = 1 / (1 + np.exp(S @ w))
        g = decay * w - (counts * p) @ S
        H = (S.T * (counts * p * (1 - p))) @ S + np.diag(decay)
        step = np.linalg.solve(H.astype(float), -g.astype(float)).astype(np.longdouble)
        size, there = np.longdouble(1), value(w)
        while float(-(g @ step)) > 1e-9 and value(w + size * step) > there and size > 1e-9:
            size /= 2
        w = w + size * step
        if float(np.abs(step).max()) < 1e-15 * (1 + float(np.abs(w).max())):
            break
    assert float(np.abs(g).max()) < 1e-11 * (1 + float(np.abs(S).sum()))
    return w


def refitted(head: Head, change: RowChange) -> tuple[list[Choice], Array]:
    """Every choice, and `(C, k, m)` the weights after it."""
    own = np.ones(head.n) if head.weights is None else head.weights.rows
    mu = float(head.mu()[0])

    @cache
    def weights(a: int, gone: tuple[int, ...], turned: tuple[int, ...]) -> Array:
        S, counts = head.phi * head.Y[:, a : a + 1], own.copy()
        S[list(turned)] *= -1.0
        counts[list(gone)] = 0.0
        if head.loss.name == "squared_hinge":
            return minimum(S, counts, mu)
        return logistic_minimum(S, counts, np.where(head.decayed, mu, 0.0))

    every = choices(head, change)
    W = [[weights(a, tuple(i for i, c in one if c == DELETED),
                  tuple(i for i, c in one if c != DELETED and head.codes[c, a] != head.Y[i, a]))
          for a in range(head.k)] for one in every]
    return every, np.array(W, dtype=np.longdouble)


def least(head: Head, W: Array, points: Array, today: Array) -> Array:
    """`(N,)` by how much the output of today's label exceeds all others at least, over every choice."""
    F = np.einsum("ckm,nm->cnk", W, points.astype(np.longdouble))
    own = np.take_along_axis(F, today[None, :, None], axis=2)
    np.put_along_axis(F, np.broadcast_to(today[None, :, None], (*F.shape[:2], 1)), -np.inf, axis=2)
    return np.asarray((own[..., 0] - F.max(axis=2)).min(axis=0), np.float64)
