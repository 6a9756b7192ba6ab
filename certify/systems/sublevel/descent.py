"""Loss and gradients at the given weights, enclosed by one forward and one backward pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np

from certify.format.errors import SpecError
from certify.network.graph.balls import descend_in_balls
from certify.network.graph.gradients import descend_graph
from certify.network.graph.graph import GraphNetwork
from certify.network.layers.gradients import Norm, loss_adjoints, row_norm_ends, weight_gradient_norm
from certify.network.layers.passes import Forward, forward, known_weights
from certify.network.loss.base import LossTerms
from certify.network.loss.losses import enclose_losses
from certify.problem.problem import Problem
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic
from certify.rigor.fp import Array
from certify.systems.sublevel.dual_norm import function_dual_norm

GAP: Final = 1e-6
"""Relative gap of two ends above which a finer arithmetic is tried."""


@dataclass(frozen=True, eq=False)
class Descent:
    """Loss and gradients at the given weights, enclosed in one arithmetic.

    Attributes:
        passed: forward pass.
        terms: per-sample losses and slopes.
        loss: ends of `L(ū, w̄)`.
        weight_norm: ends of `|∇_w L|`.
        row_lower, row_upper: ends of `n·|∇_{u_i} L|` for every row.
    """

    passed: Forward
    terms: LossTerms
    loss: Norm
    weight_norm: Norm
    row_lower: Array
    row_upper: Array


def loss_ends(problem: Problem, terms: LossTerms) -> Norm:
    """Ends of `L = (1/n) Σ ℓ_i + (λ/2)|w|²` as rationals."""
    n = problem.n
    error = sum((fp.exact(x) for x in terms.value_error.tolist()), Fraction(0)) / n
    centre = sum((fp.exact(x) for x in terms.value.tolist()), Fraction(0)) / n
    if problem.weight_decay:
        square = sum((fp.inner(a.ravel(), a.ravel()) for a in problem.network.arrays), Fraction(0))
        centre += Fraction(problem.weight_decay) / 2 * square
    return Norm(centre - error, centre + error)


def descend(
    problem: Problem, arithmetic: Arithmetic | None, tell: Callable[[float], None] = lambda _: None
) -> Descent:
    """Enclose loss and gradients by one forward and one backward pass; `tell` hears the fraction done of a graph.

    The arithmetic None stands for balls of python-flint, which only graphs need; sequences know no other.
    """
    net = problem.network
    if isinstance(net, GraphNetwork):
        return _descend_graph(problem, net, arithmetic, tell)
    if arithmetic is None:
        raise SpecError("passes in balls", "a fully connected network", "use an arithmetic")
    weights = known_weights(net)
    passed = forward(net, weights, problem.X, arithmetic, keep_pre=True)
    terms = enclose_losses(problem.loss, passed.output, problem.y, problem.labels, arithmetic)
    adjoints = loss_adjoints(net, weights, passed, terms, arithmetic)
    layers, decay = net.layers(problem.layer), problem.weight_decay
    reference = problem.measure.reference
    if reference is None or problem.level is not None:  # with a level no norm of the weights enters
        weight_norm = weight_gradient_norm(net, passed, adjoints, layers, decay, arithmetic, problem.layer_scale)
    else:
        weight_norm, passed = function_dual_norm(net, passed, adjoints, layers, decay, reference, arithmetic)
    lower, upper = (row_norm_ends(adjoints[0], problem.scale) if problem.moving.inputs
                    else _other_gradients(problem, terms))
    return _descent(problem, passed, terms, weight_norm, lower, upper)


def _descend_graph(
    problem: Problem, net: GraphNetwork, arithmetic: Arithmetic | None, tell: Callable[[float], None]
) -> Descent:
    """The same through a graph, rows in chunks."""
    data = (problem.X, problem.loss, problem.y, problem.labels, problem.weight_decay, problem.scale)
    fixed = not problem.moving.inputs
    found = (descend_in_balls(net, *data, GAP, tell, fixed) if arithmetic is None or net.in_balls
             else descend_graph(net, *data, arithmetic, tell, fixed))
    lower, upper = found.input_lower, found.input_upper
    if not problem.moving.inputs:
        lower, upper = _other_gradients(problem, found.terms)
    return _descent(problem, Forward((), (), (), found.output, found.kinks, found.margin, ()), found.terms,
                    found.weight_norm, lower, upper)


def _descent(
    problem: Problem, passed: Forward, terms: LossTerms, weight_norm: Norm, lower: Array, upper: Array
) -> Descent:
    still = ~np.isin(np.arange(problem.n), np.array(problem.rows))
    return Descent(passed, terms, loss_ends(problem, terms), weight_norm, np.where(still, 0.0, lower),
                   np.where(still, 0.0, upper))


def _other_gradients(problem: Problem, terms: LossTerms) -> tuple[Array, Array]:
    """Ends of `n·|∇_{u_i} L|` where features do not move: `|∂ℓ_i/∂y_i|` (squared loss), or `ℓ_i` (sample weights)."""
    if problem.moving.slides:
        if not problem.row_loss.slides:
            raise SpecError("targets", f"with the {problem.loss} loss", 'use parameter = "features"')
        return row_norm_ends(terms.slopes, None)
    low = np.maximum(terms.value - terms.value_error * fp.RAISE, 0.0) * (1 - 2.0**-50)
    return low, (np.abs(terms.value) + terms.value_error) * fp.RAISE
