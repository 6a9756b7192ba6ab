"""The squared loss `|f − y|²/2`."""

from __future__ import annotations

from collections.abc import Sequence

from flint import arb, arb_mat

from certify.check.enclosure.losses.base import Loss, Losses, Matrix
from certify.check.linalg.balls import ONE, ZERO, squares
from certify.check.reading.subject import Problem
from certify.format.refusal import Invalid


class Squared(Loss):
    """The slope `f − y` moves with the outputs; the curvature is I."""

    quadratic = True

    def of(self, problem: Problem, rows: Matrix, at: slice) -> Losses:
        """`|f − y|²/2`, `f − y`, 1."""
        assert problem.targets is not None
        c = [[f - arb(y) for f, y in zip(row, target, strict=True)]
             for row, target in zip(rows, problem.targets[at], strict=True)]
        return Losses([squares(row) / 2 for row in c], arb_mat(c), [ONE] * len(c))

    def curvature(self, problem: Problem, i: int, f: list[arb]) -> Matrix:
        """The unit matrix."""
        return [[ONE if a == b else ZERO for b in range(len(f))] for a in range(len(f))]

    def bent(self, problem: Problem, i: int, c: list[arb]) -> tuple[arb, Matrix]:
        """1 and the unit matrix."""
        return ONE, self.curvature(problem, i, c)

    def spread(self, problem: Problem, i: int, c: list[arb], r: arb) -> tuple[arb, arb]:
        """r and 0."""
        return r, ZERO

    def relabelled(self, problem: Problem, row: int, old: float, u: Sequence[float]) -> float:
        """It has real targets and no labels."""
        raise Invalid("change file", "labels change", "the squared loss has none")


LOSS = Squared()
