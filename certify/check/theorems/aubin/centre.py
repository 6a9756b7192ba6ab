"""The condition of Q1 for a right inverse of this checker's own, from what is known at the data (proofs/aubin.md)."""

from __future__ import annotations

from flint import arb, arb_mat, ctx

from certify.check.enclosure.tangents import Point
from certify.check.linalg.balls import ZERO, largest, squares
from certify.check.lipschitz.along_paths import PRECISION, Lines, corners
from certify.check.lipschitz.of_reduced_jacobian import SQUARINGS, bending, root_of, weighted
from certify.check.reading.subject import Problem
from certify.check.theorems.aubin.switching_units import Gates

PIECES = 8
"""Of a segment, over which the second-order remainder is averaged."""


class Centre:
    """What is known at the data and the given weights, radii apart.

    Args:
        problem: the problem, for which Q1 is built.
        point: the passes.
        X: exact, with `‖XJJᵀXᵀ − I‖ ≤ defect < 1`; Q is the real matrix XJ, so that `‖XJQᵀ − I‖ ≤ defect` too.
        defect: an upper bound.
        moved: `G_uG_uᵀ`.
    """

    def __init__(self, problem: Problem, point: Point, X: arb_mat, defect: arb, moved: arb_mat) -> None:
        self.problem, self.point, self.X, self.defect = problem, point, X, defect
        self.size = (1 + defect).sqrt().upper()
        self.start = root_of(X * moved * X.transpose(), SQUARINGS)
        self.slopes = bending(problem, point, X)
        self.lines = Lines(problem, point)
        self.gates = Gates(problem, point, X, self.slopes.pushed) if problem.kinked else None
        with ctx.workprec(PRECISION):
            self.sizes = arb_mat([[abs(x) for x in row] for row in X.tolist()])

    def alpha(self, u: arb, w: arb) -> arb:
        """Upper bound of `‖Q‖·‖XG_u‖` over `|u| ≤ r_u`, `|w − w̄| ≤ r_w`."""
        if not self.problem.moves.inputs:
            return self.size * self.start
        with ctx.workprec(PRECISION):
            boxes, gamma = corners(self.point.depth, w), []
            for r, (curved, mixed) in enumerate(zip(self.slopes.curved, self.slopes.mixed, strict=True)):
                rest = ZERO if self._still(r) else largest([self.lines.second(r, box, u)[1] for box in boxes])
                if self.gates is not None and not self._still(r):
                    rest += 2 * self.gates.steeper(r, u, w)
                gamma.append((u * curved + w * mixed + rest / 2).upper())  # of a row that stays 0
        return self.size * (self.start + weighted(self.X, gamma, self.problem.outputs))

    def mean(self, u: arb, w: arb, kappa: arb) -> arb:
        """Upper bound of the mean of `‖I − XJQᵀ‖` on every segment of the proof."""
        step, rests, turned = 2 * kappa * u, ZERO, ZERO
        moves = [ZERO if self._still(r) else u for r in range(self.point.rows)]
        with ctx.workprec(PRECISION):
            for piece in range(1, PIECES + 1):
                boxes = corners(self.point.depth, w + step * piece / PIECES)
                lengths = [[self.lines.second(r, box, t)[0] for box in boxes] for r, t in enumerate(moves)]
                applied = (self.sizes * arb_mat(lengths)).transpose().tolist()
                rests += largest([squares(column).sqrt().upper() for column in applied])
        if self.gates is not None:
            for piece in range(1, PIECES + 1):
                turned += self.gates.turned(moves, w + step * piece / PIECES, self.size)
        slopes = self.slopes
        first = self.defect + slopes.weights * w + slopes.data * u + slopes.inside * step / self.size / 2
        return first + self.size * rests / (2 * PIECES) + turned / PIECES

    def _still(self, row: int) -> bool:
        """Whether the point of a row stays."""
        return not self.problem.moves.inputs or (
            self.problem.kept[row // self.problem.outputs] not in self.problem.moving)
