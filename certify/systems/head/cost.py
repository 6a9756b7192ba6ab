"""What a strongly convex last layer costs."""

from __future__ import annotations

from certify.problem.cost import BASE_MEMORY, Cost
from certify.problem.problem import Problem


def last_layer_cost(problem: Problem) -> Cost:
    """A metric and the images of all rows, for every θ."""
    p, n = problem.parameters, problem.n
    images = n * p * problem.outputs
    work = 26.0 * (6 * p**3 + n * p * (p + min(n, 4000)) + images * p / problem.outputs)
    return Cost("last layer", BASE_MEMORY + 8 * (10 * p**2 + 3 * images + 3 * min(n, 4000) ** 2), work, 1.0,
                "one metric for each share of the curvature")
