"""Whether a tilt in weight space is a choice of the certificate: where the loss can be tilted through its outputs."""

from __future__ import annotations

from flint import ctx

from certify.check.kernel import NotSmooth, Unproved
from certify.check.reading.subject import Problem
from certify.check.systems.critical import stationary
from certify.check.systems.near.full_rank import require_rank
from certify.check.systems.point import Ladder
from certify.format.refusal import Invalid


def through_outputs(problem: Problem) -> bool:
    """Whether a tilt through the outputs makes the given weights critical, by the rules of M5a and of the shortest c.

    False says no more than that it was not proved at the lowest precision.
    """
    ladder = Ladder(problem, tilt="output")
    point = next(iter(ladder))
    with ctx.workprec(point.precision):
        try:
            return point.of(stationary).tilt is not None
        except (Unproved, NotSmooth):
            pass
    if problem.weight_decay or not problem.block:
        return False
    try:
        require_rank("base.tilt", ladder)
    except Invalid:
        return False
    return True
