"""Check the ends of `modulus` and `first_order_distance` under perturbation sets (V8 and V24–V28, also critical)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from flint import arb

from certify.check.hypotheses import expect
from certify.check.reading.arrays import Array
from certify.check.reading.canonical import show
from certify.check.reading.certificate import Claim
from certify.check.reading.refusal import Invalid
from certify.check.reading.subject import Problem
from certify.check.systems.evidence import Evidence, Finding, Ladder
from certify.check.theorems.modulus import critical as stationary_rules
from certify.check.theorems.modulus import critical_sets as stationary_sets
from certify.check.theorems.modulus import kernel as rules
from certify.check.theorems.modulus import row_budgets as budgets


def check_form(claim: Claim, problem: Problem) -> bool:
    """V8: member and dual belong to the upper end of N1 or N2; whether the claim needs an array.

    Raises:
        Invalid: one is missing or idle, or of another length.
    """
    where = f"{claim.where}.witness"
    needs_member = problem.set in ("per_sample", "sparse") and claim.upper is not None
    if (claim.member is not None) != needs_member:
        raise Invalid(where, f"member is {'there' if claim.member is not None else 'missing'}",
                      "it is for the upper end under budgets of single rows")
    if (claim.dual is not None) != (claim.member == "weights"):
        raise Invalid(where, f"dual is {'there' if claim.dual is not None else 'missing'}", "it is for member weights")
    if claim.member not in (None, "weights") and problem.set != "sparse":
        raise Invalid(f"{where}.member", f"{show(claim.member)} is stated", 'it is for set = "sparse"')
    if claim.dual is not None and len(claim.dual) != len(problem.kept):
        raise Invalid(f"{where}.dual", f"it has {len(claim.dual)} entries", f"{len(problem.kept)} are needed")
    if problem.norm == 2 or _widths(claim, problem)[0] == 1 or not needs_member:
        return False
    if problem.parameter == "sample_weights":  # of one number all norms are equal
        return False
    return problem.norm == "inf" or claim.array is not None


def by_hessian(claim: Claim, problem: Problem) -> bool:
    """Whether the claim rests on the Hessian: the critical map, unless it is interpolating."""
    return problem.map == "critical" and claim.theorem != "M5a"


def check_ends(claim: Claim, ladder: Ladder, side: Mapping[str, Array]) -> None:
    """Both ends, each by its rule."""
    problem = ladder.problem
    radius = 1.0
    own = stationary_sets if by_hessian(claim, problem) else budgets
    if claim.quantity == "first_order_distance" and problem.set != "given":
        assert problem.radius is not None  # the spec was checked
        radius = problem.radius
    if problem.set == "given":
        for name, value in (("lower", claim.lower), ("upper", claim.upper)):
            if value is not None:
                ends = (value, None) if name == "lower" else (None, value)
                rule: Callable[[Evidence], Finding] = partial(own.change, low=ends[0], high=ends[1])
                expect(f"{claim.where}.{name}", value, rule, ladder)
        return
    if claim.upper is not None:
        rule = _upper_rule(claim, problem, radius, side)
        expect(f"{claim.where}.upper", claim.upper, rule, ladder)
    if claim.lower and claim.z is not None:
        rule = partial(own.lower, least=claim.lower, radius=radius, z=claim.z)
        if problem.set == "total":
            rule = partial(_total_lower, stationary=by_hessian(claim, problem), lower=claim.lower, radius=radius,
                           z=claim.z)
        expect(f"{claim.where}.lower", claim.lower, rule, ladder)


def _upper_rule(
    claim: Claim, problem: Problem, radius: float, side: Mapping[str, Array],
) -> Callable[[Evidence], Finding]:
    assert claim.upper is not None
    own = stationary_sets if by_hessian(claim, problem) else budgets
    if problem.set == "total":
        return partial(_total_upper, stationary=by_hessian(claim, problem), upper=claim.upper, radius=radius)
    shape = None if claim.array is None else _shape(claim, problem, side)
    if claim.member == "weights":
        assert claim.dual is not None
        return partial(own.by_weights, most=claim.upper, radius=radius, dual=claim.dual, shape=shape)
    rule = own.by_rows if claim.member == "rows" else own.by_pairs
    return partial(rule, most=claim.upper, radius=radius, shape=shape)


def _widths(claim: Claim, problem: Problem) -> tuple[int, int]:
    """Dimension of what the ellipsoids are in, and of one row's change."""
    width = {"features": len(problem.features[0]), "targets": problem.outputs}.get(problem.parameter, 1)
    return (width if by_hessian(claim, problem) else problem.block), width


def _named(claim: Claim, side: Mapping[str, Array]) -> Array:
    """The array that the witness names, which has the name of its quantity."""
    found = None if claim.array is None else side.get(claim.array)
    if found is None or claim.array != f"{claim.quantity}.shape":
        raise Invalid(f"{claim.where}.witness.array", f"{show(claim.array)} is stated",
                      f"the side file holds {show(sorted(side))}")
    return found


def _shape(claim: Claim, problem: Problem, side: Mapping[str, Array]) -> Array:
    """The array of the side file that determines the rows' ellipsoids."""
    assert claim.array is not None
    found = _named(claim, side)
    n, (k, width) = len(problem.kept), _widths(claim, problem)
    needed = (n, width) if problem.norm == "inf" else (n, k, k)
    if found.shape != needed:
        raise Invalid(f"witness file, array {show(claim.array)}", f"its shape is {found.shape}", f"{needed} is needed")
    if problem.norm == "inf" and min(found.values) <= 0:
        raise Invalid(f"witness file, array {show(claim.array)}", f"an entry is {min(found.values)}", "weights above 0")
    return found


def signed_shape(claim: Claim, problem: Problem, side: Mapping[str, Array]) -> Array:
    """The array of the side file with the signs and weights of every row that moves alone in the norm inf."""
    assert claim.array is not None
    found = _named(claim, side)
    needed = (len(problem.kept), _widths(claim, problem)[1])
    if found.shape != needed:
        raise Invalid(f"witness file, array {show(claim.array)}", f"its shape is {found.shape}", f"{needed} is needed")
    if not all(found.values):
        raise Invalid(f"witness file, array {show(claim.array)}", "an entry is 0", "signs and weights are never 0")
    return found


def _total_upper(evidence: Evidence, stationary: bool, upper: float, radius: float) -> Finding:
    """V10 or V33 for the radius times the modulus; the quotient is taken at the precision of the rule."""
    each = arb(upper) / arb(radius)
    if stationary:
        return stationary_rules.modulus_upper(evidence, each)
    return rules.modulus_upper(evidence, each)


def _total_lower(evidence: Evidence, stationary: bool, lower: float, radius: float, z: tuple[float, ...]) -> Finding:
    """V11 or V34 for the radius times the modulus."""
    each = arb(lower) / arb(radius)
    if stationary:
        return stationary_rules.modulus_lower(evidence, each, z)
    return rules.modulus_lower(evidence, each, z)
