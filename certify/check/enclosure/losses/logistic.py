"""The logistic loss `ln(1 + e^{−sf})` of one output, s = ±1 the label."""

from __future__ import annotations

from collections.abc import Sequence

from flint import arb, arb_mat

from certify.check.enclosure.activations.logistic import sigmoid, softplus
from certify.check.enclosure.losses.base import Loss, Losses, Matrix, near
from certify.check.linalg.balls import ONE, norm
from certify.check.reading.subject import Problem


class Logistic(Loss):
    """Slope `−s·sigmoid(−sf)`, curvature `sech²(f/2)/4`."""

    def of(self, problem: Problem, rows: Matrix, at: slice) -> Losses:
        """Softplus and sigmoid of the margins; 1/4."""
        assert problem.labels is not None
        signs = [1 if label > 0 else -1 for label in problem.labels[at]]
        margins = [s * row[0] for s, row in zip(signs, rows, strict=True)]
        slopes = [[-s * sigmoid(-m)] for s, m in zip(signs, margins, strict=True)]
        return Losses([softplus(-m) for m in margins], arb_mat(slopes), [ONE / 4] * len(rows))

    def curvature(self, problem: Problem, i: int, f: list[arb]) -> Matrix:
        """`sech²(f/2)/4`."""
        return [[(f[0] / 2).sech() ** 2 / 4]]

    def bent(self, problem: Problem, i: int, c: list[arb]) -> tuple[arb, Matrix]:
        """1 and `s(1 − s)`."""
        return ONE, [[abs(x) * (1 - abs(x)) for x in c]]

    def spread(self, problem: Problem, i: int, c: list[arb], r: arb) -> tuple[arb, arb]:
        """The slope is 1/4-Lipschitz, and e^r times as large at most."""
        loose = near(ONE / 4, ONE, norm(c), r)
        return loose, (1 + loose) * loose

    def relabelled(self, problem: Problem, row: int, old: float, u: Sequence[float]) -> float:
        """`old + u`."""
        return old + u[0] if u else old


LOSS = Logistic()
