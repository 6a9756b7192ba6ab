"""Finder: weights near the refits after one new label each, of thousands of rows at once. Nothing is trusted.

All steps take one inverse, corrected for what the row's own curvature becomes; products are in four bytes. The few rows
that it leads astray have Newton steps of their own.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from certify.finders.head.near.alone import alone
from certify.finders.head.near.labels import LabelSteps
from certify.rigor.fp import Array
from certify.rigor.single.floats import Short
from certify.systems.head.rows.head import Head, Whole

NEAR, TURNS, WORSE, LEAST = 0.01, 10, 0.3, 0.05
"""Gradients as short as that, in the norm of the inverse, are near enough; steps at most; and by what a step is
shortened that makes the gradient longer, and the least that it is shortened to."""

ALONE, INNER = 40, 8
"""Steps of the rows that are left, and products with a Hessian in each."""

FEW, PRODUCTS = 64, 1 << 28
"""Rows that may be solved by themselves, and the most products that a Hessian may take there."""

WIDEST, BLOCK = np.float32(80.0), 512
"""Largest margin of which the slope is asked, and rows at a time."""


def single_labels(steps: LabelSteps, head: Head, V0: Array, rows: Whole, inverse: Array,
                  check: Callable[[], None]) -> Array:
    """`(f, m)` weights near the refit with another label of each row.

    Args:
        steps: those of the head.
        head: a logistic head of one output.
        V0: `(m,)` weights near the refit without a change.
        rows: `(f,)` the rows.
        inverse: `(m, m)` of the Hessian there.
        check: raises when the time is up.
    """
    with np.errstate(all="ignore"):
        turned = _Turned(steps, head, V0, inverse)
        W, left = np.empty((len(rows), len(V0))), np.empty(len(rows))
        for at in range(0, len(rows), BLOCK):
            check()
            some = slice(at, at + BLOCK)
            step, left[some] = turned.steps(rows[some])
            W[some] = V0 + step
        far = np.flatnonzero(~(left <= NEAR))
        W[far[~np.isfinite(W[far]).all(axis=1)]] = V0
        for _ in range(ALONE if len(far) else 0):
            check()
            near = steps.nearer(rows[far][:, None], W[far], inverse, INNER, NEAR)
            moved = (near != W[far]).any(axis=1)
            W[far], far = near, far[moved]
            if not len(far):
                break
        if head.n * head.m**2 <= PRODUCTS:
            _one_by_one(head, V0, rows, inverse, W, check)
    return W


def _one_by_one(head: Head, V0: Array, rows: Whole, inverse: Array, W: Array, check: Callable[[], None]) -> None:
    """The same for the few rows that were led astray."""
    S, decay = np.asarray(head.phi * head.Y, np.float64), np.asarray(head.mu()[0] * head.decayed, np.float64)
    left = np.empty(len(rows))
    for at in range(0, len(rows), BLOCK):
        check()
        some = slice(at, at + BLOCK)
        p = 0.5 - 0.5 * np.tanh(0.5 * (W[some] @ S.T))
        g = decay * W[some] - p @ S + S[rows[some]]
        left[some] = np.einsum("ij,ij->i", g @ inverse, g)
    far = np.flatnonzero(~(left <= (2.0 * NEAR) ** 2))
    for one in far[:FEW]:
        check()
        W[one] = V0 + alone(S, 1.0, decay, V0, int(rows[one]))


class _Turned:
    """Steps with one inverse."""

    def __init__(self, steps: LabelSteps, head: Head, V0: Array, inverse: Array) -> None:
        self._S, self._inverse = steps.S, inverse.astype(np.float32)
        self._back = np.ascontiguousarray(self._S.T)
        self._decay = (head.mu()[0] * head.decayed).astype(np.float32)
        S = head.phi * head.Y
        self._t = np.clip(S @ V0, -80.0, 80.0).astype(np.float32)
        self._p = np.asarray(1.0 / (1.0 + np.exp(self._t)), np.float32)
        self._D = self._p * (np.float32(1.0) - self._p)
        self._SH = np.asarray(self._S @ self._inverse, np.float32)
        self._own = np.einsum("ij,ij->i", self._SH, self._S)

    def steps(self, rows: Whole) -> tuple[Short, Array]:
        """The best steps that were met, and how long their gradients are."""
        best = np.asarray(-self._SH[rows], np.float32)
        left, share, step = np.full(len(rows), np.inf), np.ones(len(rows), np.float32), np.zeros_like(best)
        trial, live = best.copy(), np.arange(len(rows))
        for _ in range(TURNS):
            own, Hg, long = self._at(rows[live], trial[live])
            better = long < left[live]
            at = live[better]
            best[at], left[at], step[at], share[at] = trial[at], long[better], self._corrected(
                rows[at], own[better], Hg[better]), 1.0
            share[live[~better]] *= np.float32(WORSE)
            live = live[(left[live] > NEAR) & (share[live] > LEAST)]
            if not len(live):
                break
            trial[live] = best[live] - share[live, None] * step[live]
        return best, left

    def _at(self, rows: Whole, step: Short) -> tuple[Short, Short, Short]:
        """The rows' own curvature there, the inverse times the gradient, and the length of that."""
        p = np.asarray(step @ self._back, np.float32)
        p += self._t
        np.clip(p, -WIDEST, WIDEST, out=p)
        np.exp(p, out=p)
        p += np.float32(1.0)
        np.reciprocal(p, out=p)
        own = p[np.arange(len(rows)), rows]
        p -= self._p
        g = self._decay * step - p @ self._S + self._S[rows]
        Hg = np.asarray(g @ self._inverse, np.float32)
        long = np.asarray(np.sqrt(np.maximum(np.einsum("ij,ij->i", Hg, g), 0.0)), np.float32)
        return np.asarray(own * (np.float32(1.0) - own), np.float32), Hg, long

    def _corrected(self, rows: Whole, own: Short, Hg: Short) -> Short:
        """The same inverse where the row has its own curvature."""
        more = own - self._D[rows]
        part = np.einsum("ij,ij->i", Hg, self._S[rows]) * more / np.maximum(
            np.float32(1.0) + more * self._own[rows], np.float32(0.1))
        return np.asarray(Hg - part[:, None] * self._SH[rows])
