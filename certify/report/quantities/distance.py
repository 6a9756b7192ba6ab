"""The distance to the nearest solution after a change: no limit, changes as large as they are."""

from __future__ import annotations

from certify.certificate.schema import Claim, Problem
from certify.report.digits import lower_end, upper_end
from certify.report.glance.scales import lengths
from certify.report.phrases.moves import mover
from certify.report.phrases.network import alone
from certify.report.phrases.norms import WEIGHT_NORMS
from certify.report.phrases.parameters import PARAMETERS
from certify.report.phrases.sets import SETS
from certify.report.phrases.words import OPENING
from certify.report.quantities import last_layer
from certify.report.quantities.quantity import DIGITS, Quantity
from certify.report.statements import Phrase, Rows, say


def _of_fits(claim: Claim, problem: Problem, rows: Rows | None) -> Phrase:
    """How far the nearest exact fit of the changed data lies: no limit, changes as large as they are."""
    lower, upper = claim.lower, claim.upper
    measure, layer = WEIGHT_NORMS[problem.weight_norm].measure, alone(problem)
    exists = f"a network that fits the changed data exactly{layer} exists within {{upper}} of these weights{measure}"
    some = f"for one such change no exact fit lies nearer than {{lower}}{measure}"
    one = SETS[problem.set].one
    if upper is None and not lower:
        template = f"no bound was proved on how far the nearest exact fit{layer} lies from these weights{measure}."
    elif upper is None and one:
        template = f"no exact fit{layer} lies nearer to these weights than {{lower}}{measure}. That there is one was "
        template += "not proved."
    elif upper is None:
        template = some + ". That there always is one was not proved."
    elif not lower:
        template = f"{exists}. That it has to lie any distance away was not proved."
    else:
        template = f"{exists}, and {'no exact fit lies nearer than {lower}' if one else some}."
    return say(
        "{start} {mover}, " + template + "{more}", start=OPENING[claim.rigour], mover=mover(problem),
        more=_limit(claim, problem), lower="" if not lower else lower_end(lower, DIGITS),
        upper="" if upper is None else upper_end(upper, DIGITS),
    )


def _limit(claim: Claim, problem: Problem) -> Phrase:
    """The size at which two rows with different outputs can meet, after which nothing fits; nothing if not known."""
    known = claim.witness
    if known.limit is None or known.pair is None:
        return ()
    i, j = known.pair
    return say(
        " The limit: moves of {limit} {shared} can put rows {i} and {j}, whose outputs differ, onto one another, and "
        "then nothing fits exactly.", limit=upper_end(known.limit, DIGITS), shared=SETS[problem.set].limit, i=i, j=j)


def _of_critical_points(claim: Claim, problem: Problem, rows: Rows | None) -> Phrase:
    """How far the nearest critical point of the changed training loss lies from today’s."""
    lower, upper = claim.lower, claim.upper
    point = f"weights at which the gradient of the changed training loss vanishes{alone(problem)}"
    if upper is None and not lower:
        template = f"no bound was proved on how far {point} lie from today’s critical point."
    elif upper is None:
        template = f"no {point} lie nearer to today’s critical point than {{lower}}. That there are any was not proved."
    elif not lower:
        template = f"{point} exist within {{upper}} of today’s critical point. That they have to lie any distance away "
        template += "was not proved."
    else:
        template = f"{point} exist within {{upper}} of today’s critical point, and none lie nearer than {{lower}}."
    moves = PARAMETERS[problem.parameter].by_file or mover(problem)
    return say("{start} {moves}, " + template, start=OPENING[claim.rigour], moves=moves,
               lower="" if not lower else lower_end(lower, DIGITS),
               upper="" if upper is None else upper_end(upper, DIGITS))


_BY_MAP = {"interpolation": _of_fits, "critical": _of_critical_points}


def _sentence(claim: Claim, problem: Problem, rows: Rows | None) -> Phrase:
    return _BY_MAP[problem.map](claim, problem, rows)


DISTANCE = Quantity(
    "distance", "Distance to the nearest exact fit", _sentence,
    by_theorem={label: last_layer.distance_sentence for label in ("Q6", "D1")},
    names={
        "Q6": "Distance from today’s solution to that of the changed data",
        "D1": "Distance from today’s solution to that of the changed data",
        "critical": "Distance to the nearest critical point of the changed loss",
    },
    at_size="The distance", sized=True, nearest=True,
    wonders="how far from today’s solution does one of the changed data lie", scale=lengths,
)
