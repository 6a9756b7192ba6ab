"""The member `base` of base `nearby`: the residual at the weights in the file (V7)."""

from __future__ import annotations

from certify.check.linalg.balls import norm
from certify.check.reading.certificate import Base
from certify.check.systems.base import expect_near, reach_of, shifts
from certify.check.systems.point import Ladder
from certify.format.canonical import show
from certify.format.refusal import Invalid


def check_nearby(base: Base, ladder: Ladder) -> None:
    """Base `nearby`: the residual at the given weights; distance and radius are judged with the solution (V19)."""
    if (base.shift_worst, base.shift_worst_row) != (None, None):
        raise Invalid("base.shift_worst", show(base.shift_worst), "with base nearby no target is shifted")
    if (base.distance is None) != (base.radius is None):
        raise Invalid("base.radius", show(base.radius), f"the distance is {show(base.distance)}")
    if base.residual is None:
        raise Invalid("base.residual", "null", "the data has targets, so it is a number")
    expect_near(ladder, "base.residual", base.residual, reach_of(ladder.problem),
            lambda e: (norm(shifts(e)),) * 2)
