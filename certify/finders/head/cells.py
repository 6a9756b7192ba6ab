"""Finder: covers of a hyperplane, and test vectors of its cells, for heads with few inputs. Nothing is trusted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.rigor.fp import Array

TURNS, MORE, NEWTON = 40, 4, 300
GROWTH, EXTRA = 1.25, 0.05
SHARED = 60
"""Steps towards the nearest reachable gradient."""


def sigmoid(z: Array) -> Array:
    """`1/(1 + e^(−z))`."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * z)))


@dataclass(frozen=True, eq=False)
class Margins:
    """A logistic head with one output in the margins of its rows.

    Attributes:
        S: `(n, p)` inputs times labels ±1.
        ridge: `(p,)` μ of every column.
        count: most rows that change.
        deletes: whether they are deleted; else relabelled.
        may: `(n,)` 1 for a row that may change.
    """

    S: Array
    ridge: Array
    count: int
    deletes: bool
    may: Array

    def minimiser(self, left: Array, push: Array, w: Array, e: Array | None = None, level: float = 0.0) -> Array:
        """`argmin Σ left_i φ(s_i·w) + push·w + ½ w·(ridge w)`, where given on `e·w = level`."""
        w = w.copy() if e is None else w + e * (level - e @ w) / (e @ e)
        for _ in range(NEWTON):
            p = sigmoid(-(self.S @ w))
            g = -self.S.T @ (left * p) + push + self.ridge * w
            H = self.hessian(p, left)
            step = np.linalg.solve(H, g)
            if e is not None:
                he = np.linalg.solve(H, e)
                step = step - he * ((e @ step) / (e @ he))
            size = float(step @ H @ step)
            w = w - step / (1.0 + np.sqrt(max(size, 0.0)))
            if size < 1e-22:
                break
        return w

    def hessian(self, p: Array, left: Array | None = None) -> Array:
        """Of the sum."""
        D = p * (1 - p) if left is None else left * p * (1 - p)
        return np.asarray((self.S.T * D) @ self.S + np.diag(self.ridge))

    def worst(self, w: Array, u: Array) -> Array:
        """The rows that pull most along u."""
        c = (self.S @ u) * (sigmoid(-(self.S @ w)) if self.deletes else 1.0)
        c = np.where(self.may > 0, c, -np.inf)
        return np.asarray(np.argpartition(-c, self.count - 1)[: self.count])

    def refit(self, rows: NDArray[Any], w: Array, e: Array | None = None, level: float = 0.0) -> Array:
        """The minimiser after these rows changed, where given on the hyperplane."""
        left, push = np.ones(len(self.S)), np.zeros(len(w))
        if self.deletes:
            left[rows] = 0.0
        else:
            push = self.S[rows].sum(axis=0)
        return self.minimiser(left, push, w, e, level)


@dataclass(frozen=True, eq=False)
class Frame:
    """Coordinates `w = w0 + By` of a hyperplane, a direction across it, and a box that is guessed to hold the refits.

    Attributes:
        w0: `(p,)`; B: `(p, p − 1)`; across: `(p,)`; low, high: `(p − 1,)`.
    """

    w0: Array
    B: Array
    across: Array
    low: Array
    high: Array


def frame(head: Margins, e: Array, level: float, start: Array) -> Frame:
    """Coordinates in which the curvature at the minimiser on the hyperplane is the identity."""
    n, p = head.S.shape
    w0 = head.minimiser(np.ones(n), np.zeros(p), start, e, level)
    H = head.hessian(sigmoid(-(head.S @ w0)))
    N = np.linalg.svd(e[None])[2][1:].T
    values, vectors = np.linalg.eigh(N.T @ H @ N)
    B = N @ (vectors / np.sqrt(np.maximum(values, 1e-300)))
    low, high = np.zeros(p - 1), np.zeros(p - 1)
    for k in range(p - 1):
        for sign in (-1.0, 1.0):
            w = w0
            for _ in range(2):
                Hw = head.hessian(sigmoid(-(head.S @ w)))
                u = B @ np.linalg.solve(B.T @ Hw @ B, np.eye(p - 1)[k]) * sign
                w = head.refit(head.worst(w, u), w, e, level)
                y = np.linalg.lstsq(B, w - w0, rcond=None)[0]
                low, high = np.minimum(low, y), np.maximum(high, y)
    across = np.asarray(np.linalg.solve(H, e), np.float64)
    return Frame(w0, B, across, low * GROWTH - EXTRA, high * GROWTH + EXTRA)


def _towards(head: Margins, f: Frame, y: Array, e: Array, face: bool) -> Iterator[tuple[Array, bool, Array]]:
    """Frank–Wolfe steps towards the reachable gradient nearest to that at the centre of a cell, a mean of choices.

    Yields:
        u: the direction to it; whether u excludes the centre; `(n,)` the share of each row in the mean so far.
    """
    w = f.w0 + f.B @ y
    p = sigmoid(-(head.S @ w))
    theta = (p if head.deletes else np.ones(len(p))) * head.may
    inverse = np.linalg.inv(head.hessian(p))
    g = head.S.T @ p - head.ridge * w
    he = inverse @ e
    ehe = float(e @ he)
    u = inverse @ g - he * (float(e @ (inverse @ g)) / ehe) if face else he
    d, nu, share = None, 0.0, np.zeros(len(p))
    while True:
        c = theta * (head.S @ u)
        rows = np.argpartition(-c, head.count - 1)[: head.count] if head.count else np.zeros(0, dtype=np.int64)
        rows = rows[c[rows] > 0]
        yield u, float(u @ g) > float(c[rows].sum()), share
        new, part = theta[rows] @ head.S[rows], 1.0
        if d is None:
            d = new
        else:
            step, rest = new - d, g - d + nu * e
            hd = inverse @ step
            size = float(hd @ step) - (float(hd @ e) * float(hd @ e) / ehe if nu else 0.0)
            part = min(max(float(hd @ rest) / (size + 1e-300), 0.0), 1.0)
            d = d + part * step
        share = (1.0 - part) * share
        share[rows] += part
        z = inverse @ (g - d)
        nu = -float(z @ e) / ehe
        nu = nu if face else max(nu, 0.0)
        u = z + nu * he


def separators(head: Margins, f: Frame, y: Array, e: Array, face: bool) -> Iterator[Array]:
    """Test vectors u that exclude the centre of a cell.

    The first one comes after `TURNS` steps at most, else the centre is taken for reachable; few follow.
    """
    found = False
    for turn, (u, excludes, _) in enumerate(_towards(head, f, y, e, face)):
        found = found or excludes
        if excludes:
            yield u
        if turn + 1 == TURNS or (found and turn >= MORE):
            return


def shares(head: Margins, f: Frame, y: Array, e: Array) -> Array:
    """`(n,)` how much of each row reaches the centre of a cell, or comes nearest to it."""
    return next(share for turn, (_, _, share) in enumerate(_towards(head, f, y, e, False)) if turn == SHARED)


def coordinates(f: Frame, e: Array, u: Array) -> tuple[Array, float]:
    """`(v, κ)` with `u ≈ Bv + κ·across`."""
    kappa = max(float(u @ e) / float(f.across @ e), 0.0)
    return np.asarray(np.linalg.lstsq(f.B, u - kappa * f.across, rcond=None)[0], np.float64), kappa
