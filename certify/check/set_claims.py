"""Check the ends of `modulus` and `first_order_distance` under perturbation sets (V8 and V24–V28)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from flint import arb

from certify.check import budgets, rules
from certify.check.arrays import Array
from certify.check.canonical import show
from certify.check.certificate import Claim
from certify.check.evidence import Evidence, Finding, Ladder
from certify.check.hypotheses import expect
from certify.check.refusal import Invalid
from certify.check.subject import Problem


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
    if problem.norm == 2 or problem.outputs == 1 or not needs_member:
        return False
    return problem.norm == "inf" or claim.array is not None


def check_ends(claim: Claim, ladder: Ladder, side: Mapping[str, Array]) -> None:
    """Both ends, each by its rule."""
    problem = ladder.problem
    radius = 1.0
    if claim.quantity == "first_order_distance" and problem.set != "given":
        assert problem.radius is not None  # the spec was checked
        radius = problem.radius
    if problem.set == "given":
        for name, value in (("lower", claim.lower), ("upper", claim.upper)):
            if value is not None:
                ends = (value, None) if name == "lower" else (None, value)
                rule: Callable[[Evidence], Finding] = partial(budgets.change, low=ends[0], high=ends[1])
                expect(f"{claim.where}.{name}", value, rule, ladder)
        return
    if claim.upper is not None:
        rule = _upper_rule(claim, problem, radius, side)
        expect(f"{claim.where}.upper", claim.upper, rule, ladder)
    if claim.lower and claim.z is not None:
        rule = partial(budgets.lower, least=claim.lower, radius=radius, z=claim.z)
        if problem.set == "total":
            rule = partial(_total_lower, lower=claim.lower, radius=radius, z=claim.z)
        expect(f"{claim.where}.lower", claim.lower, rule, ladder)


def _upper_rule(
    claim: Claim, problem: Problem, radius: float, side: Mapping[str, Array],
) -> Callable[[Evidence], Finding]:
    assert claim.upper is not None
    if problem.set == "total":
        return partial(_total_upper, upper=claim.upper, radius=radius)
    shape = None if claim.array is None else _shape(claim, problem, side)
    if claim.member == "weights":
        assert claim.dual is not None
        return partial(budgets.by_weights, most=claim.upper, radius=radius, dual=claim.dual, shape=shape)
    rule = budgets.by_rows if claim.member == "rows" else budgets.by_pairs
    return partial(rule, most=claim.upper, radius=radius, shape=shape)


def _shape(claim: Claim, problem: Problem, side: Mapping[str, Array]) -> Array:
    """The array of the side file that determines the rows' ellipsoids."""
    assert claim.array is not None
    found = side.get(claim.array)
    if found is None or claim.array != f"{claim.quantity}.shape":
        raise Invalid(f"{claim.where}.witness.array", f"{show(claim.array)} is stated",
                      f"the side file holds {show(sorted(side))}")
    n, k = len(problem.kept), problem.outputs
    width = len(problem.features[0]) if problem.parameter == "features" else k
    needed = (n, width) if problem.norm == "inf" else (n, k, k)
    if found.shape != needed:
        raise Invalid(f"witness file, array {show(claim.array)}", f"its shape is {found.shape}", f"{needed} is needed")
    if problem.norm == "inf" and min(found.values) <= 0:
        raise Invalid(f"witness file, array {show(claim.array)}", f"an entry is {min(found.values)}", "weights above 0")
    return found


def _total_upper(evidence: Evidence, upper: float, radius: float) -> Finding:
    """V10 for the radius times the modulus."""
    return rules.modulus_upper(evidence, arb(upper) / arb(radius))


def _total_lower(evidence: Evidence, lower: float, radius: float, z: tuple[float, ...]) -> Finding:
    """V11 for the radius times the modulus."""
    return rules.modulus_lower(evidence, arb(lower) / arb(radius), z)
