"""The distance to the nearest critical point after one given change: both ends (F1 and Q7; V43 to V45)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from flint import arb, ctx

from certify.check.enclosure.hessian import by_units, gradient
from certify.check.enclosure.network import NotSmooth, Parameters, forward
from certify.check.enclosure.objective import objective
from certify.check.hypotheses import expect
from certify.check.linalg.balls import ONE, ZERO, root
from certify.check.linalg.definite import Truth
from certify.check.lipschitz.second_over_ball import product_bound
from certify.check.reading.arrays import Array
from certify.check.reading.canonical import show
from certify.check.reading.certificate import Claim
from certify.check.reading.refusal import Invalid
from certify.check.reading.subject import Changed, Problem
from certify.check.systems.critical_nearby import critical_point
from certify.check.systems.evidence import Evidence, Finding, Ladder
from certify.check.systems.nearby import EXACT, PRECISION, Centre, array_names, stated_centre
from certify.check.theorems.distance.given_change import CENTRE, DIGITS

STEPS = 8
"""Parts of the way to the lower end, each with its own bound of the slope."""


def check_ends(claim: Claim, ladder: Ladder, side: Mapping[str, Array]) -> None:
    """Both ends, each by its rule.

    Raises:
        Invalid: one cannot be re-derived.
    """
    if claim.upper is not None:
        _check_upper(claim, ladder, side)
    if claim.lower and claim.z is not None:
        expect(f"{claim.where}.lower", claim.lower, partial(lower, least=claim.lower, z=claim.z), ladder)


def changed_problem(problem: Problem) -> Problem:
    """The problem whose loss is the one after the given change (V43).

    Raises:
        Invalid: class labels do not change to class labels.
    """
    assert problem.change is not None
    steps = [problem.change.get(i, ()) for i in range(len(problem.features))]
    with ctx.workprec(EXACT):
        if problem.parameter == "sample_weights":
            shares = tuple(ONE + arb(u[0]) if u else ONE for u in steps)
            return replace(problem, changed=Changed(shares=shares))
        if problem.parameter == "features":
            points = tuple(tuple(arb(x) + arb(v) for x, v in zip(row, u, strict=True)) if u else tuple(map(arb, row))
                           for row, u in zip(problem.features, steps, strict=True))
            return replace(problem, changed=Changed(points=points))
        if problem.loss == "squared":
            shifts = tuple(tuple(map(arb, u)) if u else (ZERO,) * problem.outputs for u in steps)
            return replace(problem, changed=Changed(shifts=shifts))
    return replace(problem, labels=_flipped(problem, steps))


def _flipped(problem: Problem, steps: list[Sequence[float | arb]]) -> tuple[float, ...]:
    """The new labels: `old + u` (logistic), or the class of the unit vector `e_old + u` (cross-entropy)."""
    if problem.labels is None:
        raise Invalid("change file", "the targets are probabilities", "class labels, or the squared loss, are needed")
    found = []
    for row, (old, u) in enumerate(zip(problem.labels, steps, strict=True)):
        move = [float(v) for v in u] or [0.0] * problem.outputs
        if problem.loss == "logistic":
            found.append(old + move[0])
            continue
        q = [(1.0 if a == old else 0.0) + v for a, v in enumerate(move)]
        if sorted(q) != [0.0] * (problem.outputs - 1) + [1.0]:
            raise Invalid("change file", f"row {row} does not lead from its class to another",
                          "−1 at the old class and 1 at the new one is needed")
        found.append(float(q.index(1.0)))
    values = {*problem.labels, *found}
    if problem.loss == "logistic" and not (values <= {0.0, 1.0} or values <= {-1.0, 1.0}):
        raise Invalid("change file", f"it leads to the labels {show(sorted(values)[:5])}", "labels are needed")
    return tuple(found)


def lower(evidence: Evidence, least: float, z: tuple[float, ...]) -> Finding:
    """V44: `|⟨z, ∇L(u, w*)⟩| > (least/m)Σ_k Λ(k·least/m)`, Λ(s) a bound of `|∇²L(u, w)z|` within s of w*."""
    centre, problem = evidence.centre, changed_problem(evidence.problem)
    assert centre is not None
    vector, ball = by_units(problem, [arb(v) for v in z]), centre.ball(problem)
    passed = forward(problem, ball, problem.points)
    slopes = gradient(problem, ball, passed, objective(problem, passed.outputs).plain)
    gap = abs(sum((v * g for v, g in zip(vector, slopes, strict=True)), ZERO))
    total = ZERO
    for k in range(1, STEPS + 1):
        within = (arb(least) * k / STEPS + centre.radius).upper()
        total += product_bound(problem, centre.middle, vector, within) * arb(least) / STEPS
    return Finding(Truth.PROVED if gap > total else Truth.UNDECIDED,
                   f"along the witness the gradient is {gap.lower().str(DIGITS, radius=False)} there and may change by "
                   f"{total.upper().str(DIGITS, radius=False)} within that radius")


def _check_upper(claim: Claim, ladder: Ladder, side: Mapping[str, Array]) -> None:
    """V45: a critical point of the changed loss, proved near its centre, is that close to today's."""
    where, problem, today = f"{claim.where}.upper", ladder.problem, ladder.centre
    assert claim.upper is not None and today is not None
    if claim.array != CENTRE:
        raise Invalid(f"{claim.where}.witness.array", f"{show(claim.array)} is stated", f"{show(CENTRE)} is needed")
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
        total += sum(((u - v) ** 2 for u, v in zip(_layer(one.middle, h), _layer(other.middle, h), strict=True)), ZERO)
    return root(total) + one.radius + other.radius


def _layer(parameters: Parameters, h: int) -> list[arb]:
    return [*parameters.weights[h - 1].entries(), *(parameters.biases[h - 1] or ())]
