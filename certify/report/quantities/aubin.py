"""A factor with explicit radii: the Aubin property, in words."""

from __future__ import annotations

from certify.certificate.schema import Claim, Problem
from certify.report.digits import lower_end, upper_end
from certify.report.glance.scales import factors
from certify.report.maps import MAPS
from certify.report.phrases.sets import SETS
from certify.report.phrases.words import OPENING
from certify.report.quantities.quantity import DIGITS, Quantity, Terms
from certify.report.statements import Phrase, Rows, say


def _sentence(claim: Claim, problem: Problem, rows: Rows | None) -> Phrase:
    """Every member of S near the weights, for any data near today's, has one close by for any other such data."""
    lower, upper, known = claim.lower, claim.upper, claim.witness
    low = "" if not lower else lower_end(lower, DIGITS)
    if upper is None or known.radius_u is None or known.radius_w is None:
        template = "No factor with explicit radii was proved."
        return say(template + (" None below {lower} would do, however small the radii." if lower else ""), lower=low)
    twice = SETS[problem.set].moving(problem, False, "by at most {u} in total", "by at most {u}")
    solutions = MAPS[problem.map]
    template = "{start} " + twice + ", in two different ways, then for every network within {w} of these weights that "
    template += f"{solutions.one} there is one that {solutions.other} within {{upper}}·δ of it, δ the length of "
    template += "what sets the two ways apart."
    template += " No factor below {lower} would do, however small the radii." if lower else ""
    limit: Phrase = ()
    if known.limit is not None and known.pair is not None:
        i, j = known.pair
        limit = say(
            " The limit: for moves of up to {limit} in total no factor does, however large, since one of them puts "
            "rows {i} and {j}, whose outputs differ, onto one another.", limit=upper_end(known.limit, DIGITS), i=i, j=j)
    return say(
        template + "{more}", start=OPENING[claim.rigour], u=lower_end(known.radius_u, DIGITS),
        w=lower_end(known.radius_w, DIGITS), upper=upper_end(upper, DIGITS), lower=low, more=limit)


def _terms(problem: Problem) -> Terms:
    return [(
        "explicit radii (Aubin property)",
        "how far data may move and weights may lie for one factor to bound how far "
        f"{MAPS[problem.map].followers} follow; the modulus is the smallest such factor as both radii shrink to 0",
    )]  # fmt: skip


AUBIN = Quantity(
    "aubin", "Factor with explicit radii (Aubin property)", _sentence, at_size="The factor with explicit radii",
    names_size=True, upper_covers=True, unused="the factor holds within the radii named with it", terms=_terms,
    wonders="which one factor bounds how far solutions follow, for moves up to a stated size", scale=factors,
)
