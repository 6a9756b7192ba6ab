"""Losses that are known of heads whose rows change as a whole (D1): their slopes, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from flint import arb, arb_mat

from certify.check.enclosure.losses.base import Loss, Losses, Matrix
from certify.check.reading.subject import Problem
from certify.format.refusal import Invalid

UNKNOWN, ANY = arb("nan"), arb("inf")
"""What no theorem may use proves nothing."""


class OfHeads(Loss):
    """Slopes row by row, those of the refits."""

    def of(self, problem: Problem, rows: Matrix, at: slice) -> Losses:
        """Slopes; values and Lipschitz constants are not known."""
        from certify.check.theorems.head.rows.codes import codes_of
        from certify.check.theorems.head.rows.losses.base import row_loss

        loss, targets = row_loss(problem.loss), codes_of(problem, False).targets[at]
        slopes = [loss.slope(z, y) for z, y in zip(rows, targets, strict=True)]
        return Losses([UNKNOWN] * len(rows), arb_mat(slopes), [ANY] * len(rows))

    def curvature(self, problem: Problem, i: int, f: list[arb]) -> Matrix:
        """Nothing is known."""
        return [[UNKNOWN] * len(f) for _ in f]

    def bent(self, problem: Problem, i: int, c: list[arb]) -> tuple[arb, Matrix]:
        """Refused."""
        raise self._refusal(problem)

    def spread(self, problem: Problem, i: int, c: list[arb], r: arb) -> tuple[arb, arb]:
        """Refused."""
        raise self._refusal(problem)

    def relabelled(self, problem: Problem, row: int, old: float, u: Sequence[float]) -> float:
        """Refused."""
        raise self._refusal(problem)

    @staticmethod
    def _refusal(problem: Problem) -> Invalid:
        return Invalid("training.loss", f"{problem.loss} is stated", "it is known where rows change whole, alone")


LOSS = OfHeads()
