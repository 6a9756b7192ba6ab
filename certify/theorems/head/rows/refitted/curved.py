"""Refits of a large logistic head after new labels: each only as near as the labels of the points in question need.

A Hessian of such a head takes seconds. Conjugate gradients find weights without one; they are not trusted, and what
they find is judged by the distances that are proved of it (D1). Newton's method is left for those that they miss.
"""

from __future__ import annotations

from collections.abc import Callable

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

    batch = AT_ONCE

    def __init__(self, refitter: Refitter, steps: CurvedSteps, judge: Judge, check: Callable[[], None]) -> None:
        self._refitter, self._steps, self._judge, self._check = refitter, steps, judge, check
        # beside little decay float64 knows no gradient as short as that
        self._goals = [max(goal * refitter.head.mu()[0], NEARLY * refitter.scale) for goal in GOALS]

    def settle(self, choices: Choices, start: Array) -> Array:
        """`(B, k, m)` weights near the refits, of which all eight bytes are needed.

        Args:
            choices: B changes of labels.
            start: `(B, k, m)` weights.
        """
        V, open_ = start.copy(), np.arange(len(start))
        with np.errstate(all="ignore"):
            for goal in self._goals:
                part = Choices(choices.rows[open_], choices.codes[open_])
                V[open_] = self._steps.settle(part, V[open_, 0], goal, self._check)[:, None]
                near, g = refits_and_gradients(self._refitter.head, part, V[open_])
                left = self._judge(part, V[open_], near) | ~np.isfinite(near)
                missed = ~(_lengths(g) <= goal)
                open_, missed = open_[left], missed[left]
                if not len(open_):
                    return V
            self._solve(choices, V, start, open_, open_[missed])
        return V

    def _solve(self, choices: Choices, V: Array, start: Array, open_: Whole, missed: Whole) -> None:
        """The last word on some, in place, once those that steps missed are solved as far as float64 goes."""
        if len(missed):
            part = Choices(choices.rows[missed], choices.codes[missed])
            lengths = [_lengths(self._refitter.gradients(part, some)) for some in (V[missed], start[missed])]
            astray = missed[~(lengths[0] <= lengths[1])]
            V[astray] = start[astray]
            V[missed] = self._refitter.newton(part, V[missed], 0.0, self._check)
        part = Choices(choices.rows[open_], choices.codes[open_])
        near = refits_and_gradients(self._refitter.head, part, V[open_])[0]
        self._judge(part, V[open_], near, final=True)
        V[open_[~np.isfinite(near)]] = 0.0


def _lengths(g: Array) -> Array:
    return np.asarray(np.linalg.norm(g, axis=(1, 2)))


def curved(head: Head, change: RowChange) -> bool:
    """Whether refits are found so: changed labels of a logistic head with hundreds of columns."""
    return change.relabels and head.read_off and fits(head)


def seconds_of_labels(head: Head, change: RowChange) -> float:
    """About the time of all refits with one new label, by their products."""
    return change.choices(head, 1) * head.phi.size * SECONDS
