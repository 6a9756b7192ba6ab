"""P1 for the critical map: first-order changes of predictions, and whether all critical points nearby share them."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Final

import numpy as np

from certify.format.quantities import FIRST_ORDER_PREDICTION_CHANGE
from certify.format.theorems import P1_CRITICAL
from certify.format.words import Rigour
from certify.network.layers.jacobian import Jacobian
from certify.network.layers.passes import Forward
from certify.network.network import Network
from certify.problem.bound import Bound
from certify.problem.cost import PASS, Cost
from certify.problem.problem import Problem
from certify.rigor import fp
from certify.rigor.arithmetic import Binary64
from certify.rigor.fp import RAISE, Array
from certify.rigor.inverse import Blocks
from certify.systems.critical.cost import columns, hessian_cost, mixed_cost
from certify.systems.critical.point import CriticalPoint, mixed_blocks
from certify.systems.critical.settled import Enclosed, Settled
from certify.systems.critical.symmetry import Units, classify
from certify.systems.critical.words import critical_hypotheses
from certify.theorems.critical import CriticalRule, settled_at
from certify.theorems.predictions.first_order import (
    budget_of,
    critical_effects,
    enclose_changes,
    gradients,
    prediction_hypotheses,
)

INTERPOLATING = ("today's critical point is an exact fit, where the Hessian is singular, and changes of predictions "
                 "are not built there: ask for first_order_distance")
SINGULAR = "so that the first-order change of a prediction need not be one number"
GRADIENTS = 2**24
"""Entries of the gradients of predictions that are held at a time."""


_HELD: Final = 3
"""Numbers of an entry of a gradient of a prediction, or of an effect on one."""


class CriticalPredictions(CriticalRule):
    """P1, of critical points."""

    theorem, unsettled = P1_CRITICAL, "M5"

    def cost(self, problem: Problem) -> tuple[Cost, ...]:
        """The base point; and the mixed derivative, with products of every gradient with `A⁻¹` and C."""
        mixed, p, wide = mixed_cost(problem), problem.parameters, columns(problem)
        points = 0 if problem.evaluation is None else len(problem.evaluation)
        outputs = points * problem.outputs
        held = _HELD * (min(outputs * p, GRADIENTS) + min(outputs * wide, GRADIENTS))
        seconds = mixed.rest + PASS[1] * points * sum(problem.network.widths)
        return hessian_cost(problem), Cost(
            "predictions", mixed.memory + 8 * held, mixed.flops + 2.0 * outputs * p * (p + wide), seconds,
            "both ends, row by row")

    def first_order_prediction_change(self, at: CriticalPoint) -> Bound:
        """Both ends of every evaluation row, where the Hessian is nonsingular."""
        quantity, settled = FIRST_ORDER_PREDICTION_CHANGE.name, settled_at(at)
        if settled.point is None:
            return self.stated(at, quantity, settled.theorem, INTERPOLATING)
        if settled.point.inverse is None:
            return self.stated(at, quantity, settled.theorem, f"{settled.reason}, {SINGULAR}")
        at.progress("changes of predictions", 0.4)
        return self.within(at, quantity, self.theorem.label, self.cost(at.problem)[1], lambda: (
            enclose_critical_predictions(at.problem, settled, mixed_blocks(at.problem, settled), at.limits.check)))


def enclose_critical_predictions(
    problem: Problem, settled: Settled, C: Blocks, check: Callable[[], None],
) -> Bound:
    """Both ends of the largest first-order change of an output, for every evaluation row (P1).

    Args:
        problem: with evaluation rows.
        settled: a base point with a nonsingular A (M5b, M5c).
        C: the mixed derivative.
        check: called between the steps; raises when the time is up.

    Raises:
        EnclosureError: a kink at an evaluation row, overflow.
    """
    point, points, k = settled.point, problem.evaluation, problem.outputs
    assert point is not None and point.inverse is not None and points is not None
    budget = budget_of(problem, problem.rows)
    step = max(1, GRADIENTS // (k * problem.parameters))
    lows, highs, agreed, free = [], [], [], []
    for start in range(0, len(points), step):
        check()
        J, passed = gradients(problem, point.weights, points[start:start + step], "evaluation row", Binary64(), start)
        low, high = enclose_changes(critical_effects(J, point.inverse, C), budget)
        lows.append(low.reshape(-1, k).max(axis=1))
        highs.append(high.reshape(-1, k).max(axis=1))
        agreed.append(_agreed(problem, point, passed))
        free.append(_free(settled, J).reshape(-1, k).any(axis=1))
    lower, upper = np.concatenate(lows), np.concatenate(highs)
    found = (*critical_hypotheses(problem, settled), *prediction_hypotheses(
        "critical point", int(np.concatenate(agreed).sum()), int(np.concatenate(free).sum())))
    return Bound(FIRST_ORDER_PREDICTION_CHANGE.name, P1_CRITICAL.label, Rigour.PROVED, float(lower.max()),
                 float(upper.max()), FIRST_ORDER_PREDICTION_CHANGE.unit, found, {}, "", tuple(range(len(points))),
                 tuple(lower.tolist()), tuple(upper.tolist()))


def _agreed(problem: Problem, point: Enclosed, passed: Forward) -> Array:
    """Rows at which every field leaves the outputs alone: units are dead or linear there too, none shifts outputs."""
    n = len(passed.output.mid.hi)
    if not point.dimension:
        return np.ones(n, dtype=bool)
    if "softmax" in point.fields.counts:
        return np.zeros(n, dtype=bool)
    found = np.ones(n, dtype=bool)
    assert isinstance(problem.network, Network)  # a critical problem has no graph
    if problem.network.activation == "identity":  # every unit is linear everywhere
        return found
    units: tuple[Units, ...] = classify(problem.network, point.passed)
    for own, z in zip(units, passed.pre, strict=True):
        room = (z.rad[:, None] + (0.0 if z.mid.lo is None else np.abs(z.mid.lo))) * RAISE
        found &= (~own.dead | (z.mid.hi < -room)).all(axis=1) & (~own.linear | (z.mid.hi > room)).all(axis=1)
    return found


def _free(settled: Settled, J: Jacobian) -> Array:
    """Predictions with `⟨g, t⟩ ≠ 0` proved for a field t: to first order their change takes every value."""
    point = settled.point
    assert point is not None
    T, G = point.fields.T, J.mid.hi
    if not point.dimension:
        return np.zeros(len(G), dtype=bool)
    apart = fp.up(fp.sqrt_up(Fraction(point.fields.moving)) * settled.from_fields)
    size_t, size_g = fp.row_norms(np.ascontiguousarray(T.T)), fp.row_norms(G)
    error = fp.dot_unit(T.shape[0]) * size_g[:, None] * size_t + J.rad[:, None] * (size_t + apart)
    error = (error + apart * size_g[:, None]) * RAISE
    return np.asarray((np.abs(G @ T) > error).any(axis=1))
