"""What the certificate says: every claim as a sentence, what the words mean, and the solution map in symbols."""

from __future__ import annotations

from dataclasses import dataclass

from certify.certificate.schema import Certificate
from certify.report.cautions import distant
from certify.report.digits import as_given
from certify.report.findings import find_findings
from certify.report.limit import limit
from certify.report.maps import MAPS
from certify.report.phrases.decisions.beside import CLAIMS, another_point
from certify.report.phrases.meaning import meaning
from certify.report.phrases.parameters import PARAMETERS
from certify.report.phrases.sets import SETS
from certify.report.section import Section
from certify.report.sections.point import examined
from certify.report.statements import Finding, Phrase, Symbols, say


@dataclass(frozen=True)
class Says:
    """The claims with what has to be known before and after they are read."""

    lead: Phrase
    findings: tuple[Finding, ...]
    meaning: Phrase
    limit: Phrase
    symbols: Symbols


def _build(opened: Certificate) -> Says:
    at = examined(opened)
    return Says(
        lead=(*MAPS[opened.problem.map].point(opened.problem).lead(at), *_distant(opened)),
        findings=find_findings(opened.claims, opened.problem),
        meaning=meaning(at),
        limit=limit(opened.problem, opened.claims),
        symbols=_symbols(opened),
    )


def _distant(opened: Certificate) -> Phrase:
    """That the one solution is not the weights in the file, where it lies far from them, or is not known not to."""
    caution = distant(opened.base.model_dump(), [claim.model_dump() for claim in opened.claims])
    if not caution and another_point(opened.model_dump(exclude_unset=True)):
        caution = f"{CLAIMS}."
    return say(" Caution: {words}", words=caution) if caution else ()


def _symbols(opened: Certificate) -> Symbols:
    problem = opened.problem
    row, kind = PARAMETERS[problem.parameter], SETS[problem.set]
    return Symbols(
        map=problem.map, nearby=MAPS[problem.map].point(problem).nearby, found=opened.base.distance is not None,
        carrier=row.carrier, sized=row.sized, each=kind.by_row, one=kind.one,
        layer=None if problem.layer == "all" else problem.layer, scaled=problem.scale is not None,
        level=None if problem.level is None else as_given(problem.level),
        decay=as_given(problem.weight_decay) if problem.weight_decay else None,
    )


SECTION = Section("says", "What it says", _build)
