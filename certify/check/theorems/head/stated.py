"""What claims on a convex last layer may state of the weights in the file: their length, and the gradient there (V59).

Neither bears on a claim. They say how far the one solution is from these weights, in their own length, and why.
"""

from __future__ import annotations

from collections.abc import Callable

from flint import arb

from certify.check.enclosure.objective import objective
from certify.check.enclosure.units import gradient, weights_by_units
from certify.check.kernel import DIGITS, Finding, judged
from certify.check.linalg.balls import norm
from certify.check.systems.point import Point


def length(point: Point, value: float) -> Finding:
    """The weights of the last layer in the file, with its biases, have at least the length `value`."""
    found = norm(weights_by_units(point.problem, point.parameters))
    return _finding(bool(found >= value), found)


def bias(point: Point, value: float) -> Finding:
    """`|∇F(w̄) − λ(0, b)| ≤ value`, b the biases of the last layer."""
    problem, last = point.problem, point.problem.layers[-1]
    if last.biases is None:
        return judged(False, False, "the last layer has no bias, so that it is not proved")
    slopes = objective(problem, point.forward.outputs).plain
    found = gradient(problem, point.parameters, point.forward, slopes)
    for unit, b in enumerate(last.biases):  # the last entry of every unit
        found[(unit + 1) * (last.inputs + 1) - 1] -= arb(problem.weight_decay) * arb(b)
    left = norm(found)
    return _finding(bool(left <= value), left)


def _finding(proved: bool, found: arb) -> Finding:
    return judged(proved, False, f"what is proved is {found.str(DIGITS, radius=False)}")


STATED: dict[str, Callable[[Point, float], Finding]] = {"weights": length, "bias": bias}
"""Hypotheses of Q6 beside those that its claims rest on, by name."""
