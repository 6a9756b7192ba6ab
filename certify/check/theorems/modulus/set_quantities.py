"""What claims under budgets of single rows share: their form, and the arrays of the rows' ellipsoids (V8, V24–V28)."""

from __future__ import annotations

from collections.abc import Callable

from certify.check.kernel import expect
from certify.check.reading.arrays import Array
from certify.check.reading.certificate import Claim
from certify.check.reading.subject import Problem
from certify.check.rule import TIMES_RADIUS, Side, Test
from certify.check.systems.point import Ladder
from certify.check.words.cases import by_row
from certify.format.canonical import show
from certify.format.refusal import Invalid


def by_hessian(claim: Claim, problem: Problem) -> bool:
    """Whether the claim rests on the Hessian: the critical map, unless it is interpolating."""
    return problem.solutions.stationary and not by_row(claim.theorem)


def check_member(claim: Claim, problem: Problem) -> bool:
    """V8: member and dual belong to the upper end of N1 or N2; whether the claim needs an array.

    Raises:
        Invalid: one is missing or idle, or of another length.
    """
    where = f"{claim.where}.witness"
    needs_member = problem.budget.own and claim.upper is not None
    if (claim.member is not None) != needs_member:
        raise Invalid(where, f"member is {'there' if claim.member is not None else 'missing'}",
                      "it is for the upper end under budgets of single rows")
    if (claim.dual is not None) != (claim.member == "weights"):
        raise Invalid(where, f"dual is {'there' if claim.dual is not None else 'missing'}", "it is for member weights")
    if claim.member not in (None, "weights") and not problem.budget.counted:
        raise Invalid(f"{where}.member", f"{show(claim.member)} is stated", 'it is for set = "sparse"')
    if claim.dual is not None and len(claim.dual) != len(problem.kept):
        raise Invalid(f"{where}.dual", f"it has {len(claim.dual)} entries", f"{len(problem.kept)} are needed")
    if problem.row_norm.round or _widths(claim, problem)[0] == 1 or not needs_member:
        return False
    return problem.row_norm.boxed or claim.array is not None


def check_change(claim: Claim, ladder: Ladder, change: Callable[[float | None, float | None], Test]) -> None:
    """V28: both ends of the motion that one given change causes, from below and from above.

    Raises:
        Invalid: one cannot be re-derived.
    """
    for name, value in (("lower", claim.lower), ("upper", claim.upper)):
        if value is not None:
            ends = (value, None) if name == "lower" else (None, value)
            expect(f"{claim.where}.{name}", value, change(*ends), ladder)


def radius_of(claim: Claim, problem: Problem) -> float:
    """The radius that the quantity is taken for: 1 of a modulus."""
    if not TIMES_RADIUS[claim.quantity]:
        return 1.0
    assert problem.radius is not None  # the spec was checked
    return problem.radius


def _widths(claim: Claim, problem: Problem) -> tuple[int, int]:
    """Dimension of what the ellipsoids are in, and of one row's change."""
    width = problem.moves.width(len(problem.features[0]), problem.outputs)
    return (width if by_hessian(claim, problem) else problem.block), width


def _named(claim: Claim, side: Side) -> Array:
    """The array that the witness names, which has the name of its quantity."""
    found = None if claim.array is None else side.get(claim.array)
    if found is None or claim.array != f"{claim.quantity}.shape":
        raise Invalid(f"{claim.where}.witness.array", f"{show(claim.array)} is stated",
                      f"the side file holds {show(sorted(side))}")
    return found


def shape_of(claim: Claim, problem: Problem, side: Side) -> Array:
    """The array of the side file that determines the rows' ellipsoids."""
    assert claim.array is not None
    found = _named(claim, side)
    n, (k, width) = len(problem.kept), _widths(claim, problem)
    needed = (n, width) if problem.row_norm.boxed else (n, k, k)
    if found.shape != needed:
        raise Invalid(f"witness file, array {show(claim.array)}", f"its shape is {found.shape}", f"{needed} is needed")
    if problem.row_norm.boxed and min(found.values) <= 0:
        raise Invalid(f"witness file, array {show(claim.array)}", f"an entry is {min(found.values)}", "weights above 0")
    return found


def signed_shape(claim: Claim, problem: Problem, side: Side) -> Array:
    """The array of the side file with the signs and weights of every row that moves alone in the norm inf."""
    assert claim.array is not None
    found = _named(claim, side)
    needed = (len(problem.kept), _widths(claim, problem)[1])
    if found.shape != needed:
        raise Invalid(f"witness file, array {show(claim.array)}", f"its shape is {found.shape}", f"{needed} is needed")
    if not all(found.values):
        raise Invalid(f"witness file, array {show(claim.array)}", "an entry is 0", "signs and weights are never 0")
    return found
