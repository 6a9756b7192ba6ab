"""Whether a problem is about a strongly convex last layer (Q6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from certify.spec.convexity import asks_for_convexity

if TYPE_CHECKING:
    from certify.problem.problem import Problem


def concerns_convexity(problem: Problem) -> bool:
    """Whether a problem read from files is about finite changes of a convex last layer."""
    asked = () if problem.spec is None else tuple(gate.quantity for gate in problem.spec.gate)
    return asks_for_convexity(problem.map, asked, problem.set)
