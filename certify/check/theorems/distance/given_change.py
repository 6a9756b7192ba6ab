"""The distance to the nearest exact fit after one given change: both ends (F1 and Q7; V29, V30)."""

from __future__ import annotations

from functools import partial, reduce

from flint import arb, ctx

from certify.check.enclosure.network import forward
from certify.check.enclosure.norms import layer_squares
from certify.check.kernel import DIGITS, Finding, expect
from certify.check.linalg.balls import ZERO, root
from certify.check.linalg.definite import Truth
from certify.check.lipschitz.over_ball import passes, steepness
from certify.check.reading.certificate import Claim, Number
from certify.check.reading.side import CENTRE, array_names
from certify.check.reading.subject import Problem
from certify.check.rule import Rule, Side, always, distance
from certify.check.systems.equations import changed
from certify.check.systems.interpolation import hypotheses
from certify.check.systems.nearby import PRECISION, layer_gaps, reached
from certify.check.systems.point import Ladder, Point
from certify.check.theorems.distance.form import Found, check_form
from certify.format.canonical import show
from certify.format.refusal import Invalid

PARTS = 4
"""Parts of the way to the lower end, each with a Lipschitz constant of its own."""


def check_ends(claim: Claim[Found], ladder: Ladder, side: Side) -> None:
    """Both ends, each by its rule.

    Raises:
        Invalid: one cannot be re-derived.
    """
    if claim.upper is not None:
        check_upper(f"{claim.where}.upper", claim.upper, claim.witness.array, ladder.problem, side)
    if claim.lower and claim.witness.z is not None:
        expect(f"{claim.where}.lower", claim.lower, partial(lower, least=claim.lower, z=claim.witness.z), ladder)


def lower(point: Point, least: float, z: tuple[float, ...]) -> Finding:
    """V29: `|⟨z, G(u, w̄)⟩| ≥ (least/m)·ΣΛ(k·least/m)` and `> 0`; `⟨z, G(u, ·)⟩` is `Λ(s)`-Lipschitz on `B(w̄, s)`.

    Where the pairing is 0 the inequality says nothing: z = 0 satisfies it for every radius.
    """
    problem = point.problem
    system, vector = changed(problem), [arb(v) for v in z]
    found = forward(problem, point.parameters, system.points).outputs.entries()
    gap = abs(sum((v * (f - t) for v, f, t in zip(vector, found, system.targets, strict=True)), ZERO))
    at = passes(problem, system.points, vector)
    slope = sum((steepness(problem, at, arb(least) * k / PARTS) for k in range(PARTS, 0, -1)), ZERO) / PARTS
    reach = gap / slope if slope > 0 else ZERO
    proved = bool(gap > 0) and bool(gap >= arb(least) * slope)
    return Finding(Truth.PROVED if proved else Truth.UNDECIDED,
                   f"the witness proves {reach.lower().str(DIGITS, radius=False)} within that radius")


def check_upper(
    where: str, most: Number, array: str | None, problem: Problem, side: Side,
) -> None:
    """V30: an exact solution of the moved system, proved near the centre, is that close to the given weights.

    Args:
        where: the member that states it.
        most: the stated distance.
        array: the name of the centre's arrays, as the witness has it.
        problem: the problem, one given change.
        side: the arrays of the side file.

    Raises:
        Invalid: it cannot be re-derived.
    """
    if array != CENTRE:
        raise Invalid(f"{where}, witness.array", f"{show(array)} is stated", f"{show(CENTRE)} is needed")
    arrays = {name: side[f"{CENTRE}.{name}"] for name in array_names(problem)}
    with ctx.workprec(PRECISION):
        centre = reached(problem, changed(problem), arrays, where, most)
        scale = layer_squares(problem)
        gaps = layer_gaps(problem, centre.middle)
        far = root(sum((gaps[h] / scale[h] for h in scale), ZERO))
        far = far + centre.radius / reduce(arb.min, scale.values()).lower().sqrt()
        if not far <= arb(most):
            raise Invalid(where, f"{most!r} is stated",
                          f"the solution is proved within {far.upper().str(DIGITS, radius=False)}")


RULE = Rule(always("Q7"), distance, check_form, check_ends, hypotheses, Found)
