"""How near the one solution is to the weights in the file where the intercept carries no decay (H1)."""

from __future__ import annotations

from flint import ctx

from certify.check.reading.certificate import Number
from certify.check.systems.point import Ladder, Point
from certify.check.theorems.head.rows.head import BITS, given_weights, head_of
from certify.check.theorems.head.rows.refit import distance
from certify.format.refusal import Invalid

IDLE = 4
"""A stated distance may be this many times what is found here, no more."""


def check_base(stated: Number, ladder: Ladder) -> None:
    """The refit of the data as they are lies within the stated distance, which is not idle.

    Raises:
        Invalid: it is not proved, or says far less than could be said.
    """
    with ctx.workprec(BITS):
        head, flat = head_of(Point(ladder.problem, BITS)), [x for row in given_weights(ladder.problem) for x in row]
        found = distance(head, (), flat, head.outputs(flat))
        if not found <= stated:
            raise Invalid("base.distance", f"{stated!r} is stated", f"{found.str(5, radius=False)} is proved")
        if not stated <= IDLE * found + 2.0**-60 * head.scale:
            raise Invalid("base.distance", f"{stated!r} is stated", f"{found.str(5, radius=False)} is enough")
