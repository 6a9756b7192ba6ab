"""The member `base`: how far the network's own outputs lie from the targets in the file (V7)."""

from __future__ import annotations

import math
from collections.abc import Callable

from flint import arb

from certify.check.kernel import DIGITS, Finding, decide, judged
from certify.check.linalg.balls import largest, norm
from certify.check.linalg.definite import Truth
from certify.check.reading.certificate import Base, Number
from certify.check.reading.subject import Problem
from certify.check.systems.point import Ladder, Point
from certify.format.canonical import show
from certify.format.refusal import Invalid

SLACK = 2.0**-30
"""A stated shift may exceed the true one by this much of the size numbers can reach in the network, no more."""


def check_base(base: Base, ladder: Ladder) -> None:
    """Re-derive the numbers of `base` where weights fit: upper bounds of the shift that are not idle."""
    problem = ladder.problem
    if base.distance != 0 or base.radius is not None:
        raise Invalid("base.distance, .radius", show([base.distance, base.radius]),
                      "with base given the solution is at distance 0, and radius is null")
    stated = (base.residual, base.shift_worst, base.shift_worst_row)
    if problem.targets is None:
        if stated != (None, None, None):
            raise Invalid("base", show(stated), "without real targets residual and shifts are null")
        return
    row = base.shift_worst_row
    if base.residual is None or base.shift_worst is None or row is None:
        raise Invalid("base", show(stated), "the data has targets, so residual and shifts are numbers")
    if row not in problem.kept:
        raise Invalid("base.shift_worst_row", show(row), "it is not a row of the problem")
    at = problem.kept.index(row)
    reach = reach_of(problem)
    expect_near(ladder, "base.residual", base.residual, reach, lambda e: (norm(e.of(shifts)),) * 2)
    expect_near(ladder, "base.shift_worst", base.shift_worst, reach, lambda e: (largest(d := e.of(shifts)), d[at]))


def expect_near(
    ladder: Ladder, where: str, stated: Number, reach: float, value: Callable[[Point], tuple[arb, arb]],
) -> None:
    """Prove `value[0] ≤ stated ≤ value[1] + SLACK·reach`."""

    def rule(point: Point) -> Finding:
        least, most = value(point)
        most = most + arb(reach) * SLACK
        proved = least <= stated and stated <= most
        wrong = least > stated or stated > most
        return judged(proved, wrong, f"the recomputed value is {least.str(DIGITS, radius=False)}")

    finding = decide(rule, ladder)
    if finding.truth is not Truth.PROVED:
        raise Invalid(where, f"{stated!r} is stated", finding.found)


def shifts(point: Point) -> list[arb]:
    """`|f(x_i, w̄) − y_i|` for every kept row."""
    problem, outputs = point.problem, point.forward.outputs.tolist()
    assert problem.targets is not None
    return [norm([f - arb(y) for f, y in zip(outputs[at], problem.targets[row], strict=True)])
            for at, row in enumerate(problem.kept)]


def reach_of(problem: Problem) -> float:
    """A size no number in the forward pass exceeds by much; decides only how loose a true bound may be."""
    assert problem.targets is not None
    size = max(math.hypot(*problem.features[i]) for i in problem.kept)
    for layer in problem.layers:
        size = math.hypot(*layer.weights) * size + math.hypot(*(layer.biases or (0.0,)))
    targets = max(math.hypot(*problem.targets[i]) for i in problem.kept)
    reach = math.sqrt(len(problem.kept)) * (size + targets)
    return reach if reach < 1e300 else 1e300
