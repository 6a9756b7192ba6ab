"""Which case of M5 holds at the base point of the critical map, and the tilt or distance that makes it exact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

from certify.format.errors import EnclosureError
from certify.format.quantities import QUANTITIES, Kind
from certify.network.layers.gradients import Gradient, enclose_gradient
from certify.network.layers.hessian import enclose_hessian
from certify.network.layers.jacobian import jacobian
from certify.network.layers.objective import Objective
from certify.network.layers.passes import Forward, backward, forward, known_weights
from certify.network.loss.losses import enclose_losses
from certify.network.network import Network
from certify.problem.closeness import hint, plain_loss
from certify.problem.cost import JACOBIAN_LIMIT
from certify.problem.limits import Limits
from certify.problem.problem import Problem
from certify.problem.progress import Progress
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic, Binary64, DoubleDouble, Pair
from certify.rigor.ball import Balls
from certify.rigor.inverse import Inverse, Matrix, NoInverse, invert
from certify.systems.critical.function_norm import measured, seen_by
from certify.systems.critical.function_norm_fields import invert_seen, loosened
from certify.systems.critical.layer_norm import inverse_scale, scaled_hessian
from certify.systems.critical.nearby import Stationary, fields_at, prove_stationary, singular_words
from certify.systems.critical.reduction import completed, field_length, spanning
from certify.systems.critical.settled import Enclosed, Settled, Unsettled
from certify.systems.critical.symmetry import Fields, Layout
from certify.systems.critical.tilt import Shift, output_tilt, pairing, shift_of_outputs, shift_of_weights
from certify.systems.critical.words import tilt_hypothesis
from certify.systems.interpolation.nearby import given
from certify.systems.interpolation.point import InterpolationPoint
from certify.systems.point import Answer

Fit = Callable[[Problem], InterpolationPoint | None]
"""The exact fit of M5a, where its rank is proved."""

_FINE_JACOBIAN = 4_000_000
"""Most entries of a Jacobian that is worked on in double-double."""


def settle(problem: Problem, answer: Answer, progress: Progress, limits: Limits) -> Settled | Unsettled:
    """Prove which case of M5 holds, at the given weights under a tilt or at an exact critical point nearby.

    Args:
        problem: a critical problem.
        answer: bounds a quantity of an exact fit.
        progress: told the stage.
        limits: memory and time.

    Raises:
        EnclosureError: what blocks every case, as a kink or an overflow.
    """
    assert isinstance(problem.network, Network)
    layout = Layout(problem.network, problem.network.layers(problem.layer))
    objective = Objective(problem.network, problem.X, problem.loss, *problem.read_by_loss, problem.weight_decay)
    progress("gradient of the loss", 0.02)
    gradient = enclose_gradient(objective, layout.layers, DoubleDouble())
    base = {"residual": gradient.norm}
    kind = _nearby if problem.nearby else _given
    found = kind(problem, objective, layout, gradient, partial(_interpolating, answer=answer, progress=progress,
                                                               limits=limits), progress, limits)
    if isinstance(found, Settled):
        found = _measured(found, problem)
    return replace(found, base=base | dict(found.base))


def _measured(settled: Settled, problem: Problem) -> Settled | Unsettled:
    """The same with Hessian, fields and inverse in the coordinates `Sw`, in which the norm is Euclidean (S1).

    A weight tilt needs the nonsingular Hessian of M5c: without it nothing is claimed.
    """
    point, t = settled.point, inverse_scale(problem)
    if point is not None and problem.measure.rows:
        return _as_seen(settled, point, problem)
    if point is None or t is None:
        return settled
    H = scaled_hessian(point.H, t)
    basis = spanning(point.fields, field_length(H.mid.hi), settled.from_fields, t)
    A = completed(H, basis, Binary64())
    inverse = None if point.inverse is None else invert(A, Binary64())
    scaled = replace(point, H=H, A=A, inverse=inverse if isinstance(inverse, Inverse) else None,
                     dimension=basis.dimension)
    if not isinstance(inverse, NoInverse):
        return replace(settled, point=scaled)
    reason = f"in the norm {problem.weight_norm}, " + singular_words(inverse, point.fields, problem.weight_decay)
    if settled.shift is not None and settled.shift.kind == "weights":
        return Unsettled(reason)
    return replace(settled, theorem="M5d", point=scaled, reason=reason)


def _as_seen(settled: Settled, point: Enclosed, problem: Problem) -> Settled | Unsettled:
    """The same with the function norm's F (M5s); beside symmetries H is completed by `S²T`."""
    assert isinstance(problem.network, Network)  # a graph has the sublevel map alone
    seen = seen_by(problem, problem.network.layers(problem.layer))
    if point.inverse is None:
        return replace(settled, point=replace(point, seen=seen))
    own: tuple[Inverse, Fraction] | str = (point.inverse, Fraction(0))
    if point.dimension:
        own = invert_seen(point.H, point.fields, seen, settled.from_fields)
    found = own if isinstance(own, str) else measured(own[0], seen)
    if not isinstance(own, str) and isinstance(found, Inverse):
        return replace(settled, point=replace(point, seen=seen, reached=(own[0], loosened(found, own[1]))))
    reason = f"in the norm function, {found}"
    if settled.shift is not None and settled.shift.kind == "weights":
        return Unsettled(reason)
    below = replace(point, inverse=None, dimension=0, seen=seen)
    return replace(settled, theorem="M5d", point=below, reason=reason)


def _given(
    problem: Problem, objective: Objective, layout: Layout, gradient: Gradient, fit: Fit, progress: Progress,
    limits: Limits,
) -> Settled | Unsettled:
    """The tilts in their order: M5a's, the shortest output tilt, the weight tilt."""
    assert isinstance(problem.network, Network)  # a graph has the sublevel map alone
    passed = forward(problem.network, known_weights(problem.network), problem.X, DoubleDouble(), keep_pre=True)
    interpolating = fit(problem)
    if interpolating is not None and not problem.reweighted:
        terms = enclose_losses(problem.loss, passed.output, objective.targets, objective.labels, DoubleDouble())
        shift = _slope_shift(problem, terms.slopes, passed.output)
        return Settled("M5a", objective, _given_base(shift), interpolation=interpolating, shift=shift,
                       hypotheses=(tilt_hypothesis(shift.kind, shift.norm),))
    progress("output tilt", 0.1)
    fields = fields_at(layout, passed, problem.loss, not problem.weight_decay, given(problem.network))
    c_or = _tilt(problem, layout, fields, gradient)
    if isinstance(c_or, str):
        return _weight_tilt(problem, objective, layout, gradient, passed, fields, c_or, progress)
    shift = shift_of_outputs(c_or, passed.output, problem.n)
    tilted = replace(objective, tilt=c_or)
    progress("Hessian", 0.2)
    found = _point(tilted, layout, fields, passed, Fraction(0))
    base = _given_base(shift)
    if found.inverse is None:
        why = invert(found.A, Binary64())
        words = singular_words(why, fields, problem.weight_decay) if isinstance(why, NoInverse) else ""
        return Settled("M5d", tilted, base, point=found, shift=shift, reason=words)
    return Settled("M5b" if found.dimension else "M5c", tilted, base, point=found, shift=shift)


def _weight_tilt(
    problem: Problem, objective: Objective, layout: Layout, gradient: Gradient, passed: Forward, fields: Fields,
    why: str, progress: Progress,
) -> Settled | Unsettled:
    """The tilt in weight space, which only a nonsingular Hessian allows, and never beside a symmetry (M5c)."""
    found: Enclosed | None = None
    if not fields.counts:  # such a tilt would break the symmetry, and H look nonsingular only because it is broken
        progress("Hessian", 0.2)
        found = _point(objective, layout, fields, passed, Fraction(0))
    if found is None or found.inverse is None:
        return Unsettled("the given weights are no exact critical point, and no tilt that would make them one is "
                         f"allowed: {why}; and a tilt in weight space needs a nonsingular Hessian without symmetries. "
                         'Train to a critical point and use base = "nearby"', {"distance": 0.0})
    net = problem.network
    assert isinstance(net, Network)  # a graph has the sublevel map alone
    parts = [part.ravel() for h in layout.layers for part in (net.weights[h - 1], net.biases[h - 1])
             if part is not None]
    shift = shift_of_weights(gradient, np.concatenate(parts))
    return Settled("M5c", objective, _given_base(shift), point=found, shift=shift)


def _point(objective: Objective, layout: Layout, fields: Fields, passed: Forward, distance: Fraction) -> Enclosed:
    """Hessian, its completion and inverse at the given weights."""
    found = enclose_hessian(objective, layout.layers, Binary64())
    H = Matrix(Pair(found.mid), Fraction(found.radius))
    basis = spanning(fields, field_length(found.mid), distance)
    A = completed(H, basis, Binary64())
    inverse = invert(A, Binary64())
    return Enclosed(known_weights(layout.network), H, A, inverse if isinstance(inverse, Inverse) else None, fields,
                 basis.dimension, passed)


def _nearby(
    problem: Problem, objective: Objective, layout: Layout, gradient: Gradient, fit: Fit, progress: Progress,
    limits: Limits,
) -> Settled | Unsettled:
    """An exact critical point of the untilted loss near the weights."""
    absent = {"distance": None}
    if _at_finite_size(problem):  # the contraction for ∇L is what is needed, whatever the case of M5
        pass
    elif not problem.row_loss.slides and _hard(problem):
        plain = replace(problem, base="given", weight_norm="euclidean", reference=None)
        rank = fit(plain)
        if rank is not None:
            return Unsettled(
                "there is no critical point near these weights: the Jacobian of the outputs is proved to have full row "
                f"rank, so the gradient vanishes only where every row's {problem.loss.replace('_', '-')} loss has "
                'slope 0, which hard labels never allow. Use weight decay, or base = "given" (soft targets)', absent)
    elif problem.row_loss.slides:
        exact = fit(problem)
        if exact is not None and exact.solution is not None:
            solution = exact.solution
            return Settled("M5a", objective, {"distance": solution.distance, "radius": solution.radius},
                           interpolation=exact, solution=solution)
    progress("an exact critical point nearby", 0.1)
    try:
        found = prove_stationary(objective, layout, not problem.weight_decay, limits.check)
    except EnclosureError as error:
        return Unsettled(_blocked(problem, error), absent)
    if isinstance(found, str):
        if early := _stopped_early(problem):
            return Unsettled(early, absent)
        of = f"of this loss ({problem.loss}, weight_decay = {problem.weight_decay!r})"
        remedy = f'Train the weights closer to a critical point {of}, or use base = "given"'
        return Unsettled(f"{found}. {remedy}", absent)
    assert found.solution is not None
    point = _over(found)
    base = {"distance": found.solution.distance, "radius": found.solution.radius}
    return Settled("M5b" if point.dimension else "M5c", objective, base, point=point, solution=found.solution)


def _stopped_early(problem: Problem) -> str:
    """That the weights are far from a critical point, and what to do; empty where they are near one."""
    words = hint(problem)
    return words and f'{words}, or base = "given"'


def _blocked(problem: Problem, error: EnclosureError) -> str:
    """Why nothing could be enclosed over the ball: kinks at the weights themselves, or a huge ball around others."""
    loss = plain_loss(problem)
    with np.errstate(over="ignore", invalid="ignore"):
        count, first = loss.at(loss.given).at_kinks()
    if first is None:
        return _stopped_early(problem) or error.reason
    row, layer, unit, value = first
    return (f"a pre-activation lies at a kink (row {row}, layer {layer}, unit {unit}, {value:.3g}; {count} such in "
            f"all), where {loss.network.activation} has no second derivatives: change these rows or weights slightly, "
            'ask about the last layer alone, or map = "sublevel", which takes any weights')


def _at_finite_size(problem: Problem) -> bool:
    """Whether the distance after one change is all that can be asked, or all that is."""
    asked = () if problem.spec is None else problem.spec.gate
    flips = not problem.moving.suits(problem.row_loss.slides)
    return problem.change is not None and (flips or (bool(asked) and all(
        QUANTITIES[g.quantity].kind is Kind.FINITE for g in asked)))


def _over(found: Stationary) -> Enclosed:
    return Enclosed(found.weights, found.H, found.A, found.inverse, found.fields, found.basis.dimension, found.passed)


def _hard(problem: Problem) -> bool:
    """Whether no output gives every row slope 0: labels, or probabilities of which one is 0."""
    return problem.labels is not None or (problem.y is not None and not (problem.y > 0).all(axis=1).all())


def _interpolating(problem: Problem, answer: Answer, progress: Progress, limits: Limits) -> InterpolationPoint | None:
    """The interpolation problem of M5a, where its rank is proved; None where M5a does not hold or is not proved."""
    contrasts = problem.row_loss.shifts
    equations = problem.n * (problem.outputs - contrasts)
    if problem.weight_decay or equations > problem.parameters or (contrasts and problem.outputs < 2):
        return None
    if contrasts and problem.y is not None and not (problem.y.sum(axis=1) > 0).all():
        return None
    nearby, weights = problem.nearby, problem.reweighted
    derived = replace(problem, map="interpolation", parameter="targets" if weights else problem.parameter,
                      y=problem.y if nearby else None, loss="squared", labels=None, spec=None, groups=None,
                      set="total", norm=2, count=None, change=None)
    found = InterpolationPoint(derived, answer, progress, limits, contrasts)
    if isinstance(found.found, str) or not found.full_rank():
        return None
    if weights or not (problem.row_budgets or problem.change is not None):
        return found
    own = replace(derived, set=problem.set, norm=problem.norm, count=problem.count, change=problem.change)
    found = InterpolationPoint(own, answer, progress, limits, contrasts)
    return None if isinstance(found.found, str) else found


def _tilt(problem: Problem, layout: Layout, fields: Fields, gradient: Gradient) -> Balls | str:
    """The shortest output tilt, or why there is none."""
    N, p = problem.n * problem.outputs, problem.parameters
    if N * p > JACOBIAN_LIMIT:
        return f"no output tilt: the Jacobian would have {N * p} entries, more than {JACOBIAN_LIMIT}"
    if N < p - fields.T.shape[1]:
        return (f"no output tilt: with {N} outputs over all rows, the gradient in {p} parameters need not be one of "
                "them")
    arithmetic: Arithmetic = DoubleDouble() if N * p <= _FINE_JACOBIAN else Binary64()
    net = problem.network
    assert isinstance(net, Network)  # a graph has the sublevel map alone
    weights = known_weights(net)
    passed = forward(net, weights, problem.X, arithmetic)
    adjoints = backward(net, weights, passed, arithmetic)
    biases = tuple(b is not None for b in net.biases)
    J = jacobian(passed, adjoints, layout.layers, biases, arithmetic)
    centred = problem.row_loss.shifts and not problem.weight_decay
    return output_tilt(J, problem.outputs, fields, gradient, centred, arithmetic)


def _slope_shift(problem: Problem, slopes: Balls, output: Balls) -> Shift:
    """The shift `n c_i = ∂ℓ_i/∂f` of M5a."""
    rows = slopes.norm
    worst = int(np.argmax(rows))
    loss = fp.up(Fraction(pairing(slopes, output)) / problem.n)
    return Shift("output", float(fp.row_norms(rows[None, :])[0]), float(rows[worst]), worst, loss)


def _given_base(shift: Shift) -> dict[str, Any]:
    return {"distance": 0.0, "tilt": shift.kind, "shift_norm": shift.norm, "shift_worst": shift.worst,
            "shift_worst_row": shift.worst_row, "shift_loss": shift.loss}
