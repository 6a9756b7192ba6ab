"""Small logistic heads with few rows: prover's, checker's, and every refit."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from flint import arb, arb_mat
from numpy.typing import NDArray

from certify.check.linalg.balls import norm
from certify.check.reading.arrays import Array as Stored
from certify.check.theorems.head.rows import head as checked
from certify.check.theorems.head.rows.codes import Codes
from certify.check.theorems.head.rows.losses.base import row_loss
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.losses.logistic import LogisticHead

Array = NDArray[np.float64]


def refit(S: Array, weights: Array, decay: Array) -> Array:
    """The minimiser of `Σ weights_i ln(1 + e^{−s_i·w}) + ½ Σ decay w²`, by Newton's method in long doubles."""
    S, weights, decay = (x.astype(np.longdouble) for x in (S, weights, decay))
    w = np.zeros(S.shape[1], np.longdouble)
    for _ in range(200):
        p = 1 / (1 + np.exp(S @ w))
        g = decay * w - (weights * p) @ S
        H = (S.T * (weights * p * (1 - p))) @ S + np.diag(decay)
        step = np.linalg.solve(H.astype(np.float64), -g.astype(np.float64))
        size = min(1.0, 2.0 / max(float(np.abs(S @ step).max()), 1e-300))
        w = w + size * step
        if float(np.abs(g).max()) < 1e-17 * max(1.0, float(np.abs(S).max())) * len(S):
            break
    return w.astype(np.float64)


def refits(S: Array, signs: Array, weights: Array, decay: Array) -> Array:
    """The minimisers `(B, p)` of every `signs_b S` and `weights_b`, as `refit` finds them, all at once.

    One at a time they were most of what tests of small heads took.
    """
    long, ridge = S.astype(np.longdouble), decay.astype(np.longdouble)
    W = np.zeros((len(weights), S.shape[1]), np.longdouble)
    close, active = 1e-17 * max(1.0, float(np.abs(S).max())) * len(S), np.arange(len(weights))
    for _ in range(200):
        s, a = signs[active], weights[active]
        p = 1 / (1 + np.exp(s * (W[active] @ long.T)))
        g = ridge * W[active] - (a * s * p) @ long
        D = (a * p * (1 - p)).astype(np.float64)
        H = np.matmul(S.T * D[:, None, :], S) + np.diag(decay)
        step = np.linalg.solve(H, -g.astype(np.float64)[:, :, None])[:, :, 0]
        size = np.minimum(1.0, 2.0 / np.maximum(np.abs(step @ S.T).max(1), 1e-300))
        W[active] += size[:, None] * step
        active = active[np.abs(g).max(1) >= close]
        if not len(active):
            break
    return W.astype(np.float64)


def logistic_head(rng: np.random.Generator, n: int, points: int = 6, decay: float = 1.0) -> Head:
    """A head whose given weights are its refit, with hot rows: some labels are noise, and some rows are long."""
    p = int(rng.integers(1, 4))
    phi = np.c_[rng.standard_normal((n, p)) * rng.choice([0.5, 1.0, 3.0], (n, 1)), np.ones(n)]
    v = rng.standard_normal(p + 1) * 2
    y = np.where(phi @ v + 0.7 * rng.standard_normal(n) > 0, 1.0, -1.0)
    y[:2] = 1.0, -1.0
    decayed = np.array([True] * p + [bool(rng.random() < 0.5)])
    lam = float(decay * 10.0 ** rng.uniform(-1.5, 0.5) / n)
    w = refit(phi * y[:, None], np.ones(n), np.where(decayed, lam * n, 0.0))
    e = np.c_[rng.standard_normal((points, p)), np.ones(points)]
    label = ((y + 1) // 2).astype(np.int64)
    return Head(phi, np.zeros(n), y[:, None], np.array([[-1.0], [1.0]]), label, LogisticHead(), w[None], lam,
                decayed, False, e, np.zeros(points))


def as_checked(head: Head, rows: tuple[int, ...], count: int, relabels: bool = False) -> checked.Head:
    """The checker's twin, rows deleted or relabelled."""
    phi, points = arb_mat(head.phi.tolist()), arb_mat(head.points.tolist())
    return checked.Head(
        phi=phi, rows=phi.tolist(), sizes=[norm(r).upper() for r in phi.tolist()], targets=head.Y.tolist(),
        codes=Codes([[-1.0], [1.0]], [], head.Y.tolist()), loss=row_loss("logistic"), k=1, m=head.m, biased=True,
        bias_decay=bool(head.decayed[-1]), decay=arb(head.weight_decay), remaining=head.remaining, evaluated=points,
        lengths=[norm(r).upper() for r in points.tolist()], threshold=head.threshold, today=head.today.tolist(),
        moving=rows, count=count, relabels=relabels)


def stored(arrays: dict[str, NDArray[np.generic]]) -> dict[str, Stored]:
    """Arrays as the checker reads them."""
    return {name: Stored(a.shape, tuple(float(x) for x in a.ravel().tolist()), "f" if a.dtype.kind == "f" else "i")
            for name, a in arrays.items()}


def margins(head: Head, rows: tuple[int, ...], count: int, relabels: bool = False) -> dict[tuple[int, ...], Array]:
    """How far outputs lie on today's side of the threshold at every refit after at most `count` of the rows change."""
    decay = np.where(head.decayed, head.mu()[0], 0.0)
    sign = np.where(head.today == 1, 1.0, -1.0)
    e = head.points * sign[:, None]
    choices = [M for size in range(count + 1) for M in combinations(rows, size)]
    kept = np.ones((len(choices), head.n))
    for b, M in enumerate(choices):
        kept[b, list(M)] = -1.0 if relabels else 0.0
    W = refits(head.phi * head.Y, np.where(kept < 0, -1.0, 1.0), np.abs(kept), decay)
    return {M: e @ w - sign * head.threshold for M, w in zip(choices, W, strict=True)}
