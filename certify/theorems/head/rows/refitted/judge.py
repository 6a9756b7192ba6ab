"""Whether proposed weights prove that predictions stay after changed labels (D1c), for whole blocks of changes."""

from __future__ import annotations

from typing import Any

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.averaged import Averages, Held
from certify.systems.head.rows.change import Choices
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.tabled import Batch, Table
from certify.theorems.head.rows.method import Mask

SUMMED, CORRECTED = (1.5,), (1.5, 0.3)
"""Lengths within which refits are looked for, one after the other: from sums, and from corrected ones."""

SPARE, COARSE = 1.02, 2.0**-21
"""What a checker may find longer, as a factor, and the rounding of its inputs."""


class Judge:
    """D1c for changes of labels.

    Attributes:
        summed: lengths within which refits are looked for from sums.

    Args:
        head: the head.
        start: `(1, m)` weights near the refit of the unchanged data.
    """

    summed = SUMMED

    def __init__(self, head: Head, start: Array) -> None:
        self.head = head
        self._gradients = Table(head)
        g = head.loss.guess_slopes(head.phi @ start.T, head.Y)
        self.averages = Averages(head, head.loss.curvatures(g[:, None, :], 0.0)[:, 0])
        self._coarse = COARSE * head.n * np.sqrt(head.m * head.k)
        self._mu = head.mu()

    def arrays(self) -> dict[str, Any]:
        """What a checker needs of it."""
        return {"shares": self.averages.shares}

    def keeps(self, choices: Choices, V: Array, points: Whole, reaches: tuple[float, ...] = CORRECTED) -> Mask:
        """`(B,)` after which changes all the points are proved to keep today's label.

        Args:
            choices: B changes of labels.
            V: `(B, 1, m)` weights.
            points: the points.
            reaches: lengths within which refits are looked for.
        """
        done, turned = np.zeros(len(V), dtype=bool), np.ascontiguousarray(V[:, 0].T)
        at = self._gradients.at(turned, choices)
        if at is None:
            return done
        for reach in reaches:
            open_ = np.flatnonzero(~done)
            if not len(open_):
                break
            held = self.averages.hold(at.curvature, reach, self._mu)
            if held is not None:
                done[open_] = self._within(held, at, open_, turned[:, open_], points)
        return done

    def _within(self, held: Held, at: Batch, some: Whole, V: Array, points: Whole) -> Mask:
        """The refit lies in the ball of half the pull's length about the weights less half the pull."""
        head, g = self.head, at.gradient[:, some]
        rough = held.rough * float(np.abs(at.gradient).max()) * np.sqrt(head.m)
        error = (at.error + self._coarse) * held.per_error + rough * SPARE
        length = held.lengths(g) * SPARE
        near = (length / 2 + error) * RAISE
        x, norms = head.points[points], head.points_norm[points]
        far = (held.lengths(np.ascontiguousarray(x.T)) + held.rough * (norms + 1)) * SPARE
        middle = V - held.inverse @ g / 2
        longest = float(np.sqrt(np.einsum("mb,mb->b", middle, middle).max(initial=0.0)) * RAISE)
        rounding = (4 * fp.dot_unit(head.m) * longest + 8 * U) * norms + 8 * U * abs(head.threshold)
        sign = np.where(head.today[points] == 1, 1.0, -1.0)
        margins = (x * sign[:, None]) @ middle - (head.threshold * sign + rounding)[:, None]
        return np.asarray((margins > far[:, None] * near).all(axis=0) & (length + error < held.reach / SPARE))
