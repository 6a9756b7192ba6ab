"""Q6e: one change of a budget that provably moves the solution of a strongly convex last layer this far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from certify.bounds.convex import Change
from certify.bounds.convex_attack import Search
from certify.bounds.critical_distance import changed_objective
from certify.bounds.last_layer import LastLayer
from certify.errors import EnclosureError
from certify.network.gradients import enclose_gradient
from certify.network.network import Network
from certify.network.objective import Objective
from certify.problem import Problem
from certify.rigor import fp
from certify.rigor.arithmetic import DoubleDouble
from certify.rigor.fp import Array

ROOM = 1 - Fraction(1, 2**30)
"""What is left of an end, so that a checker meets it in its own numbers."""


@dataclass(frozen=True, eq=False)
class Reached:
    """A change u and weights v with `|w(u) − w*| ≥ lower`.

    Attributes:
        lower: the end.
        change: every row's u_i; where labels become others the unit vector of the new one less that of the old one
            (logistic loss: new − old).
        weights: v, the last layer's weights row by row and then its biases.
    """

    lower: float
    change: Array
    weights: Array


def find_reached(
    problem: Problem, layer: LastLayer, change: Change, check: Callable[[], None] = lambda: None
) -> Reached | None:
    """The furthest that a search gets the solution, proved: `|w(u) − w*| ≥ |v − w̄| − (|∇F_u(v)| + |∇F(w̄)|)/λ`.

    Both gradients vanish at the solutions, and F and F_u are λ-strongly convex.

    Args:
        problem: as of :func:`certify.bounds.convex_distance.convex_parts`.
        layer, change: its last layer and its budget.
        check: called between the steps; raises when the time is up.
    """
    if problem.scale is not None or (change.parameter == "labels" and problem.labels is None):
        return None  # a change in the features' own units need not be exact, and probabilities are no labels
    best: Reached | None = None
    for u, V in Search(problem, layer, change).candidates(check):
        check()
        found = enclose_reached(problem, layer, u, V)
        if found is not None and (best is None or found.lower > best.lower):
            best = found
    return best


def enclose_reached(problem: Problem, layer: LastLayer, u: Array, V: Array) -> Reached | None:
    """What one change of the budget and weights near its solution prove; None: nothing.

    Args:
        problem, layer: the problem and its last layer.
        u: a change that lies within the budget, as of :class:`Reached`.
        V: `(k, m)` weights, the bias as last column.
    """
    net = problem.network
    assert isinstance(net, Network)
    W = np.ascontiguousarray(V[:, :-1] if layer.biased else V)
    b = np.ascontiguousarray(V[:, -1]) if layer.biased else None
    there = Network((*net.weights[:-1], W), (*net.biases[:-1], b), net.activation)
    squared = problem.loss == "squared"
    today = Objective(there, problem.X, problem.loss, problem.y if problem.labels is None or squared else None,
                      None if squared else problem.labels, problem.weight_decay)
    word = "targets" if problem.parameter == "labels" else problem.parameter
    given = replace(problem, parameter=word, set="given", change=u, radius=None, count=None, spec=None)
    try:
        slope = enclose_gradient(changed_objective(given, today), (net.depth,), DoubleDouble()).norm
    except EnclosureError:  # out of range, or a kink of a frozen layer that moved inputs may reach
        return None
    square = sum(((Fraction(x) - Fraction(y)) ** 2 for x, y in zip(V.ravel().tolist(), layer.V.ravel().tolist(),
                                                                strict=True)), Fraction(0))
    off = (fp.exact(slope) + fp.exact(layer.residual)) / fp.exact(layer.decay)
    lower = fp.down((fp.sqrt_down(square) - off) * ROOM)
    weights = W.ravel() if b is None else np.concatenate([W.ravel(), b])
    return Reached(lower, u, weights) if lower > 0 else None
