"""What is said of a critical problem's hypotheses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from certify.network.layers.passes import Forward
from certify.problem.bound import Hypothesis
from certify.rigor import fp

if TYPE_CHECKING:
    from certify.problem.problem import Problem
    from certify.systems.critical.settled import Settled


def critical_hypotheses(problem: Problem, settled: Settled) -> tuple[Hypothesis, ...]:
    """The hypotheses of M5b, M5c or M5d with their verified values."""
    point = settled.point
    assert point is not None
    found = [smoothness(problem, point.passed)]
    if settled.solution is not None:
        found.append(Hypothesis(
            "solution", "an exact critical point was proved; its distance from the weights in the file is at most",
            settled.solution.distance, True))
    if settled.shift is not None:
        found.append(tilt_hypothesis(settled.shift.kind, settled.shift.norm))
    if point.dimension:
        kinds = ", ".join(f"{count} {name}" for name, count in point.fields.counts.items())
        statement = f"the loss has symmetries of these kinds ({kinds}); number of independent fields"
        found.append(Hypothesis("symmetry", statement, point.dimension, True))
    if point.inverse is not None:
        what = "the Hessian completed by the symmetry fields" if point.dimension else "the Hessian"
        what += problem.measure.by_layer
        share = float(point.A.radius) / point.inverse.sigma
        within = f"enclosed within {float(point.A.radius):.1e}, {share:.1e} of this value"
        found.append(Hypothesis("rank", f"{what} is nonsingular ({within}): its smallest singular value is at least",
                                point.inverse.sigma, True))
    return tuple(found)


def tilt_hypothesis(kind: str, norm: float) -> Hypothesis:
    """The tilt that makes the given weights critical, with its length."""
    words = {"output": "the loss, tilted through the outputs, is critical at the given weights; length of the shift",
             "weights": "the loss, tilted in weight space, is critical at the given weights; length of the tilt"}
    return Hypothesis("tilt", f"{words[kind]} at most", norm, True)


def smoothness(problem: Problem, passed: Forward) -> Hypothesis:
    """Twice continuous differentiability near the data: every pre-activation away from kinks and bends."""
    net = problem.network
    name = getattr(net, "activation", "")
    if name not in ("relu", "leaky_relu", "elu") or not passed.pre:
        kind = name if len(net.widths) > 2 else "no activation"
        return Hypothesis("smooth", f"the network is twice continuously differentiable everywhere ({kind})", None, True)
    least = min(float((np.abs(z.mid.hi) - z.rad[:, None]).min()) for z in passed.pre)
    low = max(float(fp.row_norms(z.mid.lo).max()) if z.mid.lo is not None else 0.0 for z in passed.pre)
    value = max((least - low) * (1.0 - 2.0**-40), 0.0)
    statement = "no pre-activation lies where the activation is not twice differentiable: smallest distance from 0"
    return Hypothesis("smooth", statement, value, value > 0)
