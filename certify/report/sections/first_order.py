"""The sentence of a first-order distance, and the words of the norms of one row's move."""

from __future__ import annotations

from certify.certificate.schema import Claim, Problem
from certify.report import words
from certify.report.digits import lower_end, upper_end
from certify.report.moves import mover
from certify.report.sections import critical
from certify.report.statements import Phrase, say

LENGTHS: dict[int | str, str] = {
    2: "Euclidean length", 1: "sum of absolute changes (norm 1)", "inf": "largest absolute change (norm inf)",
}
DIGITS = 4


def first_order_sentence(claim: Claim, problem: Problem, opening: str) -> Phrase:
    """How far the nearest exact fit, or critical point, of the moved data can lie, to first order.

    Args:
        claim: a claim on `first_order_distance`.
        problem: the problem.
        opening: how the sentence begins, by rigour.
    """
    lower, upper = claim.lower, claim.upper
    alone = "" if problem.layer == "all" else f" (layer {problem.layer} alone adjusting)"
    if problem.map == "critical":
        fit, origin = f"the nearest critical point of the training loss{alone}", critical.origin(problem.base)
    else:
        fit = f"the nearest exact fit{alone}"
        origin = "today’s exact fit" if problem.base == "nearby" else "these weights"
    measure = words.MEASURE[problem.weight_norm]
    moves = "changes" if problem.parameter == "sample_weights" else "moves"
    far = "" if problem.set == "given" else f"there are such {moves} for which "
    if lower is None and upper is None:
        template = f"no bound was proved on how far {fit} lies from {origin}, to first order."
    elif upper is None:
        template = f"{far}{fit} lies at least {{lower}} from {origin}{measure}, to first order. "
        template += "No upper end was proved."
    elif lower is None:
        template = f"{fit} lies within {{upper}} of {origin}{measure}, to first order. "
        template += "How close it always is was not proved."
    else:
        template = f"{fit} lies within {{upper}} of {origin}{measure}, to first order, and {far or 'it lies '}"
        template += "it lies at least {lower} away." if far else "at least {lower} away."
    return say(
        "{start} {mover}, " + template, start=opening, mover=mover(problem),
        lower="" if lower is None else lower_end(lower, DIGITS),
        upper="" if upper is None else upper_end(upper, DIGITS),
    )
