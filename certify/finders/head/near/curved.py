"""Finder: Newton steps of a large logistic head with new labels, on the rows that have curvature. Nothing is trusted.

Where a head has hundreds of columns a Hessian takes seconds, and steps with one inverse for all do not settle where a
new label moves its margin far. Conjugate gradients solve for a step instead: nearly all rows of a head that parts its
classes have next to no curvature, and products with a Hessian pass over them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.rigor.fp import Array
from certify.systems.head.rows.change import NONE, Choices
from certify.systems.head.rows.head import Head

Short = NDArray[np.floating[Any]]

TURNS, INNER, HALVINGS = 30, 24, 6
"""Steps, products with a Hessian in each, and how often one is shortened."""

CLOSE, CLOSEST, ENOUGH = 0.3, 1e-4, 0.5
"""Part of a gradient that a step may leave, by the quadratic model, the least that four bytes can tell, and what of the
goal it may leave: a last step need be no better than what is asked."""

FLAT = 10.0
"""Rows whose curvature times their length squared is below that part of the decay are passed over, in all changes that
are looked at together; the part is smaller by as much as a step is to be better, and never above 1."""

OVERSHOT, SHORTER = 0.5, 0.5
"""A step is shortened by that factor where the slope at its end has turned to more than that part of the first."""

AT_ONCE = 128
"""Changes at a time: products are as fast as with more, and what is held for the rows of a large head stays small."""

ROUGH = 4.0
"""Times the rounding of four bytes, of the rows' own lengths: down to gradients as short as that eight are not needed,
which take twice the time."""

LARGEST = {4: 80.0, 8: 700.0}
"""What exponentials of four and eight bytes hold."""

LARGE = 100_000_000
"""Products that a Hessian takes from which on it is worth it."""


class CurvedSteps:
    """Newton steps of a head of one output with the logistic loss.

    Args:
        head: the head.
        inverse: `(m, m)` of a Hessian that is like those of the changes.
    """

    def __init__(self, head: Head, inverse: Array | Short) -> None:
        # a column that no row uses has no weight, and takes as long as any other
        self._used = np.flatnonzero((head.phi != 0.0).any(axis=0))
        self._S = np.ascontiguousarray((head.phi * head.Y)[:, self._used])
        with np.errstate(over="ignore"):
            self._short: Short = self._S.astype(np.float32)
            self._inverse: Short = inverse[np.ix_(self._used, self._used)].astype(np.float32)
        self._decay = head.mu()[0] * np.where(head.decayed, 1.0, 0.0)[self._used]
        self._free = ~head.decayed[self._used]
        self._flat = head.mu()[0] / float(np.mean(head.phi_norm**2))
        self._rough = ROUGH * float(np.finfo(np.float32).eps) * float(head.phi_norm.max())

    def settle(self, choices: Choices, V: Array, goal: float, check: Callable[[], None] = lambda: None) -> Array:
        """`(B, m)` weights nearer to the refits after changes of labels, of each the best that was met.

        Args:
            choices: B changes of labels.
            V: `(B, m)` weights.
            goal: gradients as short as that are short enough.
            check: called between steps; raises when the time is up.
        """
        found = np.zeros_like(V)
        for start in range(0, len(V), AT_ONCE):
            at = slice(start, start + AT_ONCE)
            pull, near = self._pull(choices.part(at)), V[at][:, self._used]
            with np.errstate(over="ignore", invalid="ignore"):
                near = self._settled(self._short, pull, near, max(goal, self._rough), check)
                if goal < self._rough:
                    near = self._settled(self._S, pull, near, goal, check)
            found[at, self._used] = near
        return found

    def _settled(self, S: Array | Short, pull: Array, V: Array, goal: float, check: Callable[[], None]) -> Array:
        """The same in the columns that are used, with products in four bytes or in eight, as S has them."""
        kind, best = S.dtype, V.copy()
        T = (V @ self._S.T).astype(kind)  # the error of a margin stays to the end
        p = _slopes(T)
        g = V * self._decay - p @ S + pull
        least = np.linalg.norm(g, axis=1)
        active, V = np.flatnonzero(least > goal), V.copy()
        for _ in range(TURNS):
            if not len(active):
                break
            check()
            at = active
            close = self._close(float(np.median(least[at])), goal)
            step = self._step(g[at], p[at] * (1.0 - p[at]), close)
            slope = np.einsum("bm,bm->b", g[at], step)
            V[at], T[at], p[at] = self._taken((V[at], T[at], pull[at]), step, step.astype(kind) @ S.T, slope)
            g[at] = V[at] * self._decay - p[at] @ S + pull[at]
            size = np.linalg.norm(g[at], axis=1)
            better = size < least[at]
            best[at[better]], least[at[better]] = V[at[better]], size[better]
            active = at[(size > goal) & np.isfinite(size)]
        return best

    def _pull(self, choices: Choices) -> Array:
        """`(B, m)` what new labels add to gradients, at all weights the same."""
        found = np.zeros((len(choices), self._S.shape[1]))
        for column in choices.rows.T:
            found += np.where((column != NONE)[:, None], self._S[column], 0.0)
        return found

    def _taken(self, at: tuple[Array, Array | Short, Array], step: Array, along: Array | Short,
               slope: Array) -> tuple[Array, Array | Short, Array]:
        """Weights, margins and slopes after steps, shortened where these overshoot: margins tell that."""
        V, T, pull = at
        long = np.ones((len(V), 1), dtype=T.dtype)
        own, bent = np.einsum("bm,bm->b", pull + V * self._decay, step), np.einsum("bm,m->b", step * step, self._decay)
        p = _slopes(T - along)
        for _ in range(HALVINGS):
            there = own - long[:, 0] * bent - np.einsum("bn,bn->b", p, along)
            over = np.flatnonzero(~(-there <= OVERSHOT * slope))
            if not len(over):
                break
            long[over] *= SHORTER
            p[over] = _slopes(T[over] - long[over] * along[over])
        return V - long * step, T - long * along, p

    @staticmethod
    def _close(size: float, goal: float) -> float:
        """Which part of gradients that are about so long a step may leave."""
        return min(CLOSE, max(float(np.sqrt(size)) / 2, ENOUGH * goal / size if size > 0.0 else CLOSE, CLOSEST))

    def _step(self, g: Array, D: Array, close: float) -> Array:
        """`(B, m)` nearly `H⁻¹g`, up to that part of it."""
        rows = np.flatnonzero(D.max(axis=0) > self._flat * min(1.0, FLAT * close))
        S, curve = self._short[rows], D[:, rows].astype(np.float32)
        back = np.ascontiguousarray(S.T)
        # what is passed over holds the intercept, which decay does not
        rest = np.maximum(D.sum(axis=1) - curve.sum(axis=1), 0.0)[:, None]
        decay = (self._decay + np.where(self._free, rest, 0.0)).astype(np.float32)
        r: Short = g.astype(np.float32)
        z: Short = r @ self._inverse
        total, d, left = np.zeros_like(r), z, np.einsum("bm,bm->b", r, z)
        first = left
        for _ in range(INNER):
            go = left > close * close * first  # a change that is done would divide by what is next to nothing
            if not go.any():
                break
            y = d @ back
            y *= curve
            Hd = y @ S + decay * d
            along = np.einsum("bm,bm->b", d, Hd)
            part = np.where(go & (along > 0.0), left / np.where(along > 0.0, along, 1.0), 0.0).astype(np.float32)
            total += part[:, None] * d
            r -= part[:, None] * Hd
            z = r @ self._inverse
            last, left = left, np.einsum("bm,bm->b", r, z)
            again = np.where(go, left / np.where(go, last, 1.0), 0.0).astype(np.float32)
            d = z + again[:, None] * d
        return np.asarray(total, dtype=np.float64)


def _slopes(T: Array | Short) -> Array:
    """In the numbers that T has, whose exponential holds no more than so much."""
    return np.asarray(1.0 / (1.0 + np.exp(np.minimum(T, T.dtype.type(LARGEST[T.dtype.itemsize])))))


def fits(head: Head) -> bool:
    """Whether a Hessian of a head is so dear that it is worth it."""
    return bool(head.loss.sigmoid and head.k == 1 and not head.uneven and head.n * head.m**2 > LARGE)
