"""The parts of which D17 makes its distances, against their own truth: gradients, curvatures, products, shares.

A distance has much to spare on small heads, so that a part may be wrong by far while every refit still lies within it.
Each part is therefore held by itself, in long doubles.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.systems.head.rows.boxes.sums import Sums
from certify.theorems.head.rows.by_choice.metric import FEW, MORE
from certify.theorems.head.rows.by_choice.pieces import Pieces
from tests.containment.rigor import Violation

Array = NDArray[np.floating[Any]]
Long = np.longdouble
SLACK = 1e-9
"""Of one, what inverses and eigenvalues in doubles may be wrong by here."""


class Parts:
    """What is true of the rows with steps of their own after the first h hot ones.

    Attributes:
        p: the bounds; `rows` those with steps of their own, the first f, and far ones after them.
    """

    def __init__(self, p: Pieces, h: int, s: Sums) -> None:
        self.p, a, st = p, p.metric, p.metric.st
        self.rows, self.f = np.concatenate([st.rows[h:], st.far]), len(st.rows) - h
        self.S, self.mu, self.kept = s.S.astype(Long), s.decay.astype(Long), st.c.kept.astype(Long)
        self.w, self.m = st.c.w.astype(Long), a.m.astype(Long)
        self.delta = np.concatenate([st.delta[h:].astype(Long), *[self._far(l)[None] for l in st.far]])
        self.M = (self.S.T * self.m) @ self.S + np.diag(self.mu)
        self.inverse = np.linalg.inv(self.M.astype(np.float64))
        root = np.linalg.cholesky(self.inverse)
        self.unit = root.T  # |v| in the dual norm is the length of `unit @ v`
        self.long = np.linalg.norm(s.S @ root, axis=1)
        x = np.maximum(a.reach * self.long, 1e-12)
        self.held = np.where(x < 1e-6, 1.0 - x / 2, -np.expm1(-x) / x)
        self.gram = s.S @ self.inverse @ s.S.T

    def _far(self, l: int) -> Array:
        """The step of a far row: Newton's, without the row's own curvature."""
        t = self.S @ self.w
        D = self.kept * self.curvature(t)
        H = (self.S.T * D) @ self.S + np.diag(self.mu)
        v = np.linalg.solve(H.astype(np.float64), self.S[l].astype(np.float64))
        return np.asarray(-v / ((1 + np.exp(t[l])) * (1 - D[l] * (self.S[l] @ v))))

    def columns(self, T: tuple[int, ...]) -> tuple[int, ...]:
        """Where the bounds have a choice: far rows, and what is missing, are the last column."""
        return (*sorted(min(i, self.f) for i in T), *[self.f] * (self.p.k - len(T)))

    def gradient(self, T: tuple[int, ...]) -> Array:
        """The gradient at the sum of steps, without its rows."""
        w = self.w + sum(self.delta[i] for i in T)
        slope = -1 / (1 + np.exp(self.S @ w))
        slope[self.rows[list(T)]] = 0.0
        return np.asarray((self.kept * slope) @ self.S + self.mu * w)

    def size(self, v: Array) -> float:
        """In the dual norm of the metric."""
        return float(np.linalg.norm(self.unit @ v.astype(np.float64)))

    def curvature(self, t: Array) -> Array:
        """`l''`."""
        return np.asarray(1 / (2 + np.exp(t) + np.exp(-t)))

    def lost(self, T: tuple[int, ...]) -> float:
        """The largest share of M's curvature that is not there within reach of the sum of steps."""
        t = self.S @ (self.w + sum(self.delta[i] for i in T))
        left = self.kept * self.curvature(t) * self.held
        left[self.rows[list(T)]] = 0.0
        A = self.M - ((self.S.T * left) @ self.S + np.diag(self.mu))
        return float(np.linalg.eigvalsh(self.unit @ A.astype(np.float64) @ self.unit.T)[-1])

    def hold(self, lefts: dict[tuple[int, ...], float], losts: dict[tuple[int, ...], float]) -> None:
        """What is said of every choice, of smaller ones in its place, and of single numbers.

        Args:
            lefts: by the columns of a choice, what is said of the gradient at its sum of steps.
            losts: what is said of the share of the curvature it takes.
        """
        for size in range(self.p.k + 1):
            for T in combinations(range(len(self.rows)), size):
                at = self.columns(T)
                above("gradient", T, self.size(self.gradient(T)), lefts[at])
                above("curvature", T, self.share(self._out(T) + self._taken(at)), losts[at])
                if losts[at] < 1.0:
                    above("curvature within reach", T, self.lost(T), losts[at])
                self._moved(T)
        self._single()
        self._mixed(lefts)

    def share(self, A: Array) -> float:
        """The largest eigenvalue in the norm of the metric."""
        return float(np.linalg.eigvalsh(self.unit @ A @ self.unit.T)[-1])

    def _out(self, T: tuple[int, ...]) -> Array:
        """What rows that are out take."""
        rows = self.rows[list(T)]
        return np.asarray((self.S[rows].T * self.m[rows]) @ self.S[rows]).astype(np.float64)

    def _taken(self, at: tuple[int, ...]) -> Array:
        """What steps are said to take of the rows whose products are known."""
        taken = self.p.taken
        S = self.S[taken.seen].astype(np.float64)
        return np.asarray((S.T * taken.w[:, list(at)].sum(axis=1)) @ S)

    def _moved(self, T: tuple[int, ...]) -> None:
        """Of the curvature of every row at least what the steps are said to leave is there at their sum."""
        seen = np.setdiff1d(self.p.taken.seen, self.rows[list(T)])
        place = np.searchsorted(np.sort(self.p.taken.seen), seen)
        w = self.p.taken.w[np.argsort(self.p.taken.seen)[place]][:, [min(i, self.f) for i in T]].sum(axis=1)
        t = self.S[seen] @ self.w
        now = self.curvature(t + self.S[seen] @ sum((self.delta[i] for i in T), 0 * self.w))
        for j, said, true in zip(seen.tolist(), w, self.m[seen] * (1 - now / self.curvature(t)), strict=True):
            above("share of a row", (j, T), float(true), float(said))

    def _single(self) -> None:
        """Rows: lengths, what a row takes itself, what a step leaves, and what a step takes of the others."""
        p, taken, g = self.p, self.p.taken, self.size(self.gradient(()))
        for j, (true, said) in enumerate(zip(self.long, p.metric.long, strict=True)):
            above("length", j, float(true), float(said))
        for j in np.flatnonzero(self.kept > 0.0).tolist():
            t = np.asarray(self.S[j] @ self.w)
            above("matrix", j, float(self.m[j]), float(self.kept[j] * self.curvature(t) * self.held[j]))
        above("centre", (), (p.k + 1.0) * g, p.fixed)
        for i, row in enumerate(self.rows):
            at = min(i, self.f)
            above("own", i, float(self.m[row] * self.long[row] ** 2), float(taken.own[at]))
            above("step", i, self.size(self.gradient((i,)) - (self.gradient(()) if i >= self.f else 0.0)),
                  float(p.alone[at]))
            N = self._taken((at,))
            above("share", i, self.share(N), float(taken.share[at]))
            for q, other in enumerate(self.rows):
                v = self.inverse @ self.S[other].astype(np.float64)
                above("there", (q, i), float(self.m[other]) * float(v @ N @ v), float(taken.there[min(q, self.f), at]))

    def _mixed(self, lefts: dict[tuple[int, ...], float]) -> None:
        """Products of rows, what two and three steps leave that fewer do not, and the sum of all lengths of these."""
        grad = {T: self.gradient(T) for size in range(4) for T in combinations(range(len(self.rows)), size)}
        p, f = self.p, self.f
        pair, sizes = {}, {}
        for i, j in combinations(range(len(self.rows)), 2):
            one, two = self.rows[i], self.rows[j]
            root = float(np.sqrt(self.m[one] * self.m[two]))
            x, y = self.columns((i, j))[:2]
            above("product", (i, j), root * abs(float(self.gram[one, two])), float(p.across[x, y]))
            pair[i, j] = grad[i, j] - grad[i,] - grad[j,] + grad[()]
            sizes[i, j] = self.size(pair[i, j])
            above("pair", (i, j), sizes[i, j], float(p.pair[x, y]))
        alone = [self.size(grad[i,] - (grad[()] if i >= f else 0.0)) for i in range(len(self.rows))]
        for T in combinations(range(len(self.rows)), 3) if p.k > 2 else ():
            i, j, l = T
            what = grad[T] - grad[()] - sum(grad[q,] - grad[()] for q in T) - pair[i, j] - pair[i, l] - pair[j, l]
            x, y, z = self.columns(T)
            B = p.bent
            said = (p.triples(x, np.array([y]), np.array([z]))[0]
                    + B[x, y] * B[x, z] + B[y, x] * B[y, z] + B[z, x] * B[z, y])
            above("triple", T, self.size(what), float(said))
            parts = sum(alone[q] for q in T) + sizes[i, j] + sizes[i, l] + sizes[j, l] + self.size(what)
            above("parts", T, parts, lefts[x, y, z])
            if max(T) < f:
                own = self._others(T)
                above("triple, other rows", T, self.size(own), float(p.triples(x, np.array([y]), np.array([z]))[0]))

    def _others(self, T: tuple[int, ...]) -> Array:
        """What three steps leave at all other rows that two do not."""
        t, found = self.S @ self.w, 0.0 * self.S[:, 0]
        for size in range(4):
            for part in combinations(T, size):
                at = t + self.S @ sum((self.delta[i] for i in part), 0 * self.w)
                found += (-1) ** (3 - size) * -1 / (1 + np.exp(at))
        found[self.rows[list(T)]] = 0.0
        return np.asarray((self.kept * found) @ self.S)

    def closer(self, rng: np.random.Generator) -> None:
        """What is said of choices that are looked at closer."""
        few, p = int(rng.choice([2, FEW[self.p.k], MORE])), self.p
        every = [T for size in range(p.k + 1) for T in combinations(range(len(self.rows)), size)]
        at = np.array([self.columns(T) for T in every], np.int64)
        seen = self.p.taken.seen
        S = self.S[seen].astype(np.float64)
        for T, columns, said in zip(every, at, p.taken.of_choices(at, few), strict=True):
            w = np.minimum(p.taken.w[:, columns].sum(axis=1), p.taken.m)
            out = np.isin(seen, self.rows[list(T)])
            w[out] = p.taken.m[out]
            beyond = np.setdiff1d(self.rows[list(T)], seen)
            A = (S.T * w) @ S + (self.S[beyond].T * self.m[beyond]) @ self.S[beyond]
            above("curvature, closer", T, self.share(np.asarray(A).astype(np.float64)), float(said))

    def points(self, points: Array, distances: dict[tuple[int, ...], float],
               stays: dict[tuple[int, ...], NDArray[np.bool_]]) -> None:
        """A point that a choice is said to leave bears the steps and the distance.

        Args:
            points: oriented, `(N, p)`.
            distances: by the columns of a choice.
            stays: whether each point is said to stay.
        """
        seen = np.linalg.norm(points @ self.unit.T, axis=1)
        for size in range(self.p.k + 1):
            for T in combinations(range(len(self.rows)), size):
                at = self.columns(T)
                left = points @ (self.w + sum((self.delta[i] for i in T), 0 * self.w)) - seen * distances[at]
                if (stays[at] & (left < -SLACK)).any():
                    raise Violation(f"points of {T}: {left[stays[at]].min()}")


def above(what: str, which: object, true: float, said: float) -> None:
    """A bound is at least the truth.

    Raises:
        Violation: it is not.
    """
    if not true <= said + SLACK * max(1.0, abs(said)):
        raise Violation(f"{what} of {which}: {true} above {said}")
