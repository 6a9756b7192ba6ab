"""How many evaluation rows have the right label and keep it, whatever the change."""

from __future__ import annotations

from certify.certificate.schema import Claim, Problem
from certify.format.labels import label_meaning
from certify.report.digits import count
from certify.report.glance.scales import counted
from certify.report.phrases.moves import mover
from certify.report.phrases.words import OPENING
from certify.report.quantities.quantity import Quantity, Terms
from certify.report.statements import Phrase, Rows, say


def _sentence(claim: Claim, problem: Problem, _: Rows | None) -> Phrase:
    """Both ends in one sentence."""
    n, label = problem.evaluation_rows or 0, f" (label: {label_meaning(problem.outputs, problem.threshold)})"
    if claim.lower is None or claim.upper is None:
        template = "nothing was proved on how many of the {rows} evaluation rows keep the right label{label}."
    elif claim.lower == claim.upper:
        template = "{least} of the {rows} evaluation rows have the right label{label} and keep it; every other has a "
        template += "wrong one today, or some such change gives it one."
    else:
        template = "at least {least} of the {rows} evaluation rows have the right label{label} and keep it, and "
        template += "no more than {most} do."
    return say("{start} {mover}, " + template, start=OPENING[claim.rigour], mover=mover(problem), rows=count(n),
               label=label, least=count(int(claim.lower or 0)), most=count(int(claim.upper or 0)))


def _terms(problem: Problem) -> Terms:
    return [("right label", "that of the evaluation file"),
            ("label of an evaluation row", label_meaning(problem.outputs, problem.threshold))]


CORRECT_PREDICTIONS = Quantity(
    "correct_predictions", "Labels of the evaluation rows that are right and stay", _sentence,
    at_size="The count of right labels that stay", sized=True, nearest=True, evaluated=True, terms=_terms,
    wonders="how many evaluation rows have the right label and keep it", scale=counted)
