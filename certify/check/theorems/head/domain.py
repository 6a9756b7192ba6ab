"""The problems that the theorems of a strongly convex last layer are built for (Q6, D1)."""

from __future__ import annotations

from certify.check.enclosure.losses.base import loss_of
from certify.check.reading.data import Vector
from certify.check.reading.subject import Problem

PLAIN = (2, None, None, None)
"""Norm, radius, direction and units where any `count` rows change whole."""
MARKS = ({0.0, 1.0}, {-1.0, 1.0})
"""What a row of targets is made of that marks one output."""


def refused(problem: Problem) -> str:
    """Why no rule is known for a problem; empty where one is."""
    if words := _refused_of_any(problem) or (problem.graph and "of a graph rows change whole, by D1"):
        return str(words)
    if not problem.bias_decay or problem.normalization != "fixed" or problem.kind or problem.functionals:
        return "every weight must decay, the losses be divided by n, rows change one by one, no functionals be asked"
    if problem.row_weights is not None:
        return "rows carry weights, and only D1 is proved with these"
    moves, flips = problem.moves, not problem.moves.sized
    if problem.budget.single or problem.norm != 2 or moves.leaves or ((problem.radius or 0) > 0) == flips:
        return "no rule is known for this budget"
    if flips and (problem.labels is None or loss_of(problem).quadratic or problem.budget.joint):
        return "labels that become others need class labels, and a budget of rows"
    if moves.outer and not loss_of(problem).quadratic:
        return "no rule is known for targets of this loss"
    if moves.single and not (problem.radius or 0) <= 1:
        return "sample weights may become negative"
    if problem.direction is not None and not moves.single:
        return "no rule is known for this direction"
    return ""


def refused_rows(problem: Problem) -> str:
    """The same where any `count` rows, or these, are left out or get other labels (D1)."""
    if words := _refused_of_any(problem) or (problem.functionals and problem.functionals.refused(problem)):
        return words
    budget = (problem.norm, problem.radius, problem.direction, problem.scale)
    if problem.moves.sized or budget != PLAIN or (problem.count is None) != problem.budget.single:
        return "no rule is known for this budget"
    if loss_of(problem).invariant and problem.outputs == 1:
        return "the cross-entropy of one output is 0 whatever it is, and no refit determines it"
    fine = problem.moves.leaves or problem.labels is not None or (loss_of(problem).quadratic and _are_codes(problem))
    return "" if fine else "the targets stand for no labels"


def _refused_of_any(problem: Problem) -> str:
    if not problem.weight_decay > 0 or problem.free != (len(problem.layers),):
        return "the last layer alone must be free, with a weight decay above 0"
    if len(problem.kept) < len(problem.features) or not problem.lengths.plain:
        return "rows are merged, or the norm is not euclidean"
    return ""


def code_rows(problem: Problem) -> tuple[Vector, ...]:
    """The distinct targets, ascending: where they stand for labels, what a row may be given instead of its own."""
    return tuple(sorted(set(problem.targets or ())))


def _are_codes(problem: Problem) -> bool:
    """Two targets of one output, or rows that each mark one of several."""
    codes = code_rows(problem)
    return len(codes) == 2 if problem.outputs == 1 else len(codes) > 1 and any(
        all(set(code) == marks and code.count(1.0) == 1 for code in codes) for marks in MARKS)


DOMAINS = {"Q6": refused, "D1": refused_rows, "D22": _refused_of_any}
"""By the label that a claim states; D22 has more to say with the form of its claims."""
