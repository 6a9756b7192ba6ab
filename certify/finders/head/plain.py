"""Finder: weights near the refits of heads whose rows carry weights, or whose losses have kinks. Nothing is trusted.

Steps with the inverse Hessian of the weights that all start from come first, as a few changed rows hardly move it.
Where these don't settle, Newton's method with the curvature of the piece each row is on. Its steps are halved until
the objective still falls at their end or has all but stopped: it is convex, so that it has then fallen by much of what
it can along them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from certify.rigor.fp import Array
from certify.systems.head.rows.change import DELETED, NONE, Choices
from certify.systems.head.rows.head import Head

AT_ONCE = 1 << 22
"""Entries of the largest array that is worked on at a time."""
STEPS, HALVINGS, FALL = 100, 30, 1e-3

IDLE, SETTLED = 10, 2
"""Steps in a row that don't halve the gradient, after which none follows; and where it is as small as rounding is."""

CHORDS, FAST, SOLVED = 40, 0.6, 1e-12
"""Most steps with one inverse; the factor by which each has to lower the gradient, and one that is small."""

UNCHANGED = Choices(np.full((1, 0), NONE), np.full((1, 0), NONE))


class PlainRefits:
    """Refits of one head.

    Args:
        head: the head.
    """

    def __init__(self, head: Head) -> None:
        self.head = head
        self.ridge = np.where(head.decayed, 1.0, 0.0)
        counted = 1.0 if head.weights is None else self.terms(UNCHANGED)[1][:, 0]
        self.scale = float(np.linalg.norm(counted * np.linalg.norm(head.phi, axis=1))) + 1.0
        self._inverse: tuple[Array, Array] | None = None

    def solve(self, choices: Choices, start: Array, goal: float = 0.0,
              check: Callable[[], None] = lambda: None) -> Array:
        """`(B, k, m)` weights near the refits, all from one start.

        Args:
            choices: B changes.
            start: `(k, m)` weights near the refit without a change; those of the call before take no new inverse.
            goal: a gradient of this length is small enough; 0: as small as rounding lets it be.
            check: called between steps; raises when the time is up.
        """
        self.inverse_at(start)
        V, slow = np.repeat(start[None], len(choices), axis=0), np.zeros(len(choices), dtype=bool)
        step = max(1, AT_ONCE // (4 * self.head.n * self.head.k))
        with np.errstate(all="ignore"):
            for begin in range(0, len(choices), step):
                check()
                at = slice(begin, begin + step)
                V[at], slow[at] = self._settled(choices.part(at), V[at], goal)
        V[slow] = self.newton(Choices(choices.rows[slow], choices.codes[slow]), V[slow], goal, check)
        return V

    def _settled(self, choices: Choices, V: Array, goal: float) -> tuple[Array, NDArray[np.bool_]]:
        """Steps with the inverse at the start: the best weights that were met, and which are not near enough."""
        assert self._inverse is not None
        Y, c, mu = self.terms(choices)
        V, best, least = V.copy(), V.copy(), np.full(len(V), np.inf)
        active, last = np.arange(len(V)), np.full(len(V), np.inf)
        for _ in range(CHORDS):
            G, _ = self.gradients(V[active], Y[:, active], c[:, active], mu[active])
            size = _lengths(G)
            won = size < least[active]
            best[active[won]], least[active[won]] = V[active[won]], size[won]
            go = (size > goal) & (size < FAST * last[active])
            last[active] = size
            active, G = active[go], G[go]
            if not len(active):
                break
            V[active] -= (G.reshape(len(G), -1) @ self._inverse[1]).reshape(len(G), *V.shape[1:])
        return best, ~(least <= max(goal, SOLVED * self.scale))

    def newton(self, choices: Choices, V: Array, goal: float = 0.0, check: Callable[[], None] = lambda: None) -> Array:
        """`(B, k, m)` weights near the refits, from V.

        Args:
            choices: B changes.
            V: starts.
            goal: a gradient of this length is small enough; 0: as small as rounding lets it be.
            check: called between steps; raises when the time is up.
        """
        V, head = V.copy(), self.head
        step = max(1, AT_ONCE // (head.n * head.k * head.m))
        with np.errstate(all="ignore"):
            for begin in range(0, len(choices), step):
                at = slice(begin, begin + step)
                V[at] = self._newton(choices.part(at), V[at], goal, check)
        return V

    def terms(self, choices: Choices) -> tuple[Array, Array, Array]:
        """`(n, B, k)` targets, `(n, B)` weights, 0 where a row is left out, and `(B,)` μ, after every change."""
        head, B = self.head, len(choices)
        Y = np.repeat(head.Y[:, None, :], B, axis=1)
        c = np.ones((head.n, B)) if head.weights is None else np.nan_to_num(head.weights.of(head, choices), nan=1.0)
        for column in range(choices.rows.shape[1]):
            rows, codes = choices.rows[:, column], choices.codes[:, column]
            gone = np.flatnonzero((rows != NONE) & (codes == DELETED))
            c[rows[gone], gone] = 0.0
            new = np.flatnonzero((rows != NONE) & (codes != DELETED))
            if len(new) and head.codes is not None:
                Y[rows[new], new] = head.codes[codes[new]]
        return Y, c, np.array([head.mu(int(d))[0] for d in choices.deleted])

    def gradients(self, V: Array, Y: Array, c: Array, mu: Array) -> tuple[Array, Array]:
        """`(B, k, m)` gradients, and `(n, B, k)` outputs."""
        head, (B, k, m) = self.head, V.shape
        Z = (head.phi @ V.reshape(B * k, m).T).reshape(head.n, B, k)
        g = head.loss.guess_slopes(Z, Y) * c[..., None]
        G = (head.phi.T @ g.reshape(head.n, B * k)).reshape(m, B, k).transpose(1, 2, 0)
        return np.asarray(G + mu[:, None, None] * self.ridge * V), Z

    def hessians(self, Z: Array, Y: Array, c: Array, mu: Array) -> Array:
        """`(B, km, km)` second derivatives of the pieces."""
        head, (_, B, k), m = self.head, Z.shape, self.head.m
        A = head.loss.guess_curvatures(Z, Y) * c[..., None, None]
        blocks = np.empty((B, k, m, k, m))
        for a in range(k):
            for b in range(a + 1):
                blocks[:, a, :, b, :] = (head.phi.T[None] * A[:, :, a, b].T[:, None, :]) @ head.phi
                blocks[:, b, :, a, :] = blocks[:, a, :, b, :].transpose(0, 2, 1)
        H = blocks.reshape(B, k * m, k * m)
        on = np.arange(k * m)
        size = np.trace(H, axis1=1, axis2=2)[:, None] / (k * m)
        H[:, on, on] += mu[:, None] * np.tile(self.ridge, k) + 1e-14 * size + 1e-280
        if head.free_intercept:
            last = np.arange(k) * m + m - 1
            if head.loss.shifted:  # the sum of the intercepts is free: any value will do
                H[:, last[:, None], last] += size[:, :, None] / k
            elif head.loss.kinked:  # no row may hold the intercept where the steps pass
                H[:, last, last] += 1e-9 * (size + mu[:, None])
        return H

    def inverse(self, V: Array) -> Array:
        """`(km, km)` inverse of the second derivative where no row is changed, at `(k, m)` weights; NaN without one."""
        of = self.terms(UNCHANGED)
        try:
            return np.asarray(np.linalg.inv(self.hessians(self.gradients(V[None], *of)[1], *of)[0]))
        except np.linalg.LinAlgError:
            return np.full((V.size, V.size), np.nan)

    def inverse_at(self, start: Array) -> Array:
        """The same, kept for those weights."""
        if self._inverse is None or self._inverse[0] is not start:
            self._inverse = start, self.inverse(start)
        return self._inverse[1]

    def chords(self, choices: Choices, V: Array, inverse: Array, turns: int) -> Array:
        """`(B, k, m)` weights after steps with one inverse for all; of each change the best ones that were met."""
        of = self.terms(choices)
        best, least = V, np.full(len(V), np.inf)
        with np.errstate(all="ignore"):
            for turn in range(turns + 1):
                G, _ = self.gradients(V, *of)
                size = _lengths(G)
                best = np.where((size < least)[:, None, None], V, best)
                least = np.minimum(size, least)
                if turn < turns:
                    V = V - (G.reshape(len(G), -1) @ inverse).reshape(V.shape)
        return best

    def _newton(self, choices: Choices, V: Array, goal: float, check: Callable[[], None]) -> Array:
        Y, c, mu = self.terms(choices)
        V = V.copy()
        G, Z = self.gradients(V, Y, c, mu)
        best, least = V.copy(), _lengths(G)
        idle, active = np.zeros(len(V), dtype=np.int64), np.flatnonzero(least > goal)
        for _ in range(STEPS):
            if not len(active):
                break
            check()
            of = (Y[:, active], c[:, active], mu[active])
            try:
                D = np.asarray(np.linalg.solve(self.hessians(Z[:, active], *of), G[active].reshape(len(active), -1, 1)))
            except np.linalg.LinAlgError:
                break
            D = D.reshape(len(active), *V.shape[1:])
            V[active], G[active], Z[:, active] = self._stepped(V[active], D, G[active], *of)
            size = _lengths(G[active])
            better = size < 0.5 * least[active]
            idle[active] = np.where(better, 0, idle[active] + 1)
            won = active[size < least[active]]
            best[won], least[won] = V[won], _lengths(G[won])
            most = np.where(least[active] <= SOLVED * self.scale, SETTLED, IDLE)
            active = active[(least[active] > goal) & (idle[active] < most)]
        return best

    def _stepped(self, V: Array, D: Array, G: Array, Y: Array, c: Array, mu: Array) -> tuple[Array, Array, Array]:
        """The weights after steps along −D, with gradients and outputs."""
        slope = np.einsum("bkm,bkm->b", G, D)
        t, open_ = np.ones(len(V)), np.ones(len(V), dtype=bool)
        new, (after, Z) = V - D, self.gradients(V - D, Y, c, mu)
        for _ in range(HALVINGS):
            here = -np.einsum("bkm,bkm->b", after, D)
            open_ = open_ & ~(here <= FALL * np.abs(slope))
            who = np.flatnonzero(open_)
            if not len(who):
                break
            t[who] /= 2
            new[who] = V[who] - t[who, None, None] * D[who]
            after[who], Z[:, who] = self.gradients(new[who], Y[:, who], c[:, who], mu[who])
        return new, after, Z


def _lengths(G: Array) -> Array:
    size = np.sqrt(np.einsum("bkm,bkm->b", G, G))
    return np.where(np.isfinite(size), size, np.inf)
