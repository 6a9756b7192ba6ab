"""The largest change of the data under which the weights stay in a sublevel set (P3; V22)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from flint import arb

from certify.check.enclosure.gradients import Descent, losses, total_loss
from certify.check.enclosure.network import forward
from certify.check.kernel import Finding, expect, judged
from certify.check.linalg.balls import largest, norm
from certify.check.linalg.definite import Truth
from certify.check.reading.arrays import Array
from certify.check.reading.certificate import Claim, Witness, array_name, stated
from certify.check.reading.subject import Problem
from certify.check.rule import Rule, Side, always, check_there
from certify.check.systems.point import Ladder, Point
from certify.check.systems.sublevel import HYPOTHESES, descent_of, digits, interior
from certify.format.canonical import show
from certify.format.refusal import Invalid


@dataclass(frozen=True)
class Attack(Witness):
    """The moved features, in the side file."""

    array: str | None = stated(array_name)


def unit(claim: Claim[object], problem: Problem) -> tuple[str]:
    """A budget of the data."""
    return (f"{problem.moves.budget} {problem.budget.share}",)


def check_form(claim: Claim[Attack], problem: Problem) -> None:
    """V8: an array with an upper end where features move, and nowhere else.

    Raises:
        Invalid: the claim has another form.
    """
    check_there(claim, "array", claim.witness.array, problem.moves.inputs and claim.upper is not None)


def check_ends(claim: Claim[Attack], ladder: Ladder, side: Side) -> None:
    """Both ends, each by its rule.

    Raises:
        Invalid: one cannot be re-derived.
    """
    problem = ladder.problem
    if claim.lower is not None:
        closed = not problem.moves.inputs
        expect(f"{claim.where}.lower", claim.lower, partial(lower, least=claim.lower), ladder, once=not closed)
    if claim.upper is None:
        return
    array = claim.witness.array
    if array is None:
        expect(f"{claim.where}.upper", claim.upper, partial(upper, most=claim.upper), ladder)
        return
    moved = side.get(array)
    if moved is None or array != f"{claim.quantity}.moved":
        raise Invalid(f"{claim.where}.witness.array", f"{show(array)} is stated",
                      f"the side file holds {show(sorted(side))}")
    if moved.shape != (len(problem.features), len(problem.features[0])):
        raise Invalid(f"witness file, array {show(array)}", f"its shape is {moved.shape}", "that of the features")
    expect(f"{claim.where}.upper", claim.upper, partial(attack, most=claim.upper, moved=moved), ladder)


def lower(point: Point, least: float) -> Finding:
    """V22: `L(u, w̄) ≤ ℓ` for all u of budget `least`."""
    inside = interior(point, 0).judged()
    if inside.truth is not Truth.PROVED or least == 0:
        return inside
    descent = point.of(descent_of)
    if not point.problem.moves.inputs:
        rise = _closed(point, arb(least))
        return judged(rise <= descent.room, rise > descent.room, _room(rise, descent.room, "is"))
    if not isinstance(descent, Descent):
        return Finding(Truth.UNDECIDED, "this checker bounds no rise for moving features of a graph")
    from certify.check.lipschitz import reach as growth

    rise = growth.rise(point.problem, point.parameters, point.forward, descent, arb(least), descent.room)
    return judged(rise <= descent.room, False,
                     _room(rise, descent.room, "is, by the bounds of this checker, at most") + "; they do not reach it")


def upper(point: Point, most: float) -> Finding:
    """V22, targets and sample weights: some u of budget `most` has `L(u, w̄) ≥ ℓ`."""
    rise, room = _closed(point, arb(most)), point.of(descent_of).room
    return judged(rise >= room, rise < room, _room(rise, room, "is"))


def attack(point: Point, most: float, moved: Array) -> Finding:
    """V22, features: the moved features have a loss above the level, and a budget of at most `most`."""
    problem, assert_level = point.problem, point.problem.level
    assert assert_level is not None
    points = [moved.values[i:i + moved.shape[1]] for i in range(0, len(moved.values), moved.shape[1])]
    moved_by = []
    for row, (old, new) in enumerate(zip(problem.features, points, strict=True)):
        parts = _motion(problem.scale, old, new)
        if parts is None or (parts and row not in problem.moving):
            return Finding(Truth.DISPROVED, f"row {row} moves in a way it may not")
        moved_by.append(parts)
    budget = largest([norm(part) for part in problem.budget.parts(moved_by)])
    if not budget <= most:
        return judged(False, budget > most, f"the attack has the budget {digits(budget)}")
    passed = forward(problem, point.parameters, points)
    value = total_loss(problem, losses(problem, passed.outputs).values)
    return judged(value > assert_level, value <= assert_level, f"the attack has the loss {digits(value)}")


def _motion(scale: Sequence[float] | None, old: Sequence[float], new: Sequence[float]) -> list[arb] | None:
    """The entries of a row's perturbation that are not 0; None if a feature moves that may not."""
    parts = []
    for j, (x, y) in enumerate(zip(old, new, strict=True)):
        unit = 1.0 if scale is None else scale[j]
        if x == y:
            continue
        if unit == 0:
            return None
        parts.append((arb(y) - arb(x)) / arb(unit))
    return parts


def _closed(point: Point, radius: arb) -> arb:
    """The largest `n(L(u) − L(0))` over a budget: `rε` (sample weights), `rε + ½mε²` (targets, squared loss)."""
    problem, descent = point.problem, point.of(descent_of)
    rise = descent.shared(descent.row_sizes) * radius
    if problem.moves.outer:
        rise += radius**2 / 2 * problem.full
    return rise


def _room(rise: arb, room: arb, verb: str) -> str:
    return f"the rise of n·L {verb} {digits(rise)}, and {digits(room)} is left to the level"


RULE = Rule(always("M6"), unit, check_form, check_ends, lambda claim, problem: HYPOTHESES, Attack)
