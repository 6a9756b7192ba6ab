"""Q6e: one change of a budget that provably moves the solution of a convex last layer, or outputs, this far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from certify.finders.head_attack import Search
from certify.format.errors import EnclosureError
from certify.network.layers.gradients import enclose_gradient
from certify.network.layers.objective import Objective
from certify.network.network import Network
from certify.problem.limits import OutOfTime
from certify.problem.problem import Problem
from certify.rigor import fp
from certify.rigor.arithmetic import DoubleDouble
from certify.rigor.finder import proposed
from certify.rigor.fp import Array
from certify.systems.head.change import Change
from certify.systems.head.last_layer import LastLayer
from certify.theorems.distance.critical_given_change import changed_objective

Points = tuple[Array, Array, Array]
ROOM = 1 - Fraction(1, 2**30)
"""What is left of an end, so that a checker meets it in its own numbers."""


@dataclass(frozen=True, eq=False)
class Reached:
    """A change u and weights v with `|w(u) − w*| ≥ lower`, or `|f(x, w(u)) − f(x, w*)| ≥ lower` at a row x.

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
    problem: Problem, layer: LastLayer, change: Change, check: Callable[[], None] = lambda: None,
    at: Points | None = None,
) -> Reached | None:
    """The furthest that a search gets the solution, proved: `|w(u) − w*| ≥ |v − w̄| − (|∇F_u(v)| + |∇F(w̄)|)/λ`.

    Both gradients vanish at the solutions, and F and F_u are λ-strongly convex. With points the furthest that it gets
    the outputs at one of them.

    Args:
        problem: as of :func:`certify.systems.head.point.convex_parts`.
        layer, change: its last layer and its budget.
        check: called between the steps; raises when the time is up. What was found by then counts.
        at: inputs of the last layer at evaluation rows, radii and norms; None: the weights' distance is asked for.
    """
    if problem.scale is not None or (change.moving.relabels and problem.labels is None):
        return None  # a change in the features' own units need not be exact, and probabilities are no labels
    best: Reached | None = None
    try:
        search = proposed(lambda: Search(problem, layer, change, None if at is None else at[0]))
        for u, V in () if search is None else search.candidates(check):
            check()
            found = enclose_reached(problem, layer, u, V, at)
            if found is not None and (best is None or found.lower > best.lower):
                best = found
    except OutOfTime:  # what is proved by then counts
        if best is None:
            raise
    return best


def enclose_reached(problem: Problem, layer: LastLayer, u: Array, V: Array, at: Points | None = None) -> Reached | None:
    """What one change of the budget and weights near its solution prove; None: nothing.

    Args:
        problem, layer: the problem and its last layer.
        u: a change that lies within the budget, as of :class:`Reached`.
        V: `(k, m)` weights, the bias as last column.
        at: as of :func:`find_reached`.
    """
    net = problem.network
    assert isinstance(net, Network)
    W = np.ascontiguousarray(V[:, :-1] if layer.biased else V)
    b = np.ascontiguousarray(V[:, -1]) if layer.biased else None
    there = Network((*net.weights[:-1], W), (*net.biases[:-1], b), net.activation)
    today = Objective(there, problem.X, problem.loss, *problem.read_by_loss, problem.weight_decay)
    given = replace(problem, parameter=problem.moving.given, set="given", change=u, radius=None, count=None, spec=None)
    try:
        slope = enclose_gradient(changed_objective(given, today), (net.depth,), DoubleDouble()).norm
    except EnclosureError:  # out of range, or a kink of a frozen layer that moved inputs may reach
        return None
    off = (fp.exact(slope) + fp.exact(layer.residual)) / fp.exact(layer.decay)
    step = [[fp.exact(x) - fp.exact(y) for x, y in zip(*pair, strict=True)]
            for pair in zip(V.tolist(), layer.V.tolist(), strict=True)]
    far = fp.sqrt_down(_square(step)) - off if at is None else _seen(step, off, V - layer.V, at)
    lower = fp.down(far * ROOM)
    weights = W.ravel() if b is None else np.concatenate([W.ravel(), b])
    return Reached(lower, u, weights) if lower > 0 else None


def _square(step: list[list[Fraction]]) -> Fraction:
    return sum((x * x for row in step for x in row), Fraction(0))


def _seen(step: list[list[Fraction]], off: Fraction, about: Array, at: Points) -> Fraction:
    """`|Δφ| − off·|φ|`, Δ the step, at the row where it is largest in floats; φ within rad of its midpoint."""
    phi, rad, norm = at
    j = int(np.argmax(np.linalg.norm(phi @ about.T, axis=1)))
    middle = [fp.exact(x) for x in phi[j].tolist()]
    moved = [[sum((d * x for d, x in zip(row, middle, strict=True)), Fraction(0)) for row in step]]
    loose = fp.sqrt_up(_square(step)) * fp.exact(float(rad[j]))
    return fp.sqrt_down(_square(moved)) - loose - off * fp.exact(float(norm[j]))
