"""The form of a claim about a distance at finite size after one given change, and what its witness holds (V8)."""

from __future__ import annotations

from dataclasses import dataclass

from certify.check.reading.certificate import Claim, Number, Vector, Witness, array_name, number, stated, vector, whole
from certify.check.reading.subject import Problem
from certify.check.rule import check_there, check_vector


@dataclass(frozen=True)
class Found(Witness):
    """A vector that proves the lower end, and the array of the side file that proves an end."""

    z: Vector | None = stated(vector)
    array: str | None = stated(array_name)


@dataclass(frozen=True)
class Layered(Witness):
    """The layer that adjusts over a budget.

    Attributes:
        sigma: the least singular value of its inputs, each row of which counts by how far it moves.
        constants: name of the array that proves how far its inputs and pre-activations move.
    """

    layer: int | None = stated(whole)
    sigma: Number | None = stated(number)
    constants: str | None = stated(array_name)


def check_form(claim: Claim[Found], problem: Problem) -> None:
    """An array with an upper end, z with a lower one.

    Raises:
        Invalid: the claim has another form.
    """
    length = problem.parameters if problem.solutions.stationary else problem.interpolation_rows
    check_vector(claim, claim.witness.z, bool(claim.lower), length)
    check_there(claim, "array", claim.witness.array, claim.upper is not None)
