"""Which of two bounds on the same quantity is better."""

from __future__ import annotations

import math

from certify.problem.bound import Bound


def gap(b: Bound) -> float:
    """Largest relative gap between two ends; infinite where one is missing."""
    ends = [(b.lower, b.upper), *zip(b.row_lower, b.row_upper, strict=True)]
    worst = 0.0
    for low, high in ends:
        if low is None or high is None:
            return math.inf
        if high > 0:
            worst = max(worst, (high - low) / high)
    return worst


def better(old: Bound | None, new: Bound) -> Bound:
    """The bound with the smaller gap; of two without ends the newer, whose reason names the last tier tried."""
    if old is None:
        return new
    missing = [sum(end is None for end in (b.lower, b.upper)) for b in (old, new)]
    return old if (missing[0], gap(old)) < (missing[1], gap(new)) else new
