"""Finder: a change of a budget that moves a strongly convex last layer, or its outputs, far. Nothing is trusted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from certify.network.network import Network
from certify.problem.problem import Problem
from certify.rigor.activation import activation
from certify.rigor.finder import FAILED, proposed
from certify.rigor.fp import Array
from certify.systems.head.change import Change, moving_rows
from certify.systems.head.last_layer import LastLayer

TURNS, NEWTON, STARTS, SOLVED, WIDEST = 12, 40, 3, 3, 5
SHORT = 1 - 2.0**-40
"""A change's share of its budget, so that rounding does not leave it."""


class Search:
    """First-order effects of the rows' changes, and training again, in floats.

    Args:
        problem: a convex last layer's.
        layer: the last layer.
        change: the budget.
        points: `(N, m)` inputs of the last layer whose outputs are to move; None: the weights are.
    """

    def __init__(self, problem: Problem, layer: LastLayer, change: Change, points: Array | None = None) -> None:
        self.problem, self.layer, self.change, self.points = problem, layer, change, points
        self.phi, self.inner = self._passed(problem.X)
        self.k, self.m = layer.V.shape
        self.rows = moving_rows(layer, change)
        self.H = self._hessian(self.phi, layer.V, np.ones(layer.n))

    def candidates(self, check: Callable[[], None]) -> Iterator[tuple[Array, Array]]:
        """Changes within the budget and the solutions of what they make of the data, the furthest first."""
        both = self.change.moving.reweighs and not self.change.down
        for down in (True, False) if both else (True,):  # beyond first order rows that leave often lead further
            seen: list[tuple[float, Array]] = []
            try:
                for start in self._starts():
                    check()
                    u, size = proposed(partial(self._turned, start, down)) or (None, 0.0)
                    if u is not None and np.isfinite(u).all() and not any(np.array_equal(u, v) for _, v in seen):
                        seen.append((size, u))
            except FAILED:  # no further starts
                pass
            for _, u in sorted(seen, key=lambda pair: -pair[0])[:SOLVED]:
                check()
                V = proposed(partial(self.solved, u))
                if V is not None:
                    yield u, V

    def _starts(self) -> Iterator[Array]:
        """Directions of the weights: of rows that move the solution furthest, one by one or alone; one at random."""
        steps = np.einsum("ia,ij->iaj", self._steps(), self.phi).reshape(len(self.phi), -1)[self.rows]
        alone = np.linalg.solve(self.H, steps.T)
        size, v = np.einsum("pi,pi->i", alone, alone), np.zeros(len(alone))
        gain = size.copy()
        for _ in range(min(self.change.count or 1, len(gain))):
            i = int(np.argmax(gain))
            v, size[i] = v + alone[:, i], -np.inf
            gain = size + 2 * alone.T @ v
        yield self._solved(v)
        for i in np.argsort(-np.einsum("pi,pi->i", alone, alone))[:STARTS]:
            for sign in (1.0, -1.0):
                yield sign * self._solved(alone[:, i])
        if self.points is not None:
            yield from self._at_points(alone)
        yield np.random.default_rng(0).standard_normal(len(self.H))

    def _solved(self, v: Array) -> Array:
        """`H⁻¹v`."""
        return np.asarray(np.linalg.solve(self.H, v), np.float64)

    def _at_points(self, alone: Array) -> Iterator[Array]:
        """Outputs of the points where single rows together do most, as they move with the row that does most there."""
        assert self.points is not None
        effects = np.einsum("kmi,xm->xik", alone.reshape(self.k, self.m, -1), self.points)
        sizes = np.linalg.norm(effects, axis=2)
        count = min(1 if self.change.total else self.change.count or len(self.rows), len(self.rows))
        together = np.sum(np.partition(sizes, len(self.rows) - count, axis=1)[:, len(self.rows) - count :], axis=1)
        for x in np.argsort(-together)[:WIDEST]:
            c = effects[x, int(np.argmax(sizes[x]))]
            for sign in (1.0, -1.0):
                yield self._solved(np.outer(sign * c, self.points[x]).ravel())

    def _aimed(self, moved: Array) -> tuple[float, Array]:
        """How far the weights move, or the outputs at the point where they move most; and the pull that it is along."""
        if self.points is None:
            return float(np.linalg.norm(moved)), moved
        f = self.points @ moved.reshape(self.k, self.m).T
        x = int(np.argmax(np.linalg.norm(f, axis=1)))
        return float(np.linalg.norm(f[x])), np.outer(f[x], self.points[x]).ravel()

    def _steps(self) -> Array:
        """What every row does to the slopes: it leaves, or its label becomes the one that is least likely."""
        if not self.change.moving.relabels or self.k == 1:
            return self._signs() if self.change.moving.relabels else -self.layer.g
        y = self._targets()
        return np.asarray(y - np.eye(self.k)[np.argmin(self.layer.g + y + 2 * y, axis=1)])

    def _turned(self, z: Array, down: bool) -> tuple[Array | None, float]:
        """By turns the change that pulls most along z, and the z of it (`H⁻²Δ_u` for weights); and how far it leads."""
        best, furthest = None, 0.0
        for _ in range(TURNS):
            u = self._best(z.reshape(self.k, self.m), down)
            moved = self._solved(self._pull(u).ravel())
            size, along = self._aimed(moved)
            if not np.isfinite(size) or size <= furthest * (1 + 1e-9):
                break
            best, furthest = u, size
            z = self._solved(along)
        return best, furthest

    def _best(self, Z: Array, down: bool) -> Array:
        """The change of the budget with the largest `⟨Z, Δ_u⟩`, to first order; `down`: of weights that fall."""
        layer, change, rows = self.layer, self.change, self.rows
        x = self.phi @ Z.T
        if change.moving.relabels:
            return self._relabelled(x)
        if change.moving.reweighs:
            pull = np.einsum("ia,ia->i", layer.g, x)[:, None]
            pull = np.minimum(pull, 0.0) if down else pull
        elif not change.moving.inputs:
            pull = -x
        else:
            y = np.einsum("iab,ib->ia", layer.M, x) @ layer.plain + layer.g @ Z[:, : layer.plain.shape[1]]
            pull = self._back(y)
        pull = pull[rows]
        size = np.linalg.norm(pull, axis=1, keepdims=True)
        u = np.zeros((layer.n, pull.shape[1]))
        r = change.radius if change.moving.reweighs and not change.total else change.radius * SHORT
        if change.total:
            u[rows] = r * pull / max(float(np.linalg.norm(pull)), 1e-300)
            return u
        first = np.argsort(-size[:, 0])[: change.count]
        u[rows[first]] = r * (pull / np.maximum(size, 1e-300))[first]
        return u

    def _relabelled(self, x: Array) -> Array:
        """Labels that become the one which pulls most."""
        assert self.problem.labels is not None
        old, rows = np.asarray(self.problem.labels).astype(np.int64), self.rows
        gain = self._signs() * x if self.k == 1 else x[np.arange(len(x)), old][:, None] - x
        if self.k > 1:
            gain[np.arange(len(x)), old] = -np.inf
        first = rows[np.argsort(-gain[rows].max(axis=1))[: self.change.count]]
        first = first[gain[first].max(axis=1) > 0]
        u = np.zeros((self.layer.n, self.k))
        if self.k == 1:
            u[first, 0] = (0.0 if (old < 0).any() else 1.0) - 2.0 * old[first]
            return u
        u[first, gain[first].argmax(axis=1)] = 1.0
        u[first, old[first]] -= 1.0
        return u

    def _signs(self) -> Array:
        return np.where(np.asarray(self.problem.labels) > 0, 1.0, -1.0)[:, None]

    def _pull(self, u: Array) -> Array:
        """`Δ_u`, the change of the gradient at w̄, as it is and not to first order."""
        now = self._gradient(*self._changed(u), self.layer.V)
        return now - self._gradient(self.phi, self._targets(), np.ones(self.layer.n), self.layer.V)

    def _targets(self) -> Array:
        """Targets, probabilities, or signs of the logistic loss."""
        return self.problem.row_loss.aims(self.problem.y, self.problem.labels, self.k)

    def _changed(self, u: Array) -> tuple[Array, Array, Array]:
        """Inputs of the last layer, targets and sample weights after a change."""
        moving, ones, y = self.change.moving, np.ones(self.layer.n), self._targets()
        if moving.reweighs:
            return self.phi, y, 1.0 + u[:, 0]
        if moving.inputs:
            return self._passed(self.problem.X + u)[0], y, ones
        if moving.relabels and self.k == 1:
            return self.phi, np.where(u != 0, -y, y), ones
        return self.phi, y + u, ones

    def _slopes(self, phi: Array, y: Array, V: Array) -> Array:
        return self.problem.row_loss.rough_slopes(phi @ V.T, y)

    def _gradient(self, phi: Array, y: Array, s: Array, V: Array) -> Array:
        return np.asarray((self._slopes(phi, y, V) * s[:, None]).T @ phi / self.layer.n + self.layer.decay * V)

    def _hessian(self, phi: Array, V: Array, s: Array, y: Array | None = None) -> Array:
        y, (k, m) = self._targets() if y is None else y, V.shape
        c = self._slopes(phi, y, V)
        H = np.zeros((k, m, k, m))
        for a in range(k):
            for b in range(a + 1):
                M = self.problem.row_loss.rough_curvature(c, y, a, b)
                H[a, :, b, :] = phi.T @ ((s * M)[:, None] * phi) / self.layer.n
                H[b, :, a, :] = H[a, :, b, :].T
        return H.reshape(k * m, k * m) + self.layer.decay * np.eye(k * m)

    def solved(self, u: Array) -> Array | None:
        """The last layer trained again, by Newton's method; None where it did not settle."""
        phi, y, s = self._changed(u)
        V = self.layer.V.copy()
        least = np.inf
        with np.errstate(all="ignore"):
            for _ in range(NEWTON):
                g = self._gradient(phi, y, s, V)
                size = float(np.linalg.norm(g))
                if not np.isfinite(size) or (size >= least / 2 and size < 1e-9 * self.layer.decay):
                    break
                least = min(least, size)
                try:
                    step = np.linalg.solve(self._hessian(phi, V, s, y), g.ravel()).reshape(V.shape)
                except np.linalg.LinAlgError:  # singular to rounding: V is as good as it gets
                    break
                t = 1.0
                while t > 1e-6 and not np.linalg.norm(self._gradient(phi, y, s, V - t * step)) < (1 - t / 4) * size:
                    t /= 2
                V = V - t * step
        return V if np.isfinite(V).all() else None

    def _passed(self, X: Array) -> tuple[Array, list[Array]]:
        """Inputs of the last layer with a 1 for its bias, and the slopes of the activations before it."""
        net, a, slopes = self.problem.network, X, []
        assert isinstance(net, Network)
        for W, b in zip(net.weights[:-1], net.biases[:-1], strict=True):
            value, slope = activation(net.activation).enclose(a @ W.T + (0.0 if b is None else b))
            a = value.mid
            slopes.append(slope.mid)
        return (np.hstack([a, np.ones((len(a), 1))]) if self.layer.biased else a), slopes

    def _back(self, v: Array) -> Array:
        """A pull at the last layer's inputs, at the features."""
        assert isinstance(self.problem.network, Network)  # a last layer is one of a chain
        for W, slope in zip(self.problem.network.weights[-2::-1], self.inner[::-1], strict=True):
            v = (v * slope) @ W
        return v
