"""The radii that a claim of the Aubin property states (V8)."""

from __future__ import annotations

from dataclasses import dataclass

from certify.check.reading.certificate import Claim, Number, Vector, Witness, number, stated, vector
from certify.check.reading.subject import Problem
from certify.format.canonical import Json, show
from certify.format.refusal import Invalid


@dataclass(frozen=True)
class Radii(Witness):
    """The radii for which the upper end holds, and a vector."""

    z: Vector | None = stated(vector)
    radius_u: Number | None = stated(number)
    radius_w: Number | None = stated(number)

    def scope(self, claim: Claim[object], problem: Json) -> str:
        """What the upper end is about."""
        if self.radius_u is None:
            return ""
        return f" for data changes up to {self.radius_u!r}, weights within {self.radius_w!r}"


def check_radii(claim: Claim[Radii], problem: Problem) -> None:
    """Radii with an upper end and only then, above 0, those that the spec asks for."""
    where = f"{claim.where}.witness"
    for name, own, asked in (("radius_u", claim.witness.radius_u, problem.radius_u),
                                ("radius_w", claim.witness.radius_w, problem.radius_w)):
        if (own is not None) != (claim.upper is not None):
            raise Invalid(where, f"{name} is {'missing' if own is None else 'there'}",
                          f"the upper end is {show(claim.upper)}")
        if own is not None and not own > 0:
            raise Invalid(f"{where}.{name}", f"{show(own)} is stated", "a number above 0 is needed")
        if own is not None and asked is not None and own != asked:
            raise Invalid(f"{where}.{name}", f"{show(own)} is stated", f"the spec asks for {show(asked)}")
