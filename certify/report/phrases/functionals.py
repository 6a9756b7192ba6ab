"""What the evaluation rows are called: rows that are predicted, or functionals of a head's weights with their names."""

from __future__ import annotations

from certify.certificate.schema import Problem
from certify.format.labels import label_meaning
from certify.report.statements import Called, visible


def is_functional(problem: Problem) -> bool:
    """Whether the evaluation rows are linear functionals of the weights."""
    return problem.functionals is not None


def meaning(problem: Problem) -> str:
    """What a label is, or what is counted of a functional."""
    return label_meaning(problem.outputs, problem.threshold, is_functional(problem))


def label(problem: Problem) -> str:
    """The same in brackets, behind rows whose labels are counted."""
    return f" (label: {meaning(problem)})" if not is_functional(problem) else ""


def kept(problem: Problem) -> str:
    """What of a functional stays or changes."""
    return "sign" if problem.threshold is None else f"side of {problem.threshold!r}"


def called(problem: Problem) -> Called:
    """What they are called on a page."""
    if problem.functionals is None:
        return Called()
    if isinstance(problem.functionals, str):
        return Called("functionals", "functional of evaluation row", kept(problem))
    return Called("coefficients", "coefficient of", kept(problem), tuple(map(visible, problem.functionals)))
