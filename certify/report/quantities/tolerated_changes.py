"""How many changed rows the prediction of every evaluation row survives."""

from __future__ import annotations

from certify.certificate.schema import Claim, Problem
from certify.report.digits import count
from certify.report.glance.scales import survived
from certify.report.phrases.functionals import called, is_functional, kept, meaning
from certify.report.phrases.functionals import label as label_words
from certify.report.phrases.parameters import PARAMETERS
from certify.report.phrases.words import OPENING
from certify.report.quantities.quantity import Quantity, Terms
from certify.report.statements import Phrase, Rows, say


def _sentence(claim: Claim, problem: Problem, _: Rows | None) -> Phrase:
    """What half of the rows tolerate."""
    label = label_words(problem)
    several, one = PARAMETERS[problem.parameter].whole
    asked, least, most = problem.count or 0, int(claim.lower or 0), int(claim.upper or 0)
    if claim.lower is None or claim.upper is None or (not least and most == asked):  # 0 rows change nothing
        template = "nothing was proved on how many training rows may change until the label{label} of an evaluation "
        template += "row does."
    elif not most:
        template = "more than half of the {rows} evaluation rows lose their label{label} when some one training row "
        template += "{one}."
    elif not least:
        template = "fewer than half of the {rows} evaluation rows keep their label{label} whichever {beyond} training "
        template += "rows {several}; of fewer it is open."
    else:
        template = "half of the {rows} evaluation rows or more keep their label{label} whichever "
        template += "training row {one}" if least == 1 else "{least} training rows {several}"
        template += _beyond(least, most, asked)
    if is_functional(problem):
        template = _of_functionals(template, problem) + _one_by_one(claim, problem)
    start = OPENING[claim.rigour][:-2]  # it has no "if": rows change or not
    template = template if start else template[0].upper() + template[1:]
    return say("{start}" + template, start=start, rows=count(problem.evaluation_rows or 0),
               label=label, several=several, one=one, least=count(least), most=count(most),
               beyond=count(most + 1))


def _of_functionals(template: str, problem: Problem) -> str:
    """A sentence about labels of evaluation rows in the words of functionals."""
    many, what = called(problem).many, kept(problem)
    for ours, theirs in (("the label{label} of an evaluation row does", f"the {what} of one of the {many} does"),
                         ("evaluation rows", many), ("label{label}", what)):
        template = template.replace(ours, theirs)
    return template


def _one_by_one(claim: Claim, problem: Problem) -> str:
    """How many rows each of a few tolerates, by name."""
    ends = list(zip(claim.rows or (), claim.row_lower or (), claim.row_upper or (), strict=True))
    if not 0 < len(ends) <= NAMED:
        return ""
    asked, of = problem.count or 0, called(problem)
    said = []
    for row, low, high in ends:
        a, b = int(low or 0), int(asked if high is None else high)
        some = f"{a} or more" if a == asked else f"{a}" if a == b else f"{a} to {b}"
        name = of.name(row) if of.names else f"row {row}"
        said.append(f"{name}: {some}".replace("{", "{{").replace("}", "}}"))
    return f" Changed rows that each survives: {'; '.join(said)}."


NAMED = 16
"""Functionals that are named one by one."""


def _beyond(lower: int, upper: int, asked: int) -> str:
    """What is known of more rows."""
    if lower == upper:
        return ", as many as were asked about." if upper == asked else "; of any larger number fewer than half do."
    return "; up to {most} it is open." if upper == asked else "; of more than {most} fewer than half do."


def _terms(problem: Problem) -> Terms:
    return [("what of a functional is counted" if is_functional(problem) else "label of an evaluation row",
             meaning(problem))]


TOLERATED_CHANGES = Quantity(
    "tolerated_changes", "Changed rows that the evaluation rows tolerate", _sentence,
    at_size="The number of changed rows", sized=True, nearest=True, evaluated=True, terms=_terms,
    ranked=False, functional="Changed rows that functionals tolerate",
    wonders="how many changed rows do at least half of the evaluation rows survive with today’s label", scale=survived)
