"""What claims under budgets of single rows share: their form, and the arrays of the rows' ellipsoids (V8, V24–V28)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from certify.check.kernel import expect
from certify.check.reading.arrays import Array
from certify.check.reading.certificate import Claim, Vector, Witness, array_name, choice, stated, vector
from certify.check.reading.subject import Problem
from certify.check.rule import TIMES_RADIUS, Side, Test, check_there, check_vector
from certify.check.systems.point import Ladder
from certify.format.canonical import show
from certify.format.refusal import Invalid

MEMBERS = ("weights", "rows", "pairs")


@dataclass(frozen=True)
class Shaped(Witness):
    """The array of the side file that the rows' ellipsoids, or their signs and weights, come from."""

    array: str | None = stated(array_name)


def summand(value: object, where: str) -> str:
    """Which bound gives the upper end, or `Invalid`."""
    return choice(value, where, MEMBERS)


@dataclass(frozen=True)
class Summands(Shaped):
    """Which bound gives the upper end, its weights, and a vector that proves the lower end."""

    z: Vector | None = stated(vector)
    member: str | None = stated(summand)
    dual: Vector | None = stated(vector)


def by_hessian(claim: Claim[object], problem: Problem) -> bool:
    """Whether the claim rests on the Hessian: the critical map, unless it is interpolating."""
    if not problem.solutions.stationary:
        return False
    from certify.check.words.cases import by_row

    return not by_row(claim.theorem)


def check_member(claim: Claim[Summands], problem: Problem, z: bool, length: int) -> None:
    """V8: member and dual belong to the upper end of N1 or N2; the array with it where it needs one; z.

    Raises:
        Invalid: one is missing or idle, or of another length.
    """
    where, witness = f"{claim.where}.witness", claim.witness
    needs_member = problem.budget.own and claim.upper is not None
    if (witness.member is not None) != needs_member:
        raise Invalid(where, f"member is {'there' if witness.member is not None else 'missing'}",
                      "it is for the upper end under budgets of single rows")
    if (witness.dual is not None) != (witness.member == "weights"):
        raise Invalid(where, f"dual is {'there' if witness.dual is not None else 'missing'}",
                      "it is for member weights")
    if witness.member not in (None, "weights") and not problem.budget.counted:
        raise Invalid(f"{where}.member", f"{show(witness.member)} is stated", 'it is for set = "sparse"')
    if witness.dual is not None and len(witness.dual) != len(problem.kept):
        raise Invalid(f"{where}.dual", f"it has {len(witness.dual)} entries", f"{len(problem.kept)} are needed")
    check_there(claim, "array", witness.array, needs_member and _needs_array(claim, problem))
    check_vector(claim, witness.z, z, length)


def _needs_array(claim: Claim[Summands], problem: Problem) -> bool:
    """Whether ellipsoids are needed; norm 1 may do without. Of one number all norms are equal."""
    if problem.row_norm.round or _widths(claim, problem)[0] == 1:
        return False
    return problem.row_norm.boxed or claim.witness.array is not None


def check_change(claim: Claim[object], ladder: Ladder, change: Callable[[float | None, float | None], Test]) -> None:
    """V28: both ends of the motion that one given change causes, from below and from above.

    Raises:
        Invalid: one cannot be re-derived.
    """
    for name, value in (("lower", claim.lower), ("upper", claim.upper)):
        if value is not None:
            ends = (value, None) if name == "lower" else (None, value)
            expect(f"{claim.where}.{name}", value, change(*ends), ladder)


def radius_of(claim: Claim[object], problem: Problem) -> float:
    """The radius that the quantity is taken for: 1 of a modulus."""
    if not TIMES_RADIUS[claim.quantity]:
        return 1.0
    assert problem.radius is not None  # the spec was checked
    return problem.radius


def _widths(claim: Claim[object], problem: Problem) -> tuple[int, int]:
    """Dimension of what the ellipsoids are in, and of one row's change."""
    width = problem.moves.width(len(problem.features[0]), problem.outputs)
    return (width if by_hessian(claim, problem) else problem.block), width


def _named(claim: Claim[Shaped], side: Side) -> Array:
    """The array that the witness names, which has the name of its quantity."""
    found = None if claim.witness.array is None else side.get(claim.witness.array)
    if found is None or claim.witness.array != f"{claim.quantity}.shape":
        raise Invalid(f"{claim.where}.witness.array", f"{show(claim.witness.array)} is stated",
                      f"the side file holds {show(sorted(side))}")
    return found


def shape_of(claim: Claim[Shaped], problem: Problem, side: Side) -> Array:
    """The array of the side file that determines the rows' ellipsoids."""
    found = _named(claim, side)
    n, (k, width) = len(problem.kept), _widths(claim, problem)
    needed = (n, width) if problem.row_norm.boxed else (n, k, k)
    if found.shape != needed:
        raise Invalid(f"witness file, array {show(claim.witness.array)}",
                      f"its shape is {found.shape}", f"{needed} is needed")
    if problem.row_norm.boxed and min(found.values) <= 0:
        raise Invalid(f"witness file, array {show(claim.witness.array)}",
                      f"an entry is {min(found.values)}", "weights above 0")
    return found


def signed_shape(claim: Claim[Shaped], problem: Problem, side: Side) -> Array:
    """The array of the side file with the signs and weights of every row that moves alone in the norm inf."""
    found = _named(claim, side)
    needed = (len(problem.kept), _widths(claim, problem)[1])
    if found.shape != needed:
        raise Invalid(f"witness file, array {show(claim.witness.array)}",
                      f"its shape is {found.shape}", f"{needed} is needed")
    if not all(found.values):
        raise Invalid(f"witness file, array {show(claim.witness.array)}", "an entry is 0",
                      "signs and weights are never 0")
    return found
