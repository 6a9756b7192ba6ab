"""What is known at the point of the sublevel map: its loss and gradients, enclosed."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from certify.network.layers.gradients import Norm
from certify.network.layers.passes import Forward
from certify.network.loss.losses import LossTerms
from certify.problem.problem import Problem
from certify.rigor import fp
from certify.rigor.fp import Array


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
