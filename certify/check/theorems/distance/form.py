"""The form of a claim about a distance at finite size, over a budget or after one given change (V8)."""

from __future__ import annotations

from certify.check.reading.certificate import Claim
from certify.check.reading.subject import Problem
from certify.check.rule import check_witness
from certify.format.canonical import show
from certify.format.refusal import Invalid


def check_form(claim: Claim, problem: Problem) -> None:
    """Members of a budget there together and nowhere else; z and an array with the ends that need them.

    Raises:
        Invalid: the claim has another form.
    """
    where, budget = f"{claim.where}.witness", not problem.budget.single
    if claim.theta is not None or claim.reach is not None:
        raise Invalid(where, show([claim.quantity, claim.theta, claim.reach]),
                      "theta and reach go with finite changes of the critical map, and those with them alone")
    if (claim.layer is not None) != (budget and claim.upper is not None):
        raise Invalid(where, f"layer is {'there' if claim.layer is not None else 'missing'}",
                      "it is for the upper end of distance over a budget")
    if (claim.sigma is not None) != (claim.layer is not None) or (claim.sigma is not None and not claim.sigma > 0):
        raise Invalid(where, f"sigma is {show(claim.sigma)}", "a number above 0 goes with layer")
    if claim.constants is not None and claim.layer is None:
        raise Invalid(where, "constants are there and no layer", "they belong to a layer")
    if claim.layer is not None and claim.layer not in problem.free:
        raise Invalid(f"{where}.layer", f"{claim.layer} is stated", f"the free layers are {show(problem.free)}")
    if (claim.limit is None) != (claim.pair is None) or (claim.limit is not None and not budget):
        raise Invalid(where, f"limit is {show(claim.limit)}", "it goes with pair, and with a budget")
    array = bool(claim.lower) if budget else claim.upper is not None
    check_witness(claim, problem, z=bool(claim.lower), length=problem.kernel_rows, array=array)
