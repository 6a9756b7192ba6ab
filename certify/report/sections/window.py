"""The sentences of `excess` and `hausdorff`: how far sets of exact fits lie apart within a ball, after one change."""

from __future__ import annotations

from certify.certificate.schema import Claim, Problem
from certify.report.digits import as_given, lower_end, upper_end
from certify.report.moves import mover
from certify.report.statements import Phrase, say

DIGITS = 4


def window_sentence(claim: Claim, problem: Problem, opening: str) -> Phrase:
    """How far exact fits of the changed data near the weights lie from those of today's; `hausdorff`: or the reverse.

    Args:
        claim: a claim on `excess` or `hausdorff`.
        problem: the problem, with a window.
        opening: how the sentence begins, by rigour.
    """
    lower, upper, one_way = claim.lower, claim.upper, claim.quantity == "excess"
    alone = "" if problem.layer == "all" else f" (layer {problem.layer} alone adjusting)"
    which, other = ("the changed", "today’s") if one_way else ("today’s or the changed", "the other")
    every = f"every network{alone} that fits {which} data exactly and lies within {{window}} of these weights"
    far = ("one such network lies at least {lower} from every one that fits today’s data exactly" if one_way else
           "one that fits today’s data, within {window}, lies at least {lower} from every one that fits the changed")
    if one_way and upper == 0:
        template = f"no network{alone} that fits the changed data exactly lies within {{window}} of these weights. So "
        template += "none there lies apart from those that fit today’s: the excess is 0."
    elif upper is None and not lower:
        template = f"no bound was proved on how far networks{alone} within {{window}} of these weights that fit "
        template += f"{which} data exactly lie from those that fit {other}."
    elif upper is None:
        template = f"{far}{alone}. No upper end was proved."
    else:
        template = f"{every} has one that fits {other} exactly no further than {{upper}} away"
        template += f", and {far}." if lower else ". That any lies apart was not proved."
    return say(
        "{start} {mover}, " + template, start=opening, mover=mover(problem), window=as_given(problem.window or 0.0),
        lower="" if not lower else lower_end(lower, DIGITS), upper="" if upper is None else upper_end(upper, DIGITS))
