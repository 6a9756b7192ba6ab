"""What was asked and what the answer is, in a line each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from certify.certificate.schema import Claim, Problem
from certify.format.quantities import QUANTITIES as FORMAT
from certify.report.digits import as_given, count, lower_end, upper_end
from certify.report.glance.scales import counted, shares
from certify.report.phrases.listing import named_rows
from certify.report.phrases.moves import mover, small_move
from certify.report.phrases.parameters import PARAMETERS
from certify.report.phrases.words import OPENING
from certify.report.quantities import QUANTITIES
from certify.report.sentences import name
from certify.report.statements import Phrase, Span, prose, say

DIGITS = 4
COUNTED = (shares, counted)
"""Scales of numbers that count evaluation rows."""


@dataclass(frozen=True)
class Answer:
    """A claim at a glance.

    Attributes:
        asked: the question.
        bar: what was asked of the number; empty where nothing was.
        name: what the number is called.
        said: the number.
        unit: of the number; empty where it counts evaluation rows.
        verdict: on it.
        proved: whether a proof stands behind the number.
        scale: what to hold it against.
    """

    asked: Phrase
    bar: Phrase
    name: str
    said: Phrase
    unit: str
    verdict: str
    proved: bool
    scale: tuple[Phrase, ...]


def answers(claims: list[Claim], problem: Problem) -> tuple[Answer, ...]:
    """Every claim at a glance."""
    return tuple(_answer(claim, problem) for claim in claims)


def lead(found: Sequence[Answer], model: str) -> Phrase:
    """The answer to the first question, as a sentence that says of which model.

    Args:
        found: every claim at a glance.
        model: what it is called.
    """
    first, others = found[0], len(found) - 1
    unit = f" ({first.unit})" if first.unit and any(span.kind == "number" for span in first.said) else ""
    more = "" if not others else " One more question stands below." if others == 1 else (
        f" {others} more questions stand below.")
    start = Span("text", f"The answer for {model}: ")
    return (start, *first.said, Span("text", f"{unit}{', proved' if first.proved else ''}.{more}"))


def _answer(claim: Claim, problem: Problem) -> Answer:
    return Answer(
        asked=_asked(claim, problem), bar=_bar(claim), name=name(claim, problem), said=_said(claim, problem),
        unit="" if _counts(claim) else prose(claim.unit), verdict=claim.verdict,
        proved=claim.rigour == "proved" and not _trivial(claim, problem),
        scale=QUANTITIES[claim.quantity].scale(claim, problem) if claim.rigour == "proved" else ())


def _asked(claim: Claim, problem: Problem) -> Phrase:
    """The question: the change, and what is wondered about it."""
    row = QUANTITIES[claim.quantity]
    wonders = row.wonders or f"how large is this: {name(claim, problem)}"
    return say("If {change}: {wonders}?", change=_change(claim, problem), wonders=wonders)


def _change(claim: Claim, problem: Problem) -> str:
    """What happens to the data, as a condition."""
    row, parameter = QUANTITIES[claim.quantity], PARAMETERS[problem.parameter]
    if row.pointwise:
        return small_move(problem, claim.rows is not None)
    if row.names_size:
        which = "the training rows" if problem.rows == "all" else named_rows(problem.rows)
        return f"the {parameter.noun} of {which} {parameter.verbs(problem.direction is not None)[0]}"
    return mover(problem)


def _bar(claim: Claim) -> Phrase:
    if claim.gate is None:
        return ()
    if claim.gate.max is not None:
        return say("asked for: at most {value}; {state}", value=as_given(claim.gate.max), state=claim.gate.state)
    return say("asked for: at least {value}; {state}", value=as_given(claim.gate.min or 0), state=claim.gate.state)


def _trivial(claim: Claim, problem: Problem) -> bool:
    """Whether the ends say no more than what was clear before: of counts, that there are 0 to all of them."""
    if claim.witness.equal_rows is not None:
        return False
    row = FORMAT[claim.quantity]
    most = problem.count if row.per_row else problem.evaluation_rows
    return not claim.lower and claim.upper in (None, most) if row.counts else (claim.lower, claim.upper) == (None, None)


def _said(claim: Claim, problem: Problem) -> Phrase:
    """The number with both ends, as far as they are known."""
    lower, upper = claim.lower, claim.upper
    start = "" if OPENING[claim.rigour] == "If" else OPENING[claim.rigour].split(":")[0] + ": "
    if claim.witness.equal_rows is not None:
        return say("{start}no finite number will do", start=start)
    if _trivial(claim, problem):
        return say("nothing was proved" if not start else "{start}no number", start=start)
    of = f" of {count(problem.evaluation_rows or 0)}" if _counts(claim) else ""
    ends = {"start": start, "of": of, "lower": "" if lower is None else lower_end(lower, DIGITS),
            "upper": "" if upper is None else upper_end(upper, DIGITS)}
    if lower == upper:
        return say("{start}{lower}{of}, exactly", **ends)
    if upper is None:
        return say("{start}at least {lower}{of}; how much at most was not proved", **ends)
    if lower is None or (not lower and not FORMAT[claim.quantity].signed):
        return say("{start}at most {upper}{of}", **ends)
    return say("{start}between {lower} and {upper}{of}", **ends)


def _counts(claim: Claim) -> bool:
    """Whether the number counts evaluation rows."""
    return QUANTITIES[claim.quantity].scale in COUNTED
