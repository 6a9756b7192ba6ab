"""The problems that the theorem of a strongly convex last layer is built for (Q6)."""

from __future__ import annotations

from certify.check.enclosure.losses.base import loss_of
from certify.check.reading.subject import Problem

SETS = ("total", "per_sample", "sparse")


def refused(problem: Problem) -> str:
    """Why no rule is known for a problem; empty where one is."""
    if not problem.weight_decay > 0 or problem.free != (len(problem.layers),) or problem.graph is not None:
        return "the last layer alone must be free, with a weight decay above 0"
    if len(problem.kept) < len(problem.features) or problem.weight_norm != "euclidean":
        return "rows are merged, or the norm is not euclidean"
    flips = problem.parameter == "labels"
    if problem.set not in SETS or problem.norm != 2 or ((problem.radius or 0) > 0) == flips:
        return "no rule is known for this budget"
    if flips and (problem.labels is None or loss_of(problem).quadratic or problem.set == "total"):
        return "labels that become others need class labels, and a budget of rows"
    if problem.parameter == "targets" and not loss_of(problem).quadratic:
        return "no rule is known for targets of this loss"
    if problem.parameter == "sample_weights" and not (problem.radius or 0) <= 1:
        return "sample weights may become negative"
    if problem.direction is not None and (problem.direction, problem.parameter) != ("down", "sample_weights"):
        return "no rule is known for this direction"
    return ""
