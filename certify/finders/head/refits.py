"""Finder: weights near the refits after many changes of rows, in floats. Nothing is trusted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from certify.finders.head.anderson import Mixed
from certify.finders.head.near.curved import CurvedSteps, fits
from certify.finders.head.plain import PlainRefits
from certify.rigor.fp import Array
from certify.systems.head.rows.change import DELETED, NONE, Choices
from certify.systems.head.rows.head import Head, Whole

AT_ONCE = 1 << 21
"""Entries of the largest array that is worked on at a time."""

CHORDS, NEWTON, INNER = 12, 60, 12
SOLVED, FAST, LONGEST = 1e-12, 0.7, 8.0

NEARLY = 1e-11
"""A gradient that is small where no Hessian is formed, as SOLVED is where one is."""

LARGE, MIXED, WORSE = 1500, 40, 30.0
"""Numbers of a head from which a Hessian takes seconds, so that steps with one inverse are mixed instead; how many of
them, and how many times the shortest gradient so far one may be."""


@dataclass(frozen=True, eq=False)
class Node:
    """A refit that others start from.

    Attributes:
        V: `(k, m)` weights.
        inverse: `(km, km)` inverse of the Hessian there.
        Z: `(n, k)` outputs.
    """

    V: Array
    inverse: Array
    Z: Array


class Refitter:
    """Solves for changed rows: chord steps with one shared factor, then Newton's method for those that are slow.

    Args:
        head: the head.
    """

    def __init__(self, head: Head) -> None:
        self.head = head
        self.ridge = np.where(head.decayed, 1.0, 0.0)
        own = head.loss.kinked or (head.weights is not None and head.weights.by_label)
        self._plain = PlainRefits(head) if own else None
        nothing = Choices(np.full((1, 0), NONE), np.full((1, 0), NONE))
        self._counts = np.ones(head.n) if head.weights is None else head.weights.of(head, nothing)[:, 0]
        self.scale = float(np.linalg.norm(self._counts * np.linalg.norm(head.phi, axis=1))) + 1.0
        size = head.k * head.m
        self.large = size >= LARGE and not head.uneven
        self._root: Node | None = None
        self.V0 = self._rooted(nothing) if self.large else self.newton(nothing, head.V[None])[0]
        self.step = max(1, AT_ONCE // max(head.n * head.k, size * head.k))
        self._kept: tuple[tuple[bytes, bytes], Node] | None = None

    @property
    def one_by_one(self) -> bool:
        """Whether every refit is solved from the unchanged one: weights go by labels, or losses have kinks."""
        return self._plain is not None

    def _rooted(self, nothing: Choices) -> Array:
        """The unchanged refit of a large head, with one Hessian where the weights in the file are near it."""
        near = self._centred(nothing, self.head.V)
        T, W = np.zeros((1, self.head.V.size, 1)), np.zeros((1, 1, 1))
        with np.errstate(all="ignore"):
            V, slow = self._mixed(nothing, self.head.V[None].copy(), (near.inverse, T, W), 0.0)
        if len(slow):
            return np.asarray(self.newton(nothing, V)[0])
        self._root = Node(V[0], near.inverse, self.head.phi @ V[0].T)
        return np.asarray(V[0])

    def solve(self, choices: Choices, goal: float = 0.0, check: Callable[[], None] = lambda: None) -> Array:
        """`(B, k, m)` weights near the refits.

        Changes that differ in their last row alone are solved together, from the refit without it.

        Args:
            choices: B changes.
            goal: a gradient of this length is small enough; 0: as small as rounding lets it be.
            check: called between steps; raises when the time is up.
        """
        V = np.repeat(self.V0[None], len(choices), axis=0)
        if choices.rows.shape[1] == 0:
            return V
        if self._plain is not None:
            return self._plain.solve(choices, self.V0, goal, check)
        key = np.hstack([choices.rows[:, :-1], choices.codes[:, :-1]])
        starts = np.flatnonzero(np.r_[True, (key[1:] != key[:-1]).any(axis=1)])
        with np.errstate(all="ignore"):
            for begin, end in zip(starts, np.r_[starts[1:], len(choices)], strict=True):
                node = self._node(choices.part(slice(begin, begin + 1)), check)
                for at in range(begin, end, self.step):
                    check()
                    some = slice(at, min(at + self.step, end))
                    part = choices.part(some)
                    try:
                        V[some], slow = self._settled(part, node, goal)
                    except np.linalg.LinAlgError:  # a row that its refit rests on alone
                        V[some], slow = node.V, np.arange(len(part))
                    left = Choices(part.rows[slow], part.codes[slow])
                    V[at + slow] = self.slow(left, self._nearer(left, V[at + slow], node.V), goal, check)
        return V

    def from_root(self, choices: Choices, check: Callable[[], None] = lambda: None) -> Array:
        """`(B, k, m)` weights near the refits after changes of many rows each, all from the refit without a change.

        Steps with the inverse there, which small groups of rows hardly move, and Newton's method for the others.

        Args:
            choices: B changes.
            check: called between steps; raises when the time is up.
        """
        V = np.repeat(self.V0[None], len(choices), axis=0)
        if self._plain is not None:
            return self._plain.solve(choices, self.V0, 0.0, check)
        if self._root is None:
            self._root = self._centred(Choices(np.full((1, 0), NONE), np.full((1, 0), NONE)), self.V0)
        T, W = np.zeros((len(V), self.V0.size, 1)), np.zeros((len(V), 1, 1))
        check()
        P = self._root.inverse
        with np.errstate(all="ignore"):
            V, slow = (self._mixed(choices, V, (P, T, W), 0.0) if self.large else
                       self._chords(choices, V, P, T, W, 0.0))
            left = Choices(choices.rows[slow], choices.codes[slow])
            V[slow] = self.newton(left, self._nearer(left, V[slow], self.V0), 0.0, check)
        return V

    @cached_property
    def curved(self) -> CurvedSteps | None:
        """Newton steps without Hessians, for new labels of large heads of one output."""
        if not fits(self.head):
            return None
        inverse = self._centred(Choices(np.full((1, 0), NONE), np.full((1, 0), NONE)), self.V0).inverse
        with np.errstate(over="ignore"):
            short = inverse.astype(np.float32)
        return CurvedSteps(self.head, short) if np.isfinite(short).all() else None

    def slow(self, choices: Choices, V: Array, goal: float, check: Callable[[], None]) -> Array:
        """Weights near refits where steps with one inverse do not settle: by Newton's method, or without Hessians."""
        relabelled = not (choices.codes[choices.rows != NONE] == DELETED).any()
        if len(V) and relabelled and self.curved is not None:
            enough = max(goal, NEARLY * self.scale)
            V = self.curved.settle(choices, V[:, 0], enough, check)[:, None]
            left = np.flatnonzero(~(_lengths(self.gradients(choices, V)) <= enough))
            some = Choices(choices.rows[left], choices.codes[left])
            V[left] = self.newton(some, V[left], goal, check)
            return V
        return self.newton(choices, V, goal, check)

    def _nearer(self, choices: Choices, V: Array, other: Array) -> Array:
        """V, or other weights where these are the better start: steps may have gone astray."""
        if not len(V):
            return V
        back = np.repeat(other[None], len(V), axis=0)
        worse = ~(_lengths(self.gradients(choices, V)) <= _lengths(self.gradients(choices, back)))
        return np.where(worse[:, None, None], back, V)

    def start_from(self, before: Choices, V: Array) -> None:
        """Refits of one more row start from this one: the one change `before`, whose refit V is."""
        if self._plain is None:
            self._kept = ((before.rows.tobytes(), before.codes.tobytes()), self._centred(before, V))

    def _node(self, one: Choices, check: Callable[[], None]) -> Node:
        """The refit without the last row of a change; the last one asked for is kept."""
        before = Choices(one.rows[:, :-1], one.codes[:, :-1])
        name = (before.rows.tobytes(), before.codes.tobytes())
        if self._kept is None or self._kept[0] != name:
            if before.rows.shape[1] == 0 and self._root is not None:
                return self._root
            self._kept = (name, self._centred(before, self.solve(before, check=check)[0]))
        return self._kept[1]

    def _centred(self, one: Choices, V: Array) -> Node:
        """Everything that steps from a refit share."""
        Z = self.head.phi @ V.T
        try:
            inverse = np.linalg.inv(self.hessians(one, V[None])[0])
        except np.linalg.LinAlgError:
            inverse = np.full((V.size, V.size), np.nan)
        return Node(V, np.asarray(inverse), Z)

    def gradients(self, choices: Choices, V: Array) -> Array:
        """`(B, k, m)` gradients."""
        head, (B, k, m) = self.head, V.shape
        Z = (head.phi @ V.reshape(B * k, m).T).reshape(head.n, B, k)
        g = head.loss.guess_slopes(Z, head.Y[:, None, :])
        for column in range(choices.rows.shape[1]):
            rows, codes = choices.rows[:, column], choices.codes[:, column]
            gone = np.flatnonzero((rows != NONE) & (codes == DELETED))
            g[rows[gone], gone] = 0.0
            new = np.flatnonzero((rows != NONE) & (codes != DELETED))
            if len(new) and head.codes is not None:
                g[rows[new], new] = head.loss.guess_slopes(Z[rows[new], new], head.codes[codes[new]])
        if head.weights is not None:
            g *= self._counts[:, None, None]
        R = (head.phi.T @ g.reshape(head.n, B * k)).reshape(m, B, k).transpose(1, 2, 0)
        return np.asarray(R + self._mu(choices)[:, None, None] * self.ridge * V)

    def hessians(self, choices: Choices, V: Array) -> Array:
        """`(B, km, km)` second derivatives at `(B, k, m)` weights."""
        head, (B, k, m) = self.head, V.shape
        Z = (head.phi @ V.reshape(B * k, m).T).reshape(head.n, B, k).transpose(1, 0, 2)
        M = head.loss.guess_curvatures(Z, head.Y) * self._left(choices)[:, :, None, None]
        if k == 1 and head.n * m * m <= AT_ONCE:
            upper, H = M[:, :, 0, 0] @ self._products, np.empty((B, m, m))
            H[:, self._upper[0], self._upper[1]] = upper
            H[:, self._upper[1], self._upper[0]] = upper
            H[:, np.arange(m), np.arange(m)] += self._mu(choices)[:, None] * self.ridge
            return H
        blocks = np.empty((B, k, m, k, m))
        for a in range(k):
            for b in range(a + 1):
                blocks[:, a, :, b, :] = (head.phi.T[None] * M[:, None, :, a, b]) @ head.phi
                blocks[:, b, :, a, :] = blocks[:, a, :, b, :].transpose(0, 2, 1)
        H = blocks.reshape(B, k * m, k * m)
        on = np.arange(k * m)
        H[:, on, on] += self._mu(choices)[:, None] * np.tile(self.ridge, k)
        if head.free_intercept and head.loss.shifted:  # the sum of the intercepts is free: any value will do
            last = np.arange(k) * m + m - 1
            H[:, last[:, None], last] += (np.trace(H, axis1=1, axis2=2) / (k * m * k))[:, None, None]
        return H

    @cached_property
    def _upper(self) -> tuple[Whole, Whole]:
        """Places of the entries of a symmetric matrix that count."""
        return np.triu_indices(self.head.m)

    @cached_property
    def _products(self) -> Array:
        """`(n, m(m + 1)/2)` products of the inputs of every row: Hessians of one output are products with it."""
        return np.asarray(self.head.phi[:, self._upper[0]] * self.head.phi[:, self._upper[1]])

    def _left(self, choices: Choices) -> Array:
        """`(B, n)` what a row counts that is left, 0 for a deleted one."""
        left = np.repeat(self._counts[None], len(choices), axis=0)
        b, column = np.nonzero((choices.rows != NONE) & (choices.codes == DELETED))
        left[b, choices.rows[b, column]] = 0.0
        return left

    def _mu(self, choices: Choices) -> Array:
        deleted = choices.deleted
        return np.array([self.head.mu(d)[0] for d in range(int(deleted.max(initial=0)) + 1)])[deleted]

    def newton(self, choices: Choices, V: Array, goal: float = 0.0, check: Callable[[], None] = lambda: None) -> Array:
        """Newton's method with a line search on the gradient, many changes at a time."""
        if self._plain is not None:
            return self._plain.newton(choices, V, goal, check)
        V = V.copy()
        step = max(1, AT_ONCE // (self.head.n * self.head.m * self.head.k))
        for begin in range(0, len(choices), step):
            check()
            at = slice(begin, begin + step)
            V[at] = self._newton(choices.part(at), V[at], goal, check)
        return V

    def _newton(self, choices: Choices, V: Array, goal: float, check: Callable[[], None]) -> Array:
        g = self.gradients(choices, V)
        size = _lengths(g)
        active = np.flatnonzero(size > goal)
        for _ in range(NEWTON):
            if not len(active):
                break
            check()
            part = Choices(choices.rows[active], choices.codes[active])
            try:
                step = np.linalg.solve(self.hessians(part, V[active]), g[active].reshape(len(active), -1, 1))
            except np.linalg.LinAlgError:
                break
            step = step.reshape(len(active), *V.shape[1:])
            t, open_ = 1.0, np.ones(len(active), dtype=bool)
            while t > 1e-4 and open_.any():
                who = np.flatnonzero(open_)
                trial = V[active[who]] - t * step[who]
                new = self.gradients(Choices(part.rows[who], part.codes[who]), trial)
                norm = _lengths(new)
                good = norm < (1 - t / 4) * size[active[who]]
                won = active[who[good]]
                V[won], g[won], size[won] = trial[good], new[good], norm[good]
                open_[who[good]] = False
                t /= 2
            active = active[~open_ & (size[active] > goal)]
        return V

    def _settled(self, part: Choices, node: Node, goal: float) -> tuple[Array, Whole]:
        """Chord steps for changes of one more row, and the numbers of those that do not settle.

        The row's own term is taken as it is: of the others the quadratic model at the node counts, so that its outputs
        move by the solution τ of `τ + κ(ℓ'_new(z + τ) − ℓ'_old(z)) = 0`, `κ = K(1 − AK)⁻¹`, `K = ΦᵀPΦ` of the row. Then
        steps with the node's inverse P, corrected for the new curvature of the row (Woodbury).
        """
        head, (k, m), B = self.head, node.V.shape, len(part)
        last, code = part.rows[:, -1], part.codes[:, -1]
        phi, z = head.phi[last], node.Z[last]
        T = np.einsum("xaj,bj->bxa", node.inverse.reshape(k * m, k, m), phi, optimize=True)  # PΦ
        K = np.einsum("bcja,bj->bca", T.reshape(B, k, m, k), phi, optimize=True)
        count = self._counts[last]
        old = head.loss.guess_slopes(z, head.Y[last]) * count[:, None]
        A = head.loss.guess_curvatures(z, head.Y[last]) * count[:, None, None]
        eye = np.eye(k)
        kappa = np.linalg.solve((eye - A @ K).transpose(0, 2, 1), K.transpose(0, 2, 1)).transpose(0, 2, 1)
        stays = (code != DELETED)[:, None]
        new = head.Y[last] if head.codes is None else head.codes[np.maximum(code, 0)]
        tau = np.zeros((B, k))

        def pull(t: Array) -> tuple[Array, Array]:
            g = np.where(stays, head.loss.guess_slopes(z + t, new), 0.0) * count[:, None]
            return g, head.loss.guess_curvatures(z + t, new) * (stays * count[:, None])[..., None]

        for _ in range(INNER):
            g, C = pull(tau)
            r = tau + np.einsum("bij,bj->bi", kappa, g - old)
            step = np.linalg.solve(eye + kappa @ C, r[..., None])[..., 0]
            far = np.abs(step).max(axis=1, keepdims=True)
            tau = tau - step * np.minimum(1.0, LONGEST / np.maximum(far, 1e-300))
        g, C = pull(tau)
        q = np.linalg.solve(eye - A @ K, (g - old)[..., None])[..., 0]
        V = node.V[None] - np.einsum("bxa,ba->bx", T, q).reshape(B, k, m)
        D = C - A
        W = np.linalg.solve((eye + K @ D).transpose(0, 2, 1), D.transpose(0, 2, 1)).transpose(0, 2, 1)
        if self.large:
            return self._mixed(part, V, (node.inverse, T, W), goal)
        return self._chords(part, V, node.inverse, T, W, goal)

    def _chords(self, part: Choices, V: Array, P: Array, T: Array, W: Array, goal: float) -> tuple[Array, Whole]:
        """Steps `Pg − T W Tᵀg`, and the numbers of those that do not settle fast."""
        B, k, m = V.shape
        active, last = np.arange(B), np.full(B, np.inf)
        slow: list[int] = np.flatnonzero(~np.isfinite(V).all(axis=(1, 2))).tolist()
        active = active[np.isfinite(V).all(axis=(1, 2))]
        for _ in range(CHORDS):
            if not len(active):
                break
            g = self.gradients(Choices(part.rows[active], part.codes[active]), V[active]).reshape(len(active), -1)
            size = np.linalg.norm(g, axis=1)
            done = size <= np.maximum(goal, SOLVED * self.scale * (1e-3 + _lengths(V[active])))
            bad = ~done & ~(size < FAST * last[active])
            slow += active[bad].tolist()
            go = ~done & ~bad
            last[active] = size
            active = active[go]
            u = np.einsum("bxa,bx->ba", T[active], g[go])
            step = g[go] @ P - np.einsum("bxa,bac,bc->bx", T[active], W[active], u, optimize=True)
            V[active] -= step.reshape(-1, k, m)
        return V, np.array(sorted({*slow, *active.tolist()}), dtype=np.int64)


    def _mixed(self, part: Choices, V: Array, parts: tuple[Array, Array, Array], goal: float) -> tuple[Array, Whole]:
        """The same steps, mixed with those before them, which many a Newton step is too dear for."""
        P, T, W = parts
        B, shape = len(V), V.shape[1:]
        best, at_best, mixed = np.full(B, np.inf), V.copy(), Mixed()
        active, done = np.flatnonzero(np.isfinite(V).all(axis=(1, 2))), np.zeros(B, dtype=bool)
        for _ in range(MIXED if len(active) else 0):
            g = self.gradients(Choices(part.rows[active], part.codes[active]), V[active]).reshape(len(active), -1)
            size = np.linalg.norm(g, axis=1)
            better = active[size < best[active]]
            at_best[better] = V[better]
            best[active] = np.fmin(best[active], size)
            done[active] = size <= np.maximum(goal, SOLVED * self.scale * (1e-3 + _lengths(V[active])))
            go = ~done[active] & (size < WORSE * best[active])
            mixed.keep(np.flatnonzero(go))
            active, g = active[go], g[go]
            if not len(active):
                break
            u = np.einsum("bxa,bx->ba", T[active], g)
            step = g @ P - np.einsum("bxa,bac,bc->bx", T[active], W[active], u, optimize=True)
            V[active] = mixed.step(V[active].reshape(len(active), -1), g, step).reshape(-1, *shape)
        return at_best, np.flatnonzero(~done)


def _lengths(g: Array) -> Array:
    return np.asarray(np.linalg.norm(g.reshape(len(g), -1), axis=1))
