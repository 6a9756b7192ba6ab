"""Sentences on a strongly convex last layer at finite size: distance, stable predictions, change of predictions."""

from __future__ import annotations

from certify.certificate.schema import Claim, Problem
from certify.format.labels import label_meaning
from certify.report.digits import count, lower_end, upper_end
from certify.report.moves import mover
from certify.report.statements import Phrase, say

DIGITS = 4
THEOREM = "Q6"
MOVED = ("distance", "prediction_change")
ENDS = {
    "distance": "upper end by a ball around the given weights that the solution cannot leave (the witness is its size)",
    "stable_predictions": "lower end by a ball that the solution cannot leave, and the margins of the outputs in its "
    "norm",
    "prediction_change": "upper end by a ball that the solution cannot leave, seen through the evaluation rows",
}

BELOW = "lower end by one change of the budget, and weights at which the changed loss is proved nearly flat"


def about(claim: Claim) -> bool:
    """Whether a claim is about a convex last layer."""
    return claim.theorem == THEOREM


def convex_sentence(claim: Claim, problem: Problem, opening: str) -> Phrase:
    """What the one solution of the changed data does: no limit, changes as large as they are.

    Args:
        claim: a claim of theorem Q6.
        problem: the problem.
        opening: how the sentence begins, by rigour.
    """
    one = f"the one solution of layer {problem.layer} for the changed data"
    one = "the one solution for the changed data" if problem.layer == "all" else one
    rows, lower = problem.evaluation_rows or 0, int(claim.lower or 0)
    low = lower_end(claim.lower, DIGITS) if claim.quantity in MOVED and claim.lower else ""
    if claim.quantity == "stable_predictions":
        template = f"{one} gives {{kept}} of the {{rows}} evaluation rows the label that the weights in the file "
        template += "give today{label}. Of the others nothing was proved."
        template = template if lower else "no label of the {rows} evaluation rows{label} is proved to stay."
    elif claim.quantity == "prediction_change":
        template = f"{one} changes the outputs at every one of the {{rows}} evaluation rows by at most {{upper}}"
        template = template if claim.upper is not None else (
            "no bound was proved on how far the outputs at the {rows} evaluation rows change at most")
        template += ", and one such change is proved to change them at one row by at least {lower}." if low else "."
    elif claim.upper is None and not low:
        template = f"no bound was proved on how far {one} lies from today’s."
    elif claim.upper is None:
        template = f"{one} may move by at least {{lower}}: one such change is proved to move it so far. How far any "
        template += "of them moves it at most was not proved."
    elif low:
        template = f"{one} lies within {{upper}} of today’s, and one such change is proved to move it by at least "
        template += "{lower}."
    else:
        template = f"{one} lies within {{upper}} of today’s. That it moves at all was not proved."
    label = f" (label: {label_meaning(problem.outputs, problem.threshold)})"
    return say("{start} {mover}, " + template, start=opening, mover=mover(problem), kept=count(lower), label=label,
               rows=count(rows), lower=low, upper="" if claim.upper is None else upper_end(claim.upper, DIGITS))


def how(claim: Claim, side: str) -> str:
    """What an end of such a claim rests on."""
    if claim.quantity in MOVED and side == "lower":
        return BELOW if claim.lower else ""
    return ENDS[claim.quantity] if (side == "lower") == (claim.quantity == "stable_predictions") else ""
