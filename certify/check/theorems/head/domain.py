"""The problems that the theorem of a strongly convex last layer is built for (Q6)."""

from __future__ import annotations

from certify.check.enclosure.losses.base import loss_of
from certify.check.reading.subject import Problem


def refused(problem: Problem) -> str:
    """Why no rule is known for a problem; empty where one is."""
    if not problem.weight_decay > 0 or problem.free != (len(problem.layers),) or problem.graph is not None:
        return "the last layer alone must be free, with a weight decay above 0"
    if len(problem.kept) < len(problem.features) or not problem.lengths.plain:
        return "rows are merged, or the norm is not euclidean"
    moves, flips = problem.moves, not problem.moves.sized
    if problem.budget.single or problem.norm != 2 or ((problem.radius or 0) > 0) == flips:
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
