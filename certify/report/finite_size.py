"""The sentence of a distance at finite size, after one given change of the data or any change within a budget."""

from __future__ import annotations

from certify.certificate.schema import Claim, Problem
from certify.report import words
from certify.report.digits import lower_end, upper_end
from certify.report.first_order import mover
from certify.report.statements import Phrase, say

DIGITS = 4


def distance_sentence(claim: Claim, problem: Problem, opening: str) -> Phrase:
    """How far the nearest exact fit of the changed data lies: no limit, changes as large as they are.

    Args:
        claim: a claim on `distance`.
        problem: the problem.
        opening: how the sentence begins, by rigour.
    """
    lower, upper = claim.lower, claim.upper
    alone = "" if problem.layer == "all" else f" (layer {problem.layer} alone adjusting)"
    measure = words.MEASURE[problem.weight_norm]
    if upper is None and not lower:
        template = f"no bound was proved on how far the nearest exact fit{alone} lies from these weights{measure}."
    elif upper is None:
        template = f"no exact fit{alone} lies nearer to these weights than {{lower}}{measure}. "
        template += "That there is one was not proved."
    elif not lower:
        template = f"a network that fits the changed data exactly{alone} exists within {{upper}} of these weights"
        template += f"{measure}. That it has to lie any distance away was not proved."
    else:
        template = f"a network that fits the changed data exactly{alone} exists within {{upper}} of these weights"
        template += f"{measure}, and none lies nearer than {{lower}}."
    if problem.set != "given" and lower:
        some = f"for one such change none lies nearer than {{lower}}{measure}"
        template = some + ". That there always is one was not proved." if upper is None else (
            f"a network that fits the changed data exactly{alone} exists within {{upper}} of these weights{measure}, "
            f"and {some}.")
    return say(
        "{start} {mover}, " + template, start=opening, mover=mover(problem),
        lower="" if not lower else lower_end(lower, DIGITS), upper="" if upper is None else upper_end(upper, DIGITS),
    )
