"""The radii that a claim of the Aubin property states (V8)."""

from __future__ import annotations

from certify.check.reading.certificate import Claim
from certify.check.reading.subject import Problem
from certify.format.canonical import show
from certify.format.refusal import Invalid


def check_radii(claim: Claim, problem: Problem) -> None:
    """Radii with an upper end and only then, above 0, those that the spec asks for."""
    where = f"{claim.where}.witness"
    for name, stated, asked in (("radius_u", claim.radius_u, problem.radius_u),
                                ("radius_w", claim.radius_w, problem.radius_w)):
        if (stated is not None) != (claim.upper is not None):
            raise Invalid(where, f"{name} is {'missing' if stated is None else 'there'}",
                          f"the upper end is {show(claim.upper)}")
        if stated is not None and not stated > 0:
            raise Invalid(f"{where}.{name}", f"{show(stated)} is stated", "a number above 0 is needed")
        if stated is not None and asked is not None and stated != asked:
            raise Invalid(f"{where}.{name}", f"{show(stated)} is stated", f"the spec asks for {show(asked)}")
