"""The largest, or the smallest, value of stated linear functionals of a head's weights, whatever the change."""

from __future__ import annotations

from certify.certificate.schema import Claim, Problem
from certify.report.digits import count, lower_end, upper_end
from certify.report.glance.scales import outputs
from certify.report.phrases.functionals import called
from certify.report.phrases.moves import mover
from certify.report.phrases.words import OPENING
from certify.report.quantities.quantity import DIGITS, Quantity
from certify.report.statements import Phrase, Rows, say

NAMED = 16
"""Functionals whose ends are told one by one."""


def _sentence(claim: Claim, problem: Problem, _: Rows | None) -> Phrase:
    """What no change exceeds, and what one reaches; one by one where there are few."""
    largest, of = claim.gate is None or claim.gate.max is not None, called(problem)
    beyond, reached = (claim.upper, claim.lower) if largest else (claim.lower, claim.upper)
    ends = {"lower": "" if claim.lower is None else lower_end(claim.lower, DIGITS),
            "upper": "" if claim.upper is None else upper_end(claim.upper, DIGITS)}
    over, to = ("above", "upper") if largest else ("below", "lower")
    what = f"the {'largest' if largest else 'smallest'} of the {{rows}} {of.many}"
    if reached is None:
        template = f"nothing was proved on {what}."
    elif beyond is None:
        template = f"one such change is proved to take {what} to {{{'lower' if largest else 'upper'}}} or {over} it."
        template += " How far any of them takes it was not proved."
    else:
        template = f"no change takes any of the {{rows}} {of.many} {over} {{{to}}}, and one is proved to take {what} "
        template += f"to {{{'lower' if largest else 'upper'}}} or {over} it."
    return say("{start} {mover}, " + template + _one_by_one(claim, problem), start=OPENING[claim.rigour],
               mover=mover(problem), rows=count(problem.evaluation_rows or 0), **ends)


def _one_by_one(claim: Claim, problem: Problem) -> str:
    """Both ends of a few, by name."""
    ends = list(zip(claim.rows or (), claim.row_lower or (), claim.row_upper or (), strict=True))
    of = called(problem)
    if not 0 < len(ends) <= NAMED:
        return ""
    said = []
    for row, low, high in ends:
        name = (of.name(row) if of.names else f"row {row}").replace("{", "{{").replace("}", "}}")
        low_text = "−∞" if low is None else lower_end(low, DIGITS).text
        said.append(f"{name} [{low_text}, {'∞' if high is None else upper_end(high, DIGITS).text}]")
    which = "largest" if claim.gate is None or claim.gate.max is not None else "smallest"
    return f" The {which} value of each lies in: {'; '.join(said)}."


FUNCTIONAL = Quantity(
    "functional", "Range of the functionals", _sentence, at_size="The value of a functional", sized=True, nearest=True,
    evaluated=True, ranked=False,
    wonders="what values can the stated combinations of weights take", scale=outputs)
