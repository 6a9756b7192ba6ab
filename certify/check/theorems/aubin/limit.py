"""Two rows that can be moved onto one another: no claim of the Aubin property holds as far (V38)."""

from __future__ import annotations

from flint import arb

from certify.check.kernel import DIGITS, Finding, judged
from certify.check.linalg.balls import squares
from certify.check.linalg.definite import Truth
from certify.check.systems.point import Point


def no_further(point: Point, most: float, pair: tuple[int, int]) -> Finding:
    """V38: two rows with different outputs can be moved onto one another within a budget of `most`."""
    problem, (i, j) = point.problem, pair
    free = sum(row in problem.moving for row in pair)
    plain = problem.scale is None and problem.norm == 2 and len(problem.kept) == len(problem.features)
    if i == j or max(pair) >= len(problem.features) or not free or not problem.moves.inputs or not plain:
        return Finding(Truth.UNDECIDED, "two rows are needed, one of which may move, in the data's own unit")
    if not problem.budget.joint:  # each row has the whole budget
        free = min(free, problem.count or 2) ** 2
    outputs = point.forward.outputs.tolist()
    if not any(a != b for a, b in zip(outputs[i], outputs[j], strict=True)):
        return Finding(Truth.UNDECIDED, "their outputs are not proved different")
    apart = squares(arb(x) - arb(y) for x, y in zip(problem.features[i], problem.features[j], strict=True))
    needed = (apart / free).sqrt()
    return judged(needed <= arb(most), False,
                  f"{needed.upper().str(DIGITS, radius=False)} is what it takes to move them onto one another")
