"""The distance to the nearest solution after a change, to first order."""

from __future__ import annotations

from certify.certificate.schema import Claim, Problem
from certify.report.digits import lower_end, upper_end
from certify.report.glance.scales import lengths
from certify.report.maps import MAPS
from certify.report.phrases.moves import mover
from certify.report.phrases.network import alone
from certify.report.phrases.norms import WEIGHT_NORMS
from certify.report.phrases.parameters import PARAMETERS
from certify.report.phrases.sets import SETS
from certify.report.phrases.words import OPENING
from certify.report.quantities.quantity import DIGITS, Quantity, Terms
from certify.report.statements import Phrase, Rows, say


def _sentence(claim: Claim, problem: Problem, rows: Rows | None) -> Phrase:
    """How far the nearest exact fit, or critical point, of the moved data can lie, to first order."""
    lower, upper = claim.lower, claim.upper
    solutions, kind = MAPS[problem.map], SETS[problem.set]
    fit, origin = f"the nearest {solutions.closest}{alone(problem)}", solutions.origin(problem)
    measure = WEIGHT_NORMS[problem.weight_norm].measure
    far = "" if kind.one else f"there are such {PARAMETERS[problem.parameter].verb}s for which "
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
        "{start} {mover}, " + template, start=OPENING[claim.rigour], mover=mover(problem),
        lower="" if lower is None else lower_end(lower, DIGITS),
        upper="" if upper is None else upper_end(upper, DIGITS),
    )


def first_order(_: Problem) -> Terms:
    """What first order means."""
    return [(
        "first order",
        "the network replaced by its linearisation at the data and the weights; what is left out vanishes faster "
        "than the move",
    )]  # fmt: skip


FIRST_ORDER_DISTANCE = Quantity(
    "first_order_distance", "Distance to the nearest exact fit, to first order", _sentence,
    names={"critical": "Distance to the nearest critical point, to first order"},
    equal="No finite bound works. Training rows {i} and {j} have exactly the same features. {why}",
    linear="distance", sized=True, nearest=True, terms=first_order,
    wonders="how far away does the nearest solution lie, to first order", scale=lengths,
)
