"""What the words of a report mean, for the kind of problem at hand."""

from __future__ import annotations

from collections.abc import Collection

from certify.certificate.schema import Certificate, Problem
from certify.report.maps import MAPS
from certify.report.phrases.parameters import PARAMETERS
from certify.report.phrases.sets import SETS
from certify.report.quantities import rows_of
from certify.report.section import Section
from certify.report.statements import Entry, say


def glossary(problem: Problem, quantities: Collection[str]) -> tuple[Entry, ...]:
    """The terms that a report on this problem uses.

    Args:
        problem: the problem.
        quantities: what the claims bound.
    """
    entries = [
        ("row", "one training example; rows are counted from 0, in the order of the data file"),
        ("weights", "the numbers that training has set: the weights and biases of the layers"),
    ]
    solutions, parameter = MAPS[problem.map], PARAMETERS[problem.parameter]
    entries += [*parameter.term, *solutions.terms(), _move(problem)]
    entries += dict.fromkeys(term for row in rows_of(quantities) for term in row.terms(problem))
    entries += [
        ("lower and upper end", "two bounds with the true value between them; shown digits are rounded outward"),
        ("gate", "a threshold in the specification, which the quantity has to meet"),
        ("witness", "numbers kept with the certificate with which anyone can repeat the decisive step of a proof"),
    ]
    entries += solutions.late_terms()
    entries.append((
        "proved",
        "follows from a theorem whose hypotheses were verified by computation, with all rounding errors enclosed",
    ))  # fmt: skip
    return tuple(Entry(term, say(text)) for term, text in entries)


def _move(problem: Problem) -> tuple[str, str]:
    """What a change is, and its size."""
    row = PARAMETERS[problem.parameter]
    if not row.sized:
        return "change (perturbation) u", row.change
    return "move (perturbation) u", f"a change of {row.changed}; δ is its {SETS[problem.set].length(problem)}"


def _build(opened: Certificate) -> tuple[Entry, ...]:
    return glossary(opened.problem, {claim.quantity for claim in opened.claims})


SECTION = Section("terms", "Terms", _build)
