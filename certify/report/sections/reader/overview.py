"""The first screen: what was asked in plain words, the answer, what it rests on, and what it does not say."""

from __future__ import annotations

from dataclasses import dataclass

from certify.certificate.schema import Certificate
from certify.report.digits import count
from certify.report.glance.asked import Answer, answers
from certify.report.phrases.decisions.over_time import asked
from certify.report.phrases.listing import listing
from certify.report.section import Section
from certify.report.sections.scope import not_claimed
from certify.report.statements import Phrase, code, prose, say


@dataclass(frozen=True)
class Overview:
    """The report at a glance.

    Attributes:
        answers: a question, its answer and a scale for it.
        before: what became of gates that hold the model against an earlier one; none where no baseline was given.
        rests: what the answers rest on.
        unsaid: what they do not say, by the headings under which it is explained.
    """

    answers: tuple[Answer, ...]
    before: tuple[Phrase, ...]
    rests: tuple[Phrase, ...]
    unsaid: tuple[str, ...]


def _build(opened: Certificate) -> Overview:
    quantities = {claim.quantity for claim in opened.claims}
    unsaid = not_claimed(opened.problem, quantities, opened.base.distance is not None)
    return Overview(answers(opened.claims, opened.problem), tuple(_before(opened)), tuple(_rests(opened)),
                    tuple(one.term for one in unsaid))


def _before(opened: Certificate) -> list[Phrase]:
    """What the gates over time say."""
    member = opened.over_time
    if member is None or member.baseline is None:
        return []
    return [say("{asked}: {state}. {why}.", asked=code(asked(gate.model_dump(), opened.claims[gate.claim].quantity)),
                state=gate.state, why=prose(gate.reason)) for gate in member.gates]


def _rests(opened: Certificate) -> list[Phrase]:
    """What somebody has to believe."""
    files = [getattr(opened.subject, role) for role in type(opened.subject).model_fields]
    said = [say("On the very files that it names: {n}, each bound by its SHA-256. On other files it says nothing.",
                n=_number(sum(file is not None for file in files), "file", "files"))]
    proved = [claim for claim in opened.claims if claim.rigour == "proved"]
    labels = list(dict.fromkeys(claim.theorem for claim in proved))
    if labels:
        held = {(h.name, h.statement) for claim in proved for h in claim.hypotheses if h.holds}
        every = {(h.name, h.statement) for claim in proved for h in claim.hypotheses}
        said.append(say(
            "On {theorems}, of which {held} of {every} verified on these files, every rounding error enclosed.",
            theorems=f"theorem{'s' * (len(labels) != 1)} {listing(labels)}", held=count(len(held)),
            every=f"{_number(len(every), 'hypothesis was', 'hypotheses were')}"))
    if len(proved) < len(opened.claims):
        said.append(say("Estimates on this page rest on no proof."))
    said.append(say("On nobody’s word: a separate program, {check}, derives the claims again from the files. This page "
                    "itself is unsigned and proves nothing.", check=code("certify check")))
    return said


def _number(n: int, one: str, several: str) -> str:
    return f"{count(n)} {one if n == 1 else several}"


SECTION = Section("overview", "At a glance", _build)
