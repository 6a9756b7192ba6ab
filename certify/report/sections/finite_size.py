"""The sentences of claims at finite size: a distance after one change or within a budget, and explicit radii."""

from __future__ import annotations

from certify.certificate.schema import Claim, Problem
from certify.report import words
from certify.report.digits import lower_end, upper_end
from certify.report.moves import mover, moving
from certify.report.statements import Phrase, say

DIGITS = 4


def distance_sentence(claim: Claim, problem: Problem, opening: str) -> Phrase:
    """How far the nearest exact fit of the changed data lies: no limit, changes as large as they are.

    Args:
        claim: a claim on `distance`.
        problem: the problem.
        opening: how the sentence begins, by rigour.
    """
    if problem.map == "critical":
        return _critical_sentence(claim, problem, opening)
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
        template += f"{measure}, and no exact fit lies nearer than {{lower}}."
    if problem.set != "given" and lower:
        some = f"for one such change no exact fit lies nearer than {{lower}}{measure}"
        template = some + ". That there always is one was not proved." if upper is None else (
            f"a network that fits the changed data exactly{alone} exists within {{upper}} of these weights{measure}, "
            f"and {some}.")
    limit, known = (), claim.witness
    if known.limit is not None and known.pair is not None:
        i, j = known.pair
        each = "in total" if problem.set == "total" else "each"
        limit = say(" The limit: moves of {limit} " + each + " can put rows {i} and {j}, whose outputs differ, onto "
                    "one another, and then nothing fits exactly.", limit=upper_end(known.limit, DIGITS), i=i, j=j)
    return say(
        "{start} {mover}, " + template + "{more}", start=opening, mover=mover(problem), more=limit,
        lower="" if not lower else lower_end(lower, DIGITS), upper="" if upper is None else upper_end(upper, DIGITS),
    )


def aubin_sentence(claim: Claim, problem: Problem, opening: str) -> Phrase:
    """Every member of S near the weights, for any data near today's, has one close by for any other such data.

    Args:
        claim: a claim on `aubin`.
        problem: the problem.
        opening: how the sentence begins, by rigour.
    """
    lower, upper, known = claim.lower, claim.upper, claim.witness
    low = "" if not lower else lower_end(lower, DIGITS)
    if upper is None or known.radius_u is None or known.radius_w is None:
        template = "No factor with explicit radii was proved."
        return say(template + (" None below {lower} would do, however small the radii." if lower else ""), lower=low)
    twice = moving(problem, False, "by at most {u} in total", "by at most {u}")
    one, other = ("fits the one exactly", "fits the other exactly")
    if problem.map == "sublevel":
        one = "has a training loss of at most today’s for the one"
        other = "has such a loss for the other"
    template = "{start} " + twice + ", in two different ways, then for every network within {w} of these weights that "
    template += one + " there is one that " + other + " within {upper}·δ of it, δ the length of "
    template += "what sets the two ways apart."
    template += " No factor below {lower} would do, however small the radii." if lower else ""
    limit: Phrase = ()
    if known.limit is not None and known.pair is not None:
        i, j = known.pair
        limit = say(
            " The limit: for moves of up to {limit} in total no factor does, however large, since one of them puts "
            "rows {i} and {j}, whose outputs differ, onto one another.", limit=upper_end(known.limit, DIGITS), i=i, j=j)
    return say(
        template + "{more}", start=opening, u=lower_end(known.radius_u, DIGITS), w=lower_end(known.radius_w, DIGITS),
        upper=upper_end(upper, DIGITS), lower=low, more=limit)


def _critical_sentence(claim: Claim, problem: Problem, opening: str) -> Phrase:
    """How far the nearest critical point of the changed training loss lies from today’s."""
    lower, upper = claim.lower, claim.upper
    alone = "" if problem.layer == "all" else f" (layer {problem.layer} alone adjusting)"
    point = f"weights at which the gradient of the changed training loss vanishes{alone}"
    if upper is None and not lower:
        template = f"no bound was proved on how far {point} lie from today’s critical point."
    elif upper is None:
        template = f"no {point} lie nearer to today’s critical point than {{lower}}. That there are any was not proved."
    elif not lower:
        template = f"{point} exist within {{upper}} of today’s critical point. That they have to lie any distance away "
        template += "was not proved."
    else:
        template = f"{point} exist within {{upper}} of today’s critical point, and none lie nearer than {{lower}}."
    weights = problem.parameter == "sample_weights"
    moves = "the sample weights change by what the file says" if weights else mover(problem)
    return say("{start} {moves}, " + template, start=opening, moves=moves,
               lower="" if not lower else lower_end(lower, DIGITS),
               upper="" if upper is None else upper_end(upper, DIGITS))
