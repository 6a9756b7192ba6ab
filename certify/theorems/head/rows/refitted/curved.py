"""Refits of a large logistic head after new labels: each only as near as the labels of the points in question need.

A Hessian of such a head takes seconds. Conjugate gradients find weights without one; they are not trusted, and what
they find is judged by the distances that are proved of it (D1). Newton's method is left for those that they miss.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np

from certify.finders.head.near.curved import AT_ONCE, CurvedSteps, fits
from certify.finders.head.refits import NEARLY, Refitter
from certify.rigor.fp import Array
from certify.systems.head.rows.change import Choices, RowChange
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.refit import refits_and_gradients
from certify.theorems.head.rows.method import Mask

GOALS = (3e-4, 1e-8)
"""Of μ: gradients that steps go for. The first decides nearly all labels, and from the second on rounding is what keeps
distances from falling."""

LEAST = (1e-6, 1e-9)
"""Of the rows' own lengths, together: goals are no longer than that. Beside much decay parts of μ say nothing of a free
intercept."""

INVERSES = 1 << 25
"""Entries of inverses that a batch of changes may hold."""

FEW = 8
"""Of a batch: so many that are open in the end are solved as far as float64 goes, though steps did not miss them."""

SECONDS = 2.5e-9
"""About the seconds of a refit and of what is proved of it, for a number of the rows."""

Judge = Callable[..., Mask]


class CurvedRefits:
    """Refits from one batch to the next.

    Args:
        refitter: of the head.
        steps: what finds weights.
        judge: which of a batch leave a point open: of changes, weights, distances of the refits, and whether that is
            the last word on these changes.
        check: raises when the time is up.
    """

    most: ClassVar[int] = AT_ONCE

    def __init__(self, refitter: Refitter, steps: CurvedSteps, judge: Judge, check: Callable[[], None]) -> None:
        self._refitter, self._steps, self._judge, self._check = refitter, steps, judge, check
        # beside little decay float64 knows no gradient as short as that
        self._goals = [max(min(goal * refitter.head.mu()[0], least * refitter.scale), NEARLY * refitter.scale)
                       for goal, least in zip(GOALS, LEAST, strict=True)]
        self._first = 0

    def batch(self, parents: bool) -> int:
        """Changes at a time: of several parents each may hold an inverse of its own."""
        return max(1, min(self.most, INVERSES // self._refitter.head.m**2)) if parents else self.most

    def settle(self, choices: Choices, starts: tuple[Array, Array]) -> Array:
        """`(B, k, m)` weights near the refits, of which all eight bytes are needed.

        Args:
            choices: B changes of labels.
            starts: `(B, k, m)` weights to start from, and others: which lead to the refits is seen by trial.
        """
        with np.errstate(all="ignore"):
            V, near, g = self._begun(choices, starts)
            open_ = np.arange(len(V))
            for turn, goal in enumerate(self._goals):
                part = Choices(choices.rows[open_], choices.codes[open_])
                if turn:
                    V[open_] = self._steps.settle(part, V[open_, 0], goal, self._check)[:, None]
                    near, g = refits_and_gradients(self._refitter.head, part, V[open_])
                left = self._judge(part, V[open_], near) | ~np.isfinite(near)
                missed = ~(_lengths(g) <= goal)
                open_, missed = open_[left], missed[left]
                if not len(open_):
                    return V
            self._solve(choices, V, starts, open_, open_[missed] if len(open_) > FEW else open_)
        return V

    def _begun(self, choices: Choices, starts: tuple[Array, Array]) -> tuple[Array, Array, Array]:
        """Weights, distances and gradients by steps to the first goal from one start, or from the other if they miss.

        With more columns than rows the first step from the parent overshoots what a label's own row bears, and steps
        lead nowhere; with many rows it is the start for that row alone that is far off.
        """
        goal, head = self._goals[0], self._refitter.head
        V = self._steps.settle(choices, starts[self._first][:, 0], goal, self._check)[:, None]
        near, g = refits_and_gradients(head, choices, V)
        missed = np.flatnonzero(~(_lengths(g) <= goal))
        if len(missed):
            part = Choices(choices.rows[missed], choices.codes[missed])
            W = self._steps.settle(part, starts[1 - self._first][missed, 0], goal, self._check)[:, None]
            others = refits_and_gradients(head, part, W)
            better = _lengths(others[1]) < np.nan_to_num(_lengths(g[missed]), nan=np.inf)
            at = missed[better]
            V[at], near[at], g[at] = W[better], others[0][better], others[1][better]
            if 2 * len(at) > len(V):  # what most of a batch needs is what the next one begins with
                self._first = 1 - self._first
        return V, near, g

    def _solve(self, choices: Choices, V: Array, starts: tuple[Array, Array], open_: Whole, missed: Whole) -> None:
        """The last word on some, in place, once those that steps missed are solved as far as float64 goes."""
        if len(missed):
            part = Choices(choices.rows[missed], choices.codes[missed])
            every = np.stack([V[missed], *(start[missed] for start in starts)])
            size = np.array([_lengths(self._refitter.gradients(part, some)) for some in every])
            best = np.where(np.isfinite(size), size, np.inf).argmin(axis=0)
            V[missed] = self._refitter.newton(part, every[best, np.arange(len(missed))], 0.0, self._check)
        part = Choices(choices.rows[open_], choices.codes[open_])
        near = refits_and_gradients(self._refitter.head, part, V[open_])[0]
        self._judge(part, V[open_], near, final=True)
        V[open_[~np.isfinite(near)]] = 0.0


def _lengths(g: Array) -> Array:
    return np.asarray(np.linalg.norm(g, axis=(1, 2)))


def curved(head: Head, change: RowChange) -> bool:
    """Whether refits are found so: changed labels of a logistic head with hundreds of columns, and as many rows.

    With fewer rows the inverse at the parent, corrected for the one row, is nearly that of the refit.
    """
    return change.relabels and head.read_off and fits(head) and head.n >= head.m


def seconds_of_labels(head: Head, change: RowChange) -> float:
    """About the time of all refits with one new label, by their products."""
    return change.choices(head, 1) * head.phi.size * SECONDS
