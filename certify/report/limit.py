"""Whether claims are about a limit, about the linearisation, or about moves at their own size."""

from __future__ import annotations

from collections.abc import Sequence

from certify.certificate.schema import Claim, Problem
from certify.report.maps import MAPS
from certify.report.phrases.sets import SETS
from certify.report.quantities import QUANTITIES, rows_of
from certify.report.quantities.modulus import inside
from certify.report.quantities.quantity import Quantity
from certify.report.statements import Phrase, code, say

LIMIT = say(
    "This is a statement about a limit. “About” becomes exact as δ shrinks to zero, and for a move of any given size "
    "it promises nothing: how soon the factor becomes accurate is not part of the claim.",
)
LIMIT_ALONE = say(
    "This is a statement about the limit of ever smaller moves; about a move of any given size it says nothing."
)
LIMIT_INTERIOR = say(
    "This is a statement about the limit of ever smaller moves. How large a move may be before the weights do have to "
    "adjust is another question; a gate on {q} answers it.",
    q=code("persistence_radius"),
)
FIRST_ORDER = say(
    "This is a statement of first order: it is about the linearisation of the network at today’s data and weights. "
    "For the network itself it is exact in the limit of small moves, and for a move of the size given the difference "
    "is not part of the claim.",
)
ONE_CHANGE = say("This is not a statement about a limit: it is about this one change of the data, at its own size.")
EVERY_CHANGE = say("This is not a statement about a limit: it is about every change of this kind, at its own size.")
NO_LIMIT = say("This is not a statement about a limit: it covers every move up to the size given.")


def limit(problem: Problem, claims: Sequence[Claim]) -> Phrase:
    """Whether the claims are about a limit; where some are and some are not, which."""
    asked = rows_of({claim.quantity for claim in claims})
    if all(row.at_size for row in asked):
        return _at_its_size(problem, claims)
    finite = dict.fromkeys(claim.quantity for claim in claims if _covers(claim))
    linear = [row.linear for row in asked if row.linear]
    if finite:
        start = (f"A {linear[0]} to first order is about the linearisation of the network at today’s data and weights; "
                 "for a move of the size given the difference is not part of the claim." if linear else
                 "A factor, or modulus, is a statement about the limit of ever smaller moves.")
        return say(" ".join((start, *(_exception(QUANTITIES[quantity], problem) for quantity in finite))))
    if linear:
        return FIRST_ORDER
    if all(inside(claim, problem) for claim in claims if QUANTITIES[claim.quantity].pointwise):
        return LIMIT_INTERIOR
    return LIMIT if any(claim.upper is not None for claim in claims) else LIMIT_ALONE


def _at_its_size(problem: Problem, claims: Sequence[Claim]) -> Phrase:
    """What is said where no claim is about a limit; nothing where no size is covered."""
    if SETS[problem.set].one:
        return ONE_CHANGE
    if MAPS[problem.map].every_change:
        return EVERY_CHANGE
    return NO_LIMIT if any(_covers(claim) for claim in claims) else ()


def _covers(claim: Claim) -> bool:
    """Whether moves of some size are covered, by a quantity that is about them."""
    row = QUANTITIES[claim.quantity]
    return bool(row.at_size) and row.covers(claim)


def _exception(row: Quantity, problem: Problem) -> str:
    """That a quantity is no limit, and what it covers."""
    if row.names_size:
        return f"{row.at_size} is not: it covers every move up to its size."
    covered = "this one change of the data" if SETS[problem.set].one else "every change of this kind"
    return f"{row.at_size} is not: it is about {covered}, at its own size."
