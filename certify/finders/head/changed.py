"""Finder: weights near the refits after changes of any kind, in floats. Nothing is trusted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from certify.finders.head.refits import Refitter
from certify.rigor.fp import Array
from certify.systems.head.rows.change import NONE, Choices
from certify.systems.head.rows.head import Head

STEPS, FAST, SOLVED = 24, 0.6, 1e-12
"""Steps with one shared inverse; the factor by which each has to lower the gradient; a gradient that is small."""


class Changed:
    """Solves for choices that change several rows: steps with the inverse at the unchanged refit, then Newton's method.

    Args:
        head: the head.
        by_rows: choices that differ in their last row alone follow one another, and are solved from the one before.
    """

    def __init__(self, head: Head, by_rows: bool = False) -> None:
        self.refitter, self.by_rows = Refitter(head), by_rows
        self.V0 = self.refitter.V0
        self._inverse: Array | None = None

    def inverse(self) -> Array:
        """`(km, km)` of the Hessian at the unchanged refit; not finite where there is none."""
        if self._inverse is None:
            nothing = Choices(np.full((1, 0), NONE), np.full((1, 0), NONE))
            try:
                self._inverse = np.linalg.inv(self.refitter.hessians(nothing, self.V0[None])[0])
            except np.linalg.LinAlgError:
                self._inverse = np.full((self.V0.size, self.V0.size), np.nan)
        return self._inverse

    def solve(self, choices: Choices, goal: float = 0.0, check: Callable[[], None] = lambda: None) -> Array:
        """`(B, k, m)` weights near the refits; gradients as small as the goal are small enough, if it is above 0."""
        if self._from_refits(choices):
            return self.refitter.solve(choices, goal, check)
        with np.errstate(all="ignore"):
            return self._stepped(choices, goal, check)

    def settled(self, choices: Choices, V: Array, check: Callable[[], None] = lambda: None) -> Array:
        """As near as rounding lets them be."""
        if self._from_refits(choices):
            return self.refitter.solve(choices, 0.0, check)
        with np.errstate(all="ignore"):
            return self.refitter.newton(choices, V, 0.0, check)

    def _from_refits(self, choices: Choices) -> bool:
        """Whether the refitter has steps of its own for them."""
        return self.refitter.one_by_one or (self.by_rows and not (choices.rows == NONE).any())

    def _stepped(self, choices: Choices, goal: float, check: Callable[[], None]) -> Array:
        V, P = np.repeat(self.V0[None], len(choices), axis=0), self.inverse()
        B, shape = len(V), V.shape[1:]
        small = max(goal, SOLVED * (float(np.linalg.norm(self.refitter.head.phi)) + 1.0))
        active, last, slow = np.arange(B), np.full(B, np.inf), np.zeros(B, dtype=bool)
        for _ in range(STEPS):
            check()
            part = Choices(choices.rows[active], choices.codes[active])
            g = self.refitter.gradients(part, V[active]).reshape(len(active), -1)
            size = np.linalg.norm(g, axis=1)
            left = ~(size <= small)
            bad = left & ~(size < FAST * last[active])
            slow[active[bad]] = True
            go = left & ~bad
            last[active] = size
            active = active[go]
            if not len(active):
                break
            V[active] -= (g[go] @ P).reshape(len(active), *shape)
        slow[active] = True
        rest = np.flatnonzero(slow)
        if len(rest):
            start = np.where(np.isfinite(V[rest]), V[rest], self.V0)
            V[rest] = self.refitter.newton(Choices(choices.rows[rest], choices.codes[rest]), start, goal, check)
        return V
