"""The sentence of a first-order distance, and the words of the norms of one row's move."""

from __future__ import annotations

from certify.certificate.schema import Claim, Problem
from certify.report import critical, words
from certify.report.digits import as_given, count, lower_end, upper_end
from certify.report.moves import NOUN, in_units, moving
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


def mover(problem: Problem) -> str:
    """The move as the condition of a sentence."""
    weights = problem.parameter == "sample_weights"
    noun, verb = NOUN[problem.parameter], "change" if weights else "move"
    verb = "fall" if problem.direction else verb
    if problem.parameter == "labels":
        listed = "" if problem.rows == "all" else f" of the {count(len(problem.rows))} listed ones"
        if problem.count == 1:
            return f"at most one training row{listed} gets another label, whichever it is"
        some = f"at most {count(problem.count)}" if problem.count else "any number of"
        return f"{some} training rows{listed} get other labels, whichever they are"
    if problem.set == "given":
        return f"the {'' if weights else 'training '}{noun} {verb} by the change in the file"
    size = as_given(problem.radius or 0.0).text + in_units(problem)
    if problem.set == "sparse":
        most = count(problem.count or 0)
        listed = "" if problem.rows == "all" else f" of the {count(len(problem.rows))} listed ones"
        rows = f"training row{'s' * (problem.count != 1)}"
        return f"the {noun} of at most {most} {rows}{listed} {verb}, by at most {size} each"
    several = f"by at most {size} each" if problem.set == "per_sample" else f"by at most {size} in total"
    return moving(problem, False, several, f"by at most {size}")
