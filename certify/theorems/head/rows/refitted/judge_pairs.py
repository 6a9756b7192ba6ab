"""Whether proposed weights of a softmax head prove that predictions stay after changed labels (D1f), block by block."""

from __future__ import annotations

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.change import Choices
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.paired import CUT, PairForm, Pairs, Pulls
from certify.theorems.head.rows.method import Mask
from certify.theorems.head.rows.refitted.judge import CORRECTED, SPARE, Judge


class PairJudge:
    """D1f for changes of labels.

    Attributes:
        summed: lengths within which refits are looked for from sums.

    Args:
        head: a softmax head.
    """

    summed = CORRECTED

    def __init__(self, head: Head) -> None:
        self.head, self._pairs = head, Pairs(head)

    def arrays(self) -> dict[str, Array]:
        """What a checker needs of it: nothing."""
        return {}

    def keeps(self, choices: Choices, V: Array, points: Whole, reaches: tuple[float, ...] = CORRECTED) -> Mask:
        """`(B,)` after which changes all the points are proved to keep today's label.

        Args:
            choices: B changes of labels.
            V: `(B, k, m)` weights.
            points: the points.
            reaches: lengths within which refits are looked for.
        """
        done = np.zeros(len(V), dtype=bool)
        with np.errstate(all="ignore"):
            at = self._pairs.at(V, choices)
        if at is None:
            return done
        for reach in reaches:
            open_ = np.flatnonzero(~done)
            if not len(open_):
                break
            form = self._pairs.hold(at.products, reach)
            if form is not None:
                done[open_] = self._within(form, at, open_, V[open_], points)
        return done

    def _within(self, form: PairForm, at: Pulls, some: Whole, V: Array, points: Whole) -> Mask:
        """The refit lies in the ball of half the pull's length about the weights less half the pull."""
        head, g = self.head, at.gradient[:, some]
        k, m = head.k, head.m
        length = form.lengths(g, at.error) * SPARE
        y = form.root @ g
        middle = V.transpose(1, 2, 0).reshape(k * m, -1) - form.root.T @ y / 2
        long = np.sqrt(np.einsum("xb,xb->b", middle, middle)) + np.sqrt(np.einsum("xb,xb->b", g, g)) * form.size**2
        F = (head.points[points] @ middle.reshape(k, m, -1).transpose(1, 0, 2).reshape(m, -1)).reshape(
            len(points), k, -1)
        near, good = (length / 2 + form.size * at.error) * RAISE, at.near[some] & (length < form.reach / SPARE)
        farthest = float(long.max(initial=0.0))
        rounding = (4 * fp.dot_unit(k * m) + 8 * U) * farthest * head.points_norm[points] * RAISE
        rounding += CUT * np.sqrt(m) * (farthest + 1 + head.points_norm[points])  # a checker's
        own = head.today[points]
        for b in range(k):
            other = np.flatnonzero(own != b)
            if len(other):
                x = np.zeros((k * m, len(other)))
                for a in range(k):
                    x[a * m : (a + 1) * m] = head.points[points[other]].T * (own[other] == a)
                x[b * m : (b + 1) * m] = -head.points[points[other]].T
                far = form.lengths(x, 2 * np.sqrt(m) * CUT) * SPARE
                gap = F[other, own[other]] - F[other, b] - 2 * rounding[other, None]
                good &= (gap > far[:, None] * near).all(axis=0)
        return np.asarray(good)


def judge_of(head: Head, start: Array) -> Judge | PairJudge:
    """What judges the changes of a head's labels.

    Args:
        head: the head.
        start: `(k, m)` weights near the refit of the unchanged data.
    """
    return PairJudge(head) if head.loss.shifted else Judge(head, start)
