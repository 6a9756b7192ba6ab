"""The threat model: who changes which rows, and by how much."""

from __future__ import annotations

from certify.certificate.schema import Certificate, Problem
from certify.format.words import Set
from certify.report.phrases.moves import mover, size_of_move, what_moves
from certify.report.phrases.parameters import PARAMETERS
from certify.report.phrases.sets import SETS
from certify.report.phrases.threats import GIVEN, OUT_OF_REACH, WHICHEVER, WORST, threat_of
from certify.report.quantities import rows_of
from certify.report.section import Section
from certify.report.statements import Entry, say


def threat(problem: Problem, quantities: set[str]) -> tuple[Entry, ...]:
    """Who changes what, in lines of a table.

    Args:
        problem: the problem.
        quantities: what the claims bound.
    """
    one = not Set(problem.set).sized and not problem.count
    lines = [("who", f"{threat_of(problem).who}."), ("which rows", what_moves(problem))]
    lines += [("how much", how) for how in _sizes(problem, quantities)]
    if PARAMETERS[problem.parameter].sized:
        lines.append(("how a change is measured", size_of_move(problem)))
    whole = not PARAMETERS[problem.parameter].sized and not one
    lines.append(("who chooses", WHICHEVER if whole else SETS[problem.set].choice))
    lines.append(("what they know", GIVEN if one else WORST))
    joins = "rows that join within the stated limits are part of the change" if problem.fresh is not None else (
        "no new rows join the training data")
    lines.append(("what stays out of their reach", f"{OUT_OF_REACH}; {joins}."))
    return tuple(Entry(term, say("{t}", t=text)) for term, text in lines)


def _sizes(problem: Problem, quantities: set[str]) -> list[str]:
    """How much may change, by what kind of statement is made of it."""
    asked, said = rows_of(quantities), []
    if any(row.pointwise for row in asked):
        said.append("ever smaller moves: the limit, and no stated size")
    if any(row.names_size for row in asked):
        said.append("up to the size that the claim itself names")
    if any(not row.pointwise and not row.names_size for row in asked):
        said.append(mover(problem))
    return said


def _build(opened: Certificate) -> tuple[Entry, ...]:
    return threat(opened.problem, {claim.quantity for claim in opened.claims})


SECTION = Section("threat", "Threat model", _build)
