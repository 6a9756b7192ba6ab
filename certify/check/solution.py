"""V7 and V19 where the solution is more than weights in the file that fit: the evidence there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from certify.check.reading.arrays import Array
from certify.check.reading.certificate import Base, Claim, Witness, array_names
from certify.check.reading.subject import Problem
from certify.check.systems.point import Ladder
from certify.format.canonical import show
from certify.format.refusal import Invalid


def solution(
    base: Base, claims: Sequence[Claim[Witness]], problem: Problem,
    side: Callable[[], Mapping[str, Array]], tell: Callable[[str], None], leave: Callable[[], None] = lambda: None,
) -> tuple[Ladder, bool, Mapping[str, Array]]:
    """The problem at every precision, at the weights of the solution; whether one is proved; and those arrays.

    Args:
        base, claims: of the certificate.
        problem: the problem.
        side: reads the arrays of the side file.
        tell, leave: called with a line of progress, and before probes of one pass are left for a longer way.

    Raises:
        Invalid: `base` cannot be re-derived, or no solution is where it says.
    """
    ladder, critical = Ladder(problem, tell, tilt=base.tilt), ""
    if problem.solutions.stationary:
        from certify.check.systems.critical_base import case_of, check_critical_base

        critical = case_of(claims, problem)
        check_critical_base(base, ladder, critical)
    elif problem.solutions.below:
        found = (base.residual, base.distance, base.radius, base.shift_worst, base.shift_worst_row)
        if found != (0, 0, None, None, None):
            raise Invalid("base", show(found), "the sublevel map has residual 0, distance 0 and nulls")
    else:
        from certify.check.systems.near.residual import check_nearby

        check_nearby(base, ladder)
    solved = base.distance is not None and (not critical or problem.nearby or base.tilt is not None)
    arrays = side()
    if critical == "convex" and base.distance is not None and not problem.bias_decay:
        from certify.check.reading.side import array_start
        from certify.check.theorems.head.rows.base import check_free

        names = [min(array_names(claim.witness, array_start), default=None) for claim in claims]
        check_free(base.distance, ladder, names, arrays)
    if critical == "convex":
        tell(f"the one solution lies within {base.distance!r}" if solved else "no solution is stated")
    elif problem.nearby and base.distance is not None:
        from certify.check.systems.nearby import interpolating, solve

        if critical and critical != "M5a":
            from certify.check.systems.critical_nearby import finder, rungs

            centre, known = solve(problem, base, arrays, finder(problem, claims, leave, arrays))
            ladder = Ladder(problem, tell, centre, known, rungs=rungs(known))
        else:
            ladder = Ladder(problem, tell, solve(problem, base, arrays, interpolating)[0])
        tell("an exact solution lies within the stated distance")
    return ladder, solved, arrays
