"""Whether claims are about a limit, about the linearisation, or about moves at their own size."""

from __future__ import annotations

from collections.abc import Sequence

from certify.certificate.schema import Claim, Problem
from certify.report.sentences import interior
from certify.report.statements import Phrase, code, say
from certify.report.words import POINTWISE
from certify.spec.convexity import FIRST_ORDER as LINEAR

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

FINITE = {
    "persistence_radius": "The persistence radius",
    "aubin": "The factor with explicit radii",
    "distance": "The distance",
    "stable_predictions": "The count of labels that stay",
    "prediction_change": "The change of the outputs",
    "excess": "The excess",
    "hausdorff": "The Hausdorff distance",
}
"""Quantities that are about moves at their own size, as a sentence begins with them."""

UP_TO = ("persistence_radius", "aubin")
"""Those that name the size themselves."""


def limit(problem: Problem, claims: Sequence[Claim]) -> Phrase:
    """Whether the claims are about a limit; where some are and some are not, which."""
    asked = {claim.quantity for claim in claims}
    if asked <= FINITE.keys():
        return _at_its_size(problem, claims)
    finite = dict.fromkeys(claim.quantity for claim in claims if claim.quantity in FINITE and _covers(claim))
    first_order = bool({"first_order_distance", LINEAR} & asked)
    if finite:
        what = "change of predictions" if LINEAR in asked else "distance"
        start = (f"A {what} to first order is about the linearisation of the network at today’s data and weights; for "
                 "a move of the size given the difference is not part of the claim." if first_order else
                 "A factor, or modulus, is a statement about the limit of ever smaller moves.")
        return say(" ".join((start, *(_exception(quantity, problem) for quantity in finite))))
    if first_order:
        return FIRST_ORDER
    if all(interior(claim, problem) for claim in claims if claim.quantity in POINTWISE):
        return LIMIT_INTERIOR
    return LIMIT if any(claim.upper is not None for claim in claims) else LIMIT_ALONE


def _at_its_size(problem: Problem, claims: Sequence[Claim]) -> Phrase:
    """What is said where no claim is about a limit; nothing where no size is covered."""
    if problem.set == "given":
        return ONE_CHANGE
    if problem.map == "critical":
        return EVERY_CHANGE
    return NO_LIMIT if any(_covers(claim) for claim in claims) else ()


def _covers(claim: Claim) -> bool:
    """Whether moves of some size are covered; the lower end of a factor with radii, that of the modulus, has none."""
    return (claim.upper if claim.quantity == "aubin" else claim.lower) is not None


def _exception(quantity: str, problem: Problem) -> str:
    """That a quantity is no limit, and what it covers."""
    if quantity in UP_TO:
        return f"{FINITE[quantity]} is not: it covers every move up to its size."
    covered = "this one change of the data" if problem.set == "given" else "every change of this kind"
    return f"{FINITE[quantity]} is not: it is about {covered}, at its own size."
