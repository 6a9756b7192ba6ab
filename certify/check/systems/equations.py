"""The equations of an interpolation system, before and after one change of the data."""

from __future__ import annotations

from dataclasses import dataclass

from flint import arb

from certify.check.enclosure.network import forward, given
from certify.check.linalg.balls import ZERO
from certify.check.reading.subject import Problem


@dataclass(frozen=True)
class System:
    """`f(x_i, w) = t_i` for every kept row.

    Attributes:
        points: the x_i.
        targets: the t_i, row-major.
    """

    points: list[tuple[arb, ...]]
    targets: list[arb]


def unmoved(problem: Problem) -> System:
    """The features and the targets in the file."""
    assert problem.targets is not None
    points = [tuple(map(arb, problem.features[i])) for i in problem.kept]
    return System(points, [arb(v) for i in problem.kept for v in problem.targets[i]])


def changed(problem: Problem) -> System:
    """The system after the one change, base given: `f(x_i + u_i, w) = f(x_i, w̄)`, or `f(x_i, w) = f(x_i, w̄) + u_i`."""
    assert problem.change is not None
    own = [tuple(map(arb, problem.features[i])) for i in problem.kept]
    targets = forward(problem, given(problem), own).outputs.entries()
    steps = [tuple(map(arb, problem.change.get(i, ()))) for i in problem.kept]
    if problem.moves.inputs:
        points = [tuple(x + v for x, v in zip(x, u, strict=True)) if u else x for x, u in zip(own, steps, strict=True)]
        return System(points, targets)
    flat = [v for u in steps for v in (u or (ZERO,) * problem.outputs)]
    return System(own, [t + v for t, v in zip(targets, flat, strict=True)])
