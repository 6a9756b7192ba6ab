"""A theorem as an object: what a claim that rests on it has to look like, and what of it is re-derived."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic

from certify.check.hypotheses import Check
from certify.check.kernel import Judgement, expect
from certify.check.reading.arrays import Array
from certify.check.reading.certificate import Claim, T, Vector
from certify.check.reading.subject import Problem
from certify.check.systems.point import Ladder, Point
from certify.format.canonical import show
from certify.format.refusal import Invalid

TIMES_RADIUS = {"modulus": False, "sample_modulus": False, "aubin": False, "first_order_distance": True}
"""Whether it is a modulus times the radius of the budget, by the quantity."""

Side = Mapping[str, Array]
"""The arrays of the side file."""

Test = Callable[[Point], Judgement]
"""What has to be proved of one number."""


@dataclass(frozen=True)
class Rule(Generic[T]):
    """What the checker knows about one theorem, or one case of it.

    Attributes:
        theorem: the label a claim has to state; raises `Invalid` where the stated one is refuted.
        units: the unit it has to state, the first; the others were stated by certificates of earlier versions.
        check_form: V8, that the members of the claim fit together; raises `Invalid`.
        check_ends: re-derives every number of the claim; raises `Invalid`.
        hypotheses: those that can be re-derived, by name, in the order in which a message lists them.
        witness: what its claims carry beside their ends.
    """

    theorem: Callable[[Claim[object], Ladder], str]
    units: Callable[[Claim[object], Problem], tuple[str, ...]]
    check_form: Callable[[Claim[T], Problem], None]
    check_ends: Callable[[Claim[T], Ladder, Side], None]
    hypotheses: Callable[[Claim[object], Problem], Mapping[str, Check]]
    witness: type[T]


def always(label: str) -> Callable[[Claim[object], Ladder], str]:
    """A theorem that the words of the spec choose."""
    return lambda claim, ladder: label


def weight_distance(problem: Problem) -> str:
    """The unit of distances in the norm of the weights."""
    return problem.lengths.distance


def merged(problem: Problem) -> str:
    """What a unit adds where equal rows count as one."""
    return " (equal rows move as one)" if len(problem.kept) < len(problem.features) else ""


def distance(claim: Claim[object], problem: Problem) -> tuple[str]:
    """The unit of a distance."""
    return (f"{weight_distance(problem)}{merged(problem)}",)


def modulus(claim: Claim[object], problem: Problem) -> tuple[str]:
    """The unit of a modulus, or of what it makes of a radius."""
    if TIMES_RADIUS[claim.quantity]:
        return distance(claim, problem)
    return (f"{weight_distance(problem)} per unit of {problem.moves.moved}{merged(problem)}",)


def times(claim: Claim[object], problem: Problem) -> float | None:
    """The radius that the claim takes a modulus times; None where it is about the modulus itself."""
    return problem.radius if TIMES_RADIUS[claim.quantity] else None


def check_there(claim: Claim[object], name: str, there: object, needed: bool) -> None:
    """A member of the witness is there where the ends need it, and nowhere else; raises `Invalid`."""
    if (there is not None) != needed:
        raise Invalid(f"{claim.where}.witness", f"{name} is {'missing' if needed else 'there'}",
                      f"the ends are {show((claim.lower, claim.upper))}")


def check_vector(claim: Claim[object], z: Vector | None, needed: bool, length: int) -> None:
    """The same of a vector, which has that length."""
    check_there(claim, "z", z, needed)
    if z is not None and len(z) != length:
        raise Invalid(f"{claim.where}.witness.z", f"it has {len(z)} entries", f"{length} are needed")


def check_rows(claim: Claim[object], problem: Problem) -> None:
    """The ends of every row that may move, the largest of which are the claim's."""
    if claim.rows and claim.rows != problem.moving:
        raise Invalid(f"{claim.where}.rows", show(list(claim.rows)),
                      f"the rows that may move are {show(problem.moving)}")
    low = [v for v in claim.row_lower if v is not None]
    high = [v for v in claim.row_upper if v is not None]
    largest = (max(low, default=None), max(high) if high and len(high) == len(claim.rows) else None)
    if (claim.lower, claim.upper) != largest:
        raise Invalid(f"{claim.where}.lower, .upper", show((claim.lower, claim.upper)),
                      f"the largest ends of the rows are {show(largest)}")


def expect_rows(
    claim: Claim[object], ladder: Ladder, high: Callable[[int, int, float], Test],
    low: Callable[[int, int, float], Test],
) -> None:
    """Re-derive both ends of every row.

    `high` and `low` say by number of the moving row, its row of the data, and the stated end what has to be proved.
    """
    rows = zip(claim.rows, claim.row_lower, claim.row_upper, strict=True)
    for number, (row, lower, upper) in enumerate(rows):
        if upper is not None:
            expect(f"{claim.where}.row_upper of row {row}", upper, high(number, row, upper), ladder)
        if lower is not None:
            expect(f"{claim.where}.row_lower of row {row}", lower, low(number, row, lower), ladder)
