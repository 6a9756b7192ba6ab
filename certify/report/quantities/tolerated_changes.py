"""How many changed rows the prediction of every evaluation row survives."""

from __future__ import annotations

from certify.certificate.schema import Claim, Problem
from certify.format.labels import label_meaning
from certify.report.digits import count
from certify.report.phrases.parameters import PARAMETERS
from certify.report.phrases.words import OPENING
from certify.report.quantities.quantity import Quantity, Terms
from certify.report.statements import Phrase, Rows, say


def _sentence(claim: Claim, problem: Problem, _: Rows | None) -> Phrase:
    """What half of the rows tolerate."""
    label = f" (label: {label_meaning(problem.outputs, problem.threshold)})"
    several, one = PARAMETERS[problem.parameter].whole
    if claim.lower is None or claim.upper is None:
        template = "nothing was proved on how many training rows may change until the label{label} of an evaluation "
        template += "row does."
    elif not claim.upper:
        template = "more than half of the {rows} evaluation rows lose their label{label} when some one training row "
        template += "{one}."
    else:
        template = "half of the {rows} evaluation rows or more keep their label{label} whichever {least} training rows "
        template += "{several}" + _beyond(claim.lower, claim.upper, problem.count or 0)
    return say("{start} " + template, start=OPENING[claim.rigour], rows=count(problem.evaluation_rows or 0),
               label=label, several=several, one=one, least=count(int(claim.lower or 0)),
               most=count(int(claim.upper or 0)))


def _beyond(lower: float, upper: float, asked: int) -> str:
    """What is known of more rows."""
    if lower == upper:
        return ", as many as were asked about." if upper == asked else "; of any larger number fewer than half do."
    return "; up to {most} it is open." if upper == asked else "; of more than {most} fewer than half do."


def _terms(problem: Problem) -> Terms:
    return [("label of an evaluation row", label_meaning(problem.outputs, problem.threshold))]


TOLERATED_CHANGES = Quantity(
    "tolerated_changes", "Changed rows that the evaluation rows tolerate", _sentence,
    at_size="The number of changed rows", sized=True, nearest=True, evaluated=True, terms=_terms,
    ranked=False)
