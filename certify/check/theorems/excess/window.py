"""Excess and Hausdorff distance of exact fits by the last layer, on a window, after one change (S14; V46 to V48)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from flint import arb, arb_mat

from certify.check.hypotheses import Check, Stated, counting
from certify.check.kernel import DIGITS, Finding, expect
from certify.check.linalg.definite import Truth, definiteness
from certify.check.reading.certificate import Claim, Number, Vector, Witness, number, stated, vector
from certify.check.reading.subject import Problem
from certify.check.rule import Rule, Side, always, merged
from certify.check.systems.point import Ladder, Point
from certify.check.theorems.excess.layer import LayerWindow, inner, solved
from certify.format.refusal import Invalid


@dataclass(frozen=True)
class Between:
    """A distance between exact fits of today's and of the changed data, within the window.

    Attributes:
        unit: of it, in words.
        one_way: whether it is from those of the changed data to those of today's; else the larger of both ways.
    """

    unit: str
    one_way: bool


BETWEEN = {
    "excess": Between("weight distance from exact fits of the changed data, within the window, to those of today's",
                      one_way=True),
    "hausdorff": Between("weight distance between exact fits of today's and of the changed data, either within the "
                         "window", one_way=False),
}
"""By the quantity."""


@dataclass(frozen=True)
class Window(Witness):
    """λ of the upper end, and a step that proves the lower one."""

    multiplier: Number | None = stated(number)
    point: Vector | None = stated(vector)


def check_form(claim: Claim[Window], problem: Problem) -> None:
    """A multiplier with an upper end (but with an `excess` of 0) and a point with a lower end above 0, only then."""
    where, point, multiplier = f"{claim.where}.witness", claim.witness.point, claim.witness.multiplier
    missed = BETWEEN[claim.quantity].one_way and claim.upper == 0
    if (multiplier is not None) != (claim.upper is not None and not missed):
        raise Invalid(where, f"multiplier is {'missing' if multiplier is None else 'there'}",
                      "it is for an upper end, and not for an excess of 0")
    if multiplier is not None and not multiplier > 0:
        raise Invalid(f"{where}.multiplier", f"{multiplier!r} is stated", "a number above 0 is needed")
    if (point is not None) != bool(claim.lower):
        raise Invalid(where, f"point is {'missing' if point is None else 'there'}", "it is for a lower end above 0")
    if point is not None and len(point) != problem.parameters:
        raise Invalid(f"{where}.point", f"it has {len(point)} entries", f"{problem.parameters} are needed")


def check_ends(claim: Claim[Window], ladder: Ladder, side: Side) -> None:
    """Both ends, each by its rule.

    Raises:
        Invalid: one cannot be re-derived.
    """
    if claim.upper is not None:
        rule = partial(upper, claim=claim) if claim.witness.multiplier is not None else missed
        expect(f"{claim.where}.upper", claim.upper, rule, ladder)
    if claim.lower:
        expect(f"{claim.where}.lower", claim.lower, partial(lower, claim=claim), ladder)


def upper(at: Point, claim: Claim[Window]) -> Finding:
    """V46: `D ≻ 0` and `λ(ρ² + q) ≤ upper²`, `q = tr RᵀD⁻¹R`; for `excess` `(1 − λ)q` in place of q."""
    assert claim.upper is not None and claim.witness.multiplier is not None
    sets, multiplier = at.of(layer_window), arb(claim.witness.multiplier)
    D = sets.difference(multiplier)
    part = solved(D, sets.R) if definiteness(D).truth is Truth.PROVED else None
    if part is None:
        return Finding(Truth.UNDECIDED, f"D ≻ 0 is not proved at {at.precision} bits for the multiplier stated")
    q = inner(sets.R, part)
    most = multiplier * (_rho(at) ** 2 + (q * (1 - multiplier) if BETWEEN[claim.quantity].one_way else q))
    proved = bool(most <= arb(claim.upper) ** 2)
    return Finding(Truth.PROVED if proved else Truth.UNDECIDED, f"the multiplier proves {_shown(most)}")


def missed(at: Point) -> Finding:
    """V46, an excess of 0: `|c| > ρ`, no exact fit of the changed data lies within the window."""
    far = at.of(layer_window).far
    proved = bool(far > _rho(at) ** 2)
    return Finding(Truth.PROVED if proved else Truth.UNDECIDED, f"the nearest exact fit is {_shown(far)} away")


def lower(at: Point, claim: Claim[Window]) -> Finding:
    """V47: a point of the one set, within the window, lies so far from the other set."""
    assert claim.lower is not None and claim.witness.point is not None
    sets, square = at.of(layer_window), _rho(at) ** 2
    after = BETWEEN[claim.quantity].one_way
    room = square - sets.far if after else square
    if not room >= 0:
        return Finding(Truth.UNDECIDED, "an exact fit of the changed data is not proved to lie within the window")
    k = at.problem.outputs
    y = sets.out(arb_mat(len(claim.witness.point) // k, k, [arb(v) for v in claim.witness.point]), room, after)
    found = None if y is None else sets.beyond_today(y) if after else sets.beyond_changed(y)
    if found is None:
        return Finding(Truth.UNDECIDED, f"nothing is proved at {at.precision} bits")
    proved = bool(found >= arb(claim.lower) ** 2)
    return Finding(Truth.PROVED if proved else Truth.UNDECIDED, f"the point proves {_shown(found)}")


def _rho(at: Point) -> arb:
    radius = at.problem.window
    assert radius is not None  # the spec was checked
    return arb(radius)


def _shown(square: arb) -> str:
    return str(square.max(arb(0)).sqrt().str(DIGITS, radius=False))


def layer_window(at: Point) -> LayerWindow:
    """The last layer before and after the one change; raises `Unproved`."""
    return LayerWindow(at.problem, at.parameters, at.forward)


def layer_rank(at: Point) -> Finding:
    """V48: both matrices of a layer's inputs have full row rank."""
    _ = at.of(layer_window)  # raises Unproved
    return Finding(Truth.PROVED, "both Gram matrices are nonsingular")


def _check_layer_rank(stated: Stated) -> None:
    if stated.value is not None or not stated.holds:
        raise Invalid(stated.where, stated.words, "null and true are what can be stated")
    expect(stated.where, 0, layer_rank, stated.ladder)


def _unit(claim: Claim[object], problem: Problem) -> tuple[str]:
    return (f"{BETWEEN[claim.quantity].unit}{merged(problem)}",)


HYPOTHESES: dict[str, Check] = {"counting": counting, "layer_rank": _check_layer_rank}
RULE = Rule(always("S14"), _unit, check_form, check_ends, lambda claim, problem: HYPOTHESES, Window)
