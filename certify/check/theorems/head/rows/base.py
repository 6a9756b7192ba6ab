"""How near the one solution is to the weights in the file where the intercept carries no decay (D1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flint import arb, ctx

from certify.check.linalg.balls import ZERO, norm
from certify.check.reading.arrays import Array
from certify.check.reading.certificate import Number
from certify.check.systems.point import Ladder
from certify.check.theorems.head.rows.head import BITS, Head, given_weights, head_at
from certify.check.theorems.head.rows.refitted.refit import distance, distance_in_doubles
from certify.format.refusal import Invalid

IDLE = 4
"""A stated distance may be this many times what is found here, no more."""
ROUNDING = 2.0**-30
"""And by this much of what numbers can reach more: double precision finds no gradient smaller than its rounding."""


def check_free(stated: Number, ladder: Ladder, names: Sequence[str | None], side: Mapping[str, Array]) -> None:
    """The refit V of the data as they are: `|V̄ − V| ≤ |V̄ − V̂| + r`, V̂ the centre of the side file (D1).

    Where no claim names arrays, as nothing is stated of any, V̂ is V̄.

    Args:
        stated: the distance.
        ladder: the problem.
        names: of the arrays of every claim.
        side: the arrays.

    Raises:
        Invalid: there is no centre where one is needed, or it does not prove the distance, or a far smaller one.
    """
    with ctx.workprec(BITS):
        head = head_at(ladder)
        given = [x for row in given_weights(ladder.problem) for x in row]
        flat = given
        if named := [name for name in names if name is not None]:
            centre = side.get(f"{named[0]}.centre")
            if centre is None or centre.shape != (len(given),):
                raise Invalid("base.distance", f"{stated!r} is stated",
                              f"a centre of {len(given)} weights is needed in the side file, as the intercept is free")
            flat = list(centre.values)
        away = norm([arb(a) - b for a, b in zip(given, flat, strict=True)])
        found = (away + distance(head, (), flat, head.outputs(flat))).upper()
        if not found <= stated:
            raise Invalid("base.distance", f"{stated!r} is stated", f"{found.str(5, radius=False)} is proved")
        enough = found.max((away + _in_doubles(head, flat)).upper())
        if not stated <= IDLE * enough + ROUNDING * head.scale and enough.is_finite():
            raise Invalid("base.distance", f"{stated!r} is stated", f"{enough.str(5, radius=False)} is enough")


def _in_doubles(head: Head, flat: list[float]) -> arb:
    """How near doubles find the refit where these count no intercept from a middle; 0 where they may do so."""
    if head.weights is None and (head.loss.sigmoid or head.loss.shifted or head.loss.quadratic):
        return ZERO
    return distance_in_doubles(head, flat)
