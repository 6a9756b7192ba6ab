"""The distance over a whole budget: compensation by one layer above, one change of the budget below (Q4; V31, V32)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from flint import arb, arb_mat, ctx

from certify.check.enclosure.norms import layer_squares
from certify.check.kernel import DIGITS, Finding, expect
from certify.check.linalg.balls import ONE, ZERO, largest
from certify.check.linalg.definite import Truth
from certify.check.lipschitz.lipsdp import multipliers
from certify.check.lipschitz.of_layers import Steepness, steepness
from certify.check.reading.arrays import Array
from certify.check.reading.certificate import Claim, Number, Pair, number, stated, two_rows
from certify.check.reading.subject import Problem
from certify.check.rule import Rule, Side, always, check_there, check_vector, distance
from certify.check.systems.interpolation import hypotheses
from certify.check.systems.near.in_balls import Positive
from certify.check.systems.nearby import PRECISION
from certify.check.systems.point import Ladder, Point
from certify.check.theorems.aubin.limit import no_further
from certify.check.theorems.distance import given_change as finite
from certify.check.theorems.distance.form import Found, Layered
from certify.format.canonical import show
from certify.format.refusal import Invalid

CHANGE = "distance.change"
CONSTANTS = "distance.constants"


@dataclass(frozen=True)
class Compensation(Found, Layered):
    """And a budget that no fit survives, with two rows that prove it."""

    limit: Number | None = stated(number)
    pair: Pair | None = stated(two_rows)


def check_form(claim: Claim[Compensation], problem: Problem) -> None:
    """Layer and σ with an upper end, z and an array with a lower one above 0, limit with its pair.

    Raises:
        Invalid: the claim has another form.
    """
    where, witness = f"{claim.where}.witness", claim.witness
    if (witness.layer is not None) != (claim.upper is not None):
        raise Invalid(where, f"layer is {'there' if witness.layer is not None else 'missing'}",
                      "it is for the upper end of distance over a budget")
    if (witness.sigma is not None) != (witness.layer is not None) or (
            witness.sigma is not None and not witness.sigma > 0):
        raise Invalid(where, f"sigma is {show(witness.sigma)}", "a number above 0 goes with layer")
    if witness.constants is not None and witness.layer is None:
        raise Invalid(where, "constants are there and no layer", "they belong to a layer")
    if witness.layer is not None and witness.layer not in problem.free:
        raise Invalid(f"{where}.layer", f"{witness.layer} is stated", f"the free layers are {show(problem.free)}")
    if (witness.limit is None) != (witness.pair is None):
        raise Invalid(where, f"limit is {show(witness.limit)}", "it goes with pair")
    check_vector(claim, witness.z, bool(claim.lower), problem.interpolation_rows)
    check_there(claim, "array", witness.array, bool(claim.lower))


def check_ends(claim: Claim[Compensation], ladder: Ladder, side: Side) -> None:
    """Both ends, each by its rule.

    Raises:
        Invalid: one cannot be re-derived.
    """
    if claim.upper is not None:
        check_upper(f"{claim.where}.upper", claim.upper, claim, ladder, side)
    if claim.lower and claim.witness.z is not None:
        change = _change(claim, ladder.problem, side)
        one = Ladder(_given(ladder.problem, change), ladder.tell)
        expect(f"{claim.where}.lower", claim.lower, partial(finite.lower, least=claim.lower, z=claim.witness.z), one)
    if claim.witness.pair is not None and claim.witness.limit is not None:
        rule = partial(no_further, most=claim.witness.limit, pair=claim.witness.pair)
        expect(f"{claim.where}.witness.limit", claim.witness.limit, rule, ladder)


def check_upper(where: str, most: Number, claim: Claim[Layered], ladder: Ladder, side: Side) -> None:
    """V31, with the layer, σ and constants of the claim's witness.

    Args:
        where: the member that states the distance.
        most: the stated distance.
        claim: the claim; its form was checked.
        ladder: the point.
        side: the arrays of the side file.

    Raises:
        Invalid: it cannot be re-derived.
    """
    assert claim.witness.layer is not None and claim.witness.sigma is not None
    stated = _constants(claim, ladder.problem, side)
    rule = partial(upper, most=most, layer=claim.witness.layer, sigma=claim.witness.sigma, stated=stated)
    expect(where, most, rule, ladder)


def upper(point: Point, most: float, layer: int, sigma: float, stated: Array | None) -> Finding:
    """V31: `AAᵀ − σ²diag(ω_i²)/ω² ≻ 0` and `κ²AAᵀ − diag(S²) ≻ 0`, `κ = most·(1 − ωr/σ)/(s_hr)`.

    A: the inputs of the layer; ω: the largest of the ω_i, how far they move; S_i: how far its pre-activations do.
    """
    problem, r = point.problem, budget(point.problem)
    A = point.forward.inputs[layer - 1]
    if problem.layers[layer - 1].biases is not None:
        A = arb_mat([[*row, ONE] for row in A.tolist()])
    gram = (A * A.transpose()).tolist()
    finding = Finding(Truth.UNDECIDED, "nothing is known of the rows")
    for near in steepness(problem, point.parameters, point.forward, layer, row_budget(problem), stated):
        finding = _compensated(gram, near, arb(most) * layer_squares(problem)[layer].sqrt(), layer, sigma, r)
        if finding.truth is Truth.PROVED:
            break
    return finding


def _compensated(
    gram: list[list[arb]], near: Steepness, most: arb, layer: int, sigma: float, r: arb,
) -> Finding:
    """Both statements, from one set of bounds; `most` in the weights of the layer."""
    omega = largest(near.inputs).upper()
    even = [ONE if omega == 0 else (w / omega).min(ONE) for w in near.inputs]
    if not _exceeds(gram, ONE, [(arb(sigma) * w) ** 2 for w in even]):
        return Finding(Truth.UNDECIDED, f"σ(A) > {sigma!r} is not proved for the inputs of layer {layer}")
    room = 1 - omega * r / arb(sigma)
    if not room > 0:
        return Finding(Truth.UNDECIDED, f"the inputs of layer {layer} may lose their rank within the budget")
    kappa = most * room / r
    proved = _exceeds(gram, kappa ** 2, [S ** 2 for S in near.rows])
    return Finding(Truth.PROVED if proved else Truth.UNDECIDED,
                   f"‖A⁺diag(S)‖ < {kappa.lower().str(DIGITS, radius=False)} is needed and not proved")


def _constants(claim: Claim[Layered], problem: Problem, side: Side) -> Array | None:
    """The array of the side file with constants of the layer and their multipliers, if the claim names one."""
    if claim.witness.constants is None:
        return None
    where = f"{claim.where}.witness.constants"
    if claim.witness.constants != CONSTANTS:
        raise Invalid(where, f"{show(claim.witness.constants)} is stated", f"{show(CONSTANTS)} is needed")
    assert claim.witness.layer is not None
    if claim.witness.layer < 2:
        raise Invalid(where, "layer 1 adjusts", "its inputs are the features: no constants go with it")
    shape = (len(problem.moving), 2 + multipliers(problem, claim.witness.layer))
    if side[CONSTANTS].shape != shape:
        raise Invalid(where, f"its shape is {side[CONSTANTS].shape}", f"{shape} is needed")
    return side[CONSTANTS]


def _exceeds(gram: list[list[arb]], factor: arb, diagonal: list[arb]) -> bool:
    """Whether `factor·gram − diag(diagonal) ≻ 0` is proved."""
    rows = [[factor * x - (diagonal[i] if i == j else ZERO) for j, x in enumerate(row)] for i, row in enumerate(gram)]
    return Positive(arb_mat(rows), "factor·gram − diag ≻ 0").judged().truth is Truth.PROVED


def row_budget(problem: Problem) -> arb:
    """`t` with `|u_i| ≤ t` for every row and change of the set."""
    assert problem.radius is not None
    return arb(problem.radius) * _widest(problem)


def budget(problem: Problem) -> arb:
    """`r` with `|u|_F ≤ r` for every change of the set."""
    assert problem.radius is not None
    return arb(problem.radius) * _widest(problem) * arb(problem.full).sqrt()


def _widest(problem: Problem) -> arb:
    """The greatest Euclidean length of one row's change of radius 1."""
    return problem.row_norm.longest(len(problem.moves.movable(
        len(problem.features[0]), problem.outputs, problem.scale)))


def _given(problem: Problem, change: dict[int, tuple[float, ...]]) -> Problem:
    """The problem of one change, in the units of the data; products of two floats are exact at this precision."""
    with ctx.workprec(PRECISION):
        scale = problem.scale or (1.0,) * len(problem.features[0])
        moved = {i: tuple(arb(v) * arb(s) for v, s in zip(row, scale, strict=True)) for i, row in change.items()}
    return replace(problem, set="given", change=moved, radius=None, count=None, norm=2, scale=None)


def _change(claim: Claim[Compensation], problem: Problem, side: Side) -> dict[int, tuple[float, ...]]:
    """V32: the change in the side file, proved to lie within the budget."""
    where = f"{claim.where}.witness.array"
    if claim.witness.array != CHANGE:
        raise Invalid(where, f"{show(claim.witness.array)} is stated", f"{show(CHANGE)} is needed")
    moved = side[CHANGE]
    if moved.shape != (len(problem.features), len(problem.features[0])):
        raise Invalid(where, f"its shape is {moved.shape}", "that of the features is needed")
    rows = {i: tuple(float(v) for v in row) for i, row in enumerate(_rows(moved)) if any(row)}
    if not set(rows) <= set(problem.moving):
        raise Invalid(where, f"row {min(set(rows) - set(problem.moving))} changes", "it is not one that may move")
    if problem.scale is not None and any(v and not s for row in rows.values()
                                         for v, s in zip(row, problem.scale, strict=True)):
        raise Invalid(where, "a feature changes that may not move", "its scale is 0")
    assert problem.radius is not None
    most = arb(problem.radius)
    if problem.budget.counted and len(rows) > problem.full:
        raise Invalid(where, f"{len(rows)} rows change", f"at most {problem.count} may")
    sizes = [problem.row_norm.size([arb(v) for v in part]) for part in problem.budget.parts(list(rows.values()))]
    if not all(size <= most for size in sizes):
        raise Invalid(where, "the change is not proved to lie within the budget", f"its radius is {problem.radius!r}")
    return rows


def _rows(array: Array) -> list[list[float]]:
    width = array.shape[1]
    flat = [float(v) for v in array.values]
    return [flat[i:i + width] for i in range(0, len(flat), width)]


RULE = Rule(always("Q4"), distance, check_form, check_ends, hypotheses, Compensation)
