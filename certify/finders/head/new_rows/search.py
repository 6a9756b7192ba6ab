"""Finder: weights that new rows cannot make dear, minimisers where labels are lost, and new rows that flip."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from certify.rigor.fp import Array
from certify.systems.head.rows.changes.new_rows import NewRows
from certify.systems.head.rows.head import Head, Whole

STEPS, TURNS = 80, 4


class Sums:
    """The sum of a head with one output, in floats.

    Args:
        head: the head.
        change: its new rows.
    """

    def __init__(self, head: Head, change: NewRows) -> None:
        self.head, self.change = head, change
        self.mu = head.mu()[0]
        self.D = head.decayed.astype(float)

    def loss(self, z: Array, y: Array) -> Array:
        """Of every row."""
        return np.asarray(0.5 * (z - y) ** 2 if self.head.loss.quadratic else np.logaddexp(0.0, -y * z))

    def parts(self, phi: Array, y: Array, w: Array) -> tuple[float, Array, Array]:
        """Value, gradient and second derivative of a sum."""
        z = phi @ w
        g = self.head.loss.guess_slopes(z[:, None], y[:, None])[:, 0]
        h = self.head.loss.guess_curvatures(z[:, None], y[:, None])[:, 0, 0]
        value = float(self.loss(z, y).sum() + self.mu / 2 * (self.D * w) @ w)
        return value, phi.T @ g + self.mu * self.D * w, (phi.T * h) @ phi + np.diag(self.mu * self.D)

    def minimum(self, phi: Array, y: Array, w: Array, normal: Array | None = None, at: float = 0.0) -> Array:
        """Near the minimiser; with a normal e of those with `e·w = at`."""
        m = len(w)
        if normal is not None:
            w = w + normal * (at - normal @ w) / (normal @ normal)
        for _ in range(STEPS):
            value, g, H = self.parts(phi, y, w)
            ridge = 1e-13 * np.trace(H) / m * np.eye(m)
            if normal is None:
                step = -np.linalg.solve(H + ridge, g)
            else:
                P = np.linalg.solve(H + ridge, np.stack([g, normal], axis=1))
                step = -P[:, 0] + P[:, 1] * (normal @ P[:, 0]) / (normal @ P[:, 1])
            slope, t = float(g @ step), 1.0
            if not slope < -1e-15 * (1 + abs(value)):
                break
            while t > 1e-10 and not self.parts(phi, y, w + t * step)[0] <= value + 1e-4 * t * slope:
                t /= 2
            w = w + t * step
        return w

    def robust(self, w: Array, labels: tuple[int, ...]) -> Array:
        """Weights at which the sum and the worst new rows of these labels cost little together."""
        from scipy.optimize import minimize

        head, ones = self.head, np.ones(self.head.m - len(self.change.low))  # the intercept's, where there is one
        low, high = np.append(self.change.low, ones), np.append(self.change.high, ones)
        assert head.codes is not None
        codes = head.codes[:, 0]
        y = head.Y[:, 0]

        def cost(v: Array) -> tuple[float, Array]:
            value, g, _ = self.parts(head.phi, y, v)
            least, most = np.where(v > 0, low, high), np.where(v > 0, high, low)
            for code, number in zip(codes, labels, strict=True):
                ends = np.stack([least, most])
                z = ends @ v
                at = int(np.argmax(self.loss(z, np.full(2, code))))
                value += number * float(self.loss(z[at : at + 1], np.array([code]))[0])
                slope = head.loss.guess_slopes(z[at : at + 1, None], np.array([[code]]))[0, 0]
                g = g + number * float(slope) * ends[at]
            return value, g

        best, found = np.inf, w
        for share in np.linspace(1.0, 0.05, 12):
            if (c := cost(share * w)[0]) < best:
                best, found = c, share * w
        for _ in range(3):
            r = minimize(cost, found, jac=True, method="L-BFGS-B", options={"maxiter": 2000})
            if np.isfinite(r.fun) and r.fun < best:
                best, found = float(r.fun), np.asarray(r.x, dtype=np.float64)
        return found


def flips(head: Head, change: NewRows, points: Whole, left: Callable[[], float],
          ) -> Iterator[tuple[int, Array, Whole, tuple[int, ...], Array]]:
    """Point by point new rows that may flip it, their labels, rows that are left out, and weights near the refit."""
    sums, y = Sums(head, change), head.Y[:, 0]
    w0 = sums.minimum(head.phi, y, head.V[0])
    assert head.codes is not None
    for j in points.tolist():
        e = head.points[j] * (1.0 if head.today[j] == 1 else -1.0)
        at = head.threshold if head.today[j] == 1 else -head.threshold
        for code in range(len(head.codes)):
            if left() <= 0:
                return
            w, best = w0, None
            for _ in range(TURNS):
                X, gone, w = _worse(sums, head, change, e, w, code, w0)
                if best is None or e @ w < best:
                    best = e @ w
                if e @ w < at:
                    break
            if e @ w < at:
                yield j, X, np.full(len(X), code, dtype=np.int64), gone, w
                break


def _worse(sums: Sums, head: Head, change: NewRows, e: Array, w: Array, code: int, w0: Array,
           ) -> tuple[Array, tuple[int, ...], Array]:
    """The corner that first order at w holds for the worst, as often as may be, and the refit with it."""
    assert head.codes is not None
    y = head.Y[:, 0]
    _, _, H = sums.parts(head.phi, y, w)
    d = np.linalg.solve(H + 1e-12 * np.trace(H) / len(w) * np.eye(len(w)), e)
    target = head.codes[code, 0]
    ends = np.stack([np.where(d[: len(change.low)] * s > 0, change.high, change.low) for s in (1.0, -1.0)])
    with_one = np.hstack([ends, np.ones((2, head.m - ends.shape[1]))])
    pull = -head.loss.guess_slopes((with_one @ w)[:, None], np.full((2, 1), target))[:, 0] * (with_one @ d)
    corner = ends[int(np.argmin(pull))]
    X = np.repeat(corner[None], change.added, axis=0)
    gone: tuple[int, ...] = ()
    if change.deleted:
        z = head.phi @ w
        own = -head.loss.guess_slopes(z[:, None], head.Y)[:, 0] * (head.phi @ d)  # what a row gives the margin
        rows = np.array(change.rows)
        gone = tuple(int(i) for i in rows[np.argsort(-own[rows], kind="stable")[: change.deleted]] if own[i] > 0)
    kept = np.setdiff1d(np.arange(head.n), gone)
    phi = np.vstack([head.phi[kept], np.hstack([X, np.ones((len(X), head.m - X.shape[1]))])])
    return X, gone, sums.minimum(phi, np.append(y[kept], np.full(len(X), target)), w0)


def compositions(count: int, codes: int) -> list[tuple[int, ...]]:
    """How `count` new rows may share the labels.

    >>> compositions(2, 2)
    [(0, 2), (1, 1), (2, 0)]
    """
    if codes == 1:
        return [(count,)]
    return [(first, *rest) for first in range(count + 1) for rest in compositions(count - first, codes - 1)]
