"""The distance to the nearest critical point after one given change: both ends (F1 and Q7; V43 to V45)."""

from __future__ import annotations

from functools import partial

from flint import arb, ctx

from certify.check.enclosure.network import Parameters, forward
from certify.check.enclosure.objective import objective
from certify.check.enclosure.units import by_units, gradient
from certify.check.judgements import Within
from certify.check.kernel import DIGITS, NotSmooth, expect
from certify.check.linalg.balls import ZERO, root
from certify.check.lipschitz.second_over_ball import product_bound
from certify.check.reading.certificate import Claim
from certify.check.reading.side import CENTRE, array_names
from certify.check.reading.subject import Problem
from certify.check.rule import Rule, Side, always, distance
from certify.check.systems.critical_cases import HYPOTHESES
from certify.check.systems.critical_nearby import critical_point
from certify.check.systems.nearby import PRECISION, Centre, stated_centre
from certify.check.systems.point import Ladder, Point
from certify.check.theorems.distance.changed_loss import changed_problem
from certify.check.theorems.distance.form import Found, check_form
from certify.format.canonical import show
from certify.format.refusal import Invalid

STEPS = 8
"""Parts of the way to the lower end, each with its own bound of the slope."""


def check_ends(claim: Claim[Found], ladder: Ladder, side: Side) -> None:
    """Both ends, each by its rule.

    Raises:
        Invalid: one cannot be re-derived.
    """
    if ladder.problem.row_weights is not None:
        raise Invalid(f"{claim.where}.theorem", f"{claim.theorem} is stated", "rows carry weights, and only D1 is "
                      "proved with these")
    if claim.upper is not None:
        _check_upper(claim, ladder, side)
    if claim.lower and claim.witness.z is not None:
        expect(f"{claim.where}.lower", claim.lower, partial(lower, least=claim.lower, z=claim.witness.z), ladder)


def lower(point: Point, least: float, z: tuple[float, ...]) -> Within:
    """V44: `|⟨z, ∇L(u, w*)⟩| > (least/m)Σ_k Λ(k·least/m)`, Λ(s) a bound of `|∇²L(u, w)z|` within s of w*."""
    centre, problem = point.centre, changed_problem(point.problem)
    assert isinstance(centre, Centre)
    vector, ball = by_units(problem, [arb(v) for v in z]), centre.ball(problem)
    passed = forward(problem, ball, problem.points)
    slopes = gradient(problem, ball, passed, objective(problem, passed.outputs).plain)
    gap = abs(sum((v * g for v, g in zip(vector, slopes, strict=True)), ZERO))
    total = ZERO
    for k in range(1, STEPS + 1):
        within = (arb(least) * k / STEPS + centre.radius).upper()
        total += product_bound(problem, centre.middle, vector, within) * arb(least) / STEPS
    return Within(total, gap,
                  f"along the witness the gradient is {gap.lower().str(DIGITS, radius=False)} there and may change by "
                   f"{total.upper().str(DIGITS, radius=False)} within that radius")


def _check_upper(claim: Claim[Found], ladder: Ladder, side: Side) -> None:
    """V45: a critical point of the changed loss, proved near its centre, is that close to today's."""
    where, problem, today = f"{claim.where}.upper", ladder.problem, ladder.centre
    assert claim.upper is not None and isinstance(today, Centre)
    if claim.witness.array != CENTRE:
        raise Invalid(f"{claim.where}.witness.array", f"{show(claim.witness.array)} is stated",
                      f"{show(CENTRE)} is needed")
    arrays = {name: side[f"{CENTRE}.{name}"] for name in array_names(problem)}
    with ctx.workprec(PRECISION):
        changed = changed_problem(problem)
        try:
            found = critical_point(changed, stated_centre(problem, arrays))[0]
        except NotSmooth as kink:
            raise Invalid(where, f"{claim.upper!r} is stated",
                          f"{kink.where} is not proved away from a kink") from None
        far = _apart(problem, today, found)
        if not far <= arb(claim.upper):
            raise Invalid(where, f"{claim.upper!r} is stated",
                          f"a critical point is proved within {far.upper().str(DIGITS, radius=False)}")


def _apart(problem: Problem, one: Centre, other: Centre) -> arb:
    """Upper bound of the distance of the points in two balls."""
    total = ZERO
    for h in problem.free:
        both = zip(_layer(one.middle, h), _layer(other.middle, h), strict=True)
        total += sum(((u - v) * (u - v) for u, v in both), ZERO)  # a power of a ball around 0 is no number
    return root(total) + one.radius + other.radius


def _layer(parameters: Parameters, h: int) -> list[arb]:
    return [*parameters.weights[h - 1].entries(), *(parameters.biases[h - 1] or ())]


RULE = Rule(always("Q7"), distance, check_form, check_ends, lambda claim, problem: HYPOTHESES, Found)
