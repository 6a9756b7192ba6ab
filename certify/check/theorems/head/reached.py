"""One change of a budget that provably moves a strongly convex last layer's solution (Q6e; V55, V58), in balls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module

from flint import arb, arb_mat

from certify.check.enclosure.network import Parameters, forward
from certify.check.enclosure.objective import objective
from certify.check.kernel import DIGITS, Finding, expect, judged
from certify.check.linalg.balls import ONE, ZERO, largest, norm, root, squares
from certify.check.reading.certificate import Claim, Vector, Witness, array_name, stated, vector
from certify.check.reading.subject import Problem
from certify.check.rule import Side
from certify.check.systems.point import Ladder, Point
from certify.check.theorems.distance.changed_loss import changed_problem
from certify.format.canonical import show
from certify.format.refusal import Invalid

Rows = dict[int, tuple[float, ...]]


@dataclass(frozen=True)
class Move(Witness):
    """Weights of the last layer, and the change in the side file that leads to them."""

    z: Vector | None = stated(vector)
    array: str | None = stated(array_name)


def check_lower(claim: Claim[Move], ladder: Ladder, side: Side) -> None:
    """V55, V58: the change lies within the budget, and moves the solution, or the outputs, at least that far.

    Raises:
        Invalid: it cannot be re-derived.
    """
    assert claim.lower is not None and claim.witness.z is not None  # the form was checked
    change = within(claim, ladder.problem, side)
    point = tuple(map(float, claim.witness.z))
    rule = partial(MOTIONS[claim.quantity], least=float(claim.lower), z=point, change=change)
    expect(f"{claim.where}.lower", claim.lower, rule, ladder)


def reached(point: Point, least: float, z: tuple[float, ...], change: Rows) -> Finding:
    """`|z − w̄| − (|∇F_u(z)| + |∇F(w̄)|)/λ ≥ least`, both losses λ-strongly convex in the last layer."""
    here, there, off = _off(point, z, change)
    found = norm([u - v for u, v in zip(_last(there), _last(here), strict=True)]) - off
    return _found(found, least, "the solution")


def seen(point: Point, least: float, z: tuple[float, ...], change: Rows) -> Finding:
    """`|(z − w̄)φ(x)| − |φ(x)|·(|∇F_u(z)| + |∇F(w̄)|)/λ ≥ least` at an evaluation row x, where it is largest."""
    here, there, off = _off(point, z, change)
    A = forward(point.problem, here, list(point.problem.evaluation)).inputs[-1]
    step = A * (there.weights[-1] - here.weights[-1]).transpose()
    b, c = there.biases[-1], here.biases[-1]
    shift = [ZERO] * step.ncols() if b is None or c is None else [x - y for x, y in zip(b, c, strict=True)]
    one = ZERO if b is None else ONE
    ends = [norm([x + y for x, y in zip(row, shift, strict=True)]) - off * root(squares(inputs) + one)
            for row, inputs in zip(step.tolist(), A.tolist(), strict=True)]
    return _found(largest(ends), least, "outputs at a row")


def _found(far: arb, least: float, what: str) -> Finding:
    return judged(far >= arb(least), False,
                  f"the change moves {what} by at least {far.lower().str(DIGITS, radius=False)}")


def _off(point: Point, z: tuple[float, ...], change: Rows) -> tuple[Parameters, Parameters, arb]:
    """The parameters of the file, those with z for their last layer, and how far both may lie off their solutions."""
    problem, here = point.problem, point.parameters
    k, d = here.weights[-1].nrows(), here.weights[-1].ncols()
    biased = here.biases[-1] is not None
    W = arb_mat(k, d, [arb(v) for v in z[: k * d]])
    b = tuple(arb(v) for v in z[k * d:]) if biased else None
    there = Parameters((*here.weights[:-1], W), (*here.biases[:-1], b))
    moved = changed_problem(replace(problem, change=change))
    return here, there, (norm(_slope(moved, there)) + norm(_slope(problem, here))) / arb(problem.weight_decay)


def _slope(problem: Problem, at: Parameters) -> list[arb]:
    """The gradient of the loss, after the change where there is one, in the last layer: `Σ s_i φ_iᵀ + λV`."""
    passed = forward(problem, at, problem.points)
    slopes, A = objective(problem, passed.outputs).plain, passed.inputs[-1]
    W, b = at.weights[-1], at.biases[-1]
    decay = arb(problem.weight_decay)
    found = (slopes.transpose() * A + decay * W).entries()
    if b is None:
        return found
    ones = arb_mat([[ONE] for _ in range(slopes.nrows())])
    return [*found, *(x + decay * v for x, v in zip((slopes.transpose() * ones).entries(), b, strict=True))]


def _last(parameters: Parameters) -> list[arb]:
    return [*parameters.weights[-1].entries(), *(parameters.biases[-1] or ())]


def within(claim: Claim[Move], problem: Problem, side: Side) -> Rows:
    """The rows of the change in the side file, proved to lie within the budget.

    Raises:
        Invalid: it has another shape, moves other rows, or more of them, or further than the budget says.
    """
    where, name = f"{claim.where}.witness.array", f"{claim.quantity}.change"
    if claim.witness.array != name:
        raise Invalid(where, f"{show(claim.witness.array)} is stated", f"{show(name)} is needed")
    if problem.scale is not None:
        raise Invalid(where, "the features have units of their own", "no rule is known for a change of these")
    moved = side[name]
    width = problem.moves.width(len(problem.features[0]), problem.outputs)
    if moved.shape != (len(problem.features), width):
        raise Invalid(where, f"its shape is {moved.shape}", f"{(len(problem.features), width)} is needed")
    flat = [float(v) for v in moved.values]
    rows = {i: tuple(flat[i * width:(i + 1) * width]) for i in range(len(problem.features))}
    rows = {i: row for i, row in rows.items() if any(row)}
    if not set(rows) <= set(problem.moving):
        raise Invalid(where, f"row {min(set(rows) - set(problem.moving))} changes", "it is not one that may move")
    if problem.budget.counted and len(rows) > problem.full:
        raise Invalid(where, f"{len(rows)} rows change", f"at most {problem.count} may")
    if not problem.moves.sized:  # labels: that they are labels is checked with the loss
        return rows
    if problem.direction and any(v > 0 for row in rows.values() for v in row):
        raise Invalid(where, "a sample weight rises", "they may only fall")
    assert (r := problem.radius) is not None
    if not all(squares(map(arb, part)) <= arb(r) ** 2
               or import_module("certify.check.linalg.small.no_longer").no_longer(part, r)
               for part in problem.budget.parts(list(rows.values()))):
        raise Invalid(where, "the change is not proved to lie within the budget", f"its radius is {problem.radius!r}")
    return rows


MOTIONS: dict[str, Callable[..., Finding]] = {"distance": reached, "prediction_change": seen}
"""What one change of the budget moves at least that far, by the quantity."""
