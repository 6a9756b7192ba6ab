"""P1 for exact fits: first-order changes of predictions, and where they depend on which fit is taken."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from certify.format.errors import EnclosureError
from certify.format.quantities import FIRST_ORDER_PREDICTION_CHANGE
from certify.format.theorems import P1
from certify.format.words import Rigour
from certify.network.layers.jacobian import Jacobian
from certify.network.layers.passes import known_weights
from certify.network.network import Network
from certify.problem.bound import Bound, Hypothesis
from certify.problem.cost import JACOBIAN_LIMIT, Cost
from certify.problem.perturbations.row_sets import RowSets
from certify.problem.problem import Problem
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic, Pair
from certify.rigor.fp import RAISE, Array, U
from certify.systems.interpolation.congruence import Congruence
from certify.systems.interpolation.cost import prediction_entries, tiers
from certify.systems.interpolation.linearisation import Linearisation
from certify.systems.interpolation.nearby import Solution, ball_of
from certify.systems.interpolation.point import InterpolationPoint
from certify.systems.interpolation.words import equal_reason
from certify.theorems.fits import TieredRule
from certify.theorems.predictions.first_order import (
    Effects,
    budget_of,
    enclose_changes,
    gradients,
    prediction_hypotheses,
    require_all_rows,
)


@dataclass(frozen=True, eq=False)
class Fitted:
    """What is known of predictions at exact fits.

    Attributes:
        effects: of all kept rows.
        free: `(N,)` predictions whose gradient is proved to lie outside the range of Jᵀ.
    """

    effects: Effects
    free: Array


class FitPredictions(TieredRule):
    """P1, of exact fits."""

    theorem = P1

    def cost(self, problem: Problem) -> tuple[Cost, ...]:
        """The tiers with a congruence."""
        return tiers(problem)

    def require(self, problem: Problem) -> None:
        """Refuse merged rows."""
        require_all_rows(problem)

    def doubt(self, problem: Problem) -> str:
        """Gradients that would be too many."""
        if prediction_entries(problem) <= JACOBIAN_LIMIT:
            return super().doubt(problem)
        return "gradients of predictions are too many to be formed; use fewer evaluation rows"

    def at_equal_rows(self, at: InterpolationPoint, quantity: str, i: int, j: int) -> Bound:
        """Nothing follows."""
        return self.open(at, quantity, equal_reason(i, j), at.counting())

    def first_order_prediction_change(self, at: InterpolationPoint) -> Bound:
        """Both ends of every evaluation row."""
        return self.best(at, FIRST_ORDER_PREDICTION_CHANGE.name)

    def enclosed(
        self, at: InterpolationPoint, quantity: str, lin: Linearisation, X: Congruence,
        hypotheses: tuple[Hypothesis, ...],
    ) -> Bound:
        """Both ends of every evaluation row, through the congruence."""
        return enclose_fit_predictions(at.problem, lin, X, at.solution, hypotheses)


def enclose_fit_predictions(
    problem: Problem, lin: Linearisation, X: Congruence, solution: Solution | None, hypotheses: tuple[Hypothesis, ...],
) -> Bound:
    """Both ends of the largest first-order change of an output, for every evaluation row (P1).

    Args:
        problem: with evaluation rows.
        lin: the linearised problem; gradients are computed in its arithmetic.
        X: its congruence.
        solution: base `nearby`: the ball; else None.
        hypotheses: of M1, verified.

    Raises:
        EnclosureError: a kink at an evaluation row, overflow, Jacobians that are too large.
    """
    net, points, k = problem.network, problem.evaluation, problem.outputs
    assert points is not None and isinstance(net, Network)
    if prediction_entries(problem) > JACOBIAN_LIMIT:
        raise EnclosureError("gradients of predictions", "too many to be formed", "use fewer evaluation rows")
    weights = known_weights(net) if solution is None else ball_of(
        solution.parameters, solution.radius, solution.layers, lin.arithmetic)
    J, _ = gradients(problem, weights, problem.X, "row", lin.arithmetic)
    G, _ = gradients(problem, weights, points, "evaluation row", lin.arithmetic)
    found = fit_effects(J, G, X, lin.sets, lin.arithmetic)
    ends = enclose_changes([found.effects], budget_of(problem, problem.kept))
    low, high = (end.reshape(-1, k).max(axis=1) for end in ends)
    agreed = sum(bool((problem.X == x).all(axis=1).any()) for x in points)
    own = prediction_hypotheses("exact fit", agreed, int(found.free.reshape(-1, k).any(axis=1).sum()))
    return Bound(FIRST_ORDER_PREDICTION_CHANGE.name, P1.label, Rigour.PROVED, float(low.max()), float(high.max()),
                 FIRST_ORDER_PREDICTION_CHANGE.unit, (*hypotheses, *own), {}, "", tuple(range(len(points))),
                 tuple(low.tolist()), tuple(high.tolist()))


def fit_effects(J: Jacobian, G: Jacobian, X: Congruence, sets: RowSets, arithmetic: Arithmetic) -> Fitted:
    """`s_ji = G_iᵀ(K⁻¹Jg_j)_i`, up to the sign, for predictions with gradients g_j, the rows of G (P1, C1).

    With `XKXᵀ = I + F'` and `a = XJg`: `K⁻¹Jg = Xᵀ(I + F')⁻¹a`, and `(I + F')⁻¹a = a − F'a` up to `ε²/(1 − ε)|a|`. A
    gradient is outside the range of Jᵀ if `|g|² > aᵀ(I + F')⁻¹a`, which is at most `|a|² − aᵀF'a + |F'a|²/(1 − ε)`.
    """
    N, size_j, size_g = len(X.X), fp.row_norms(J.mid.hi) * RAISE, fp.row_norms(G.mid.hi) * RAISE
    b = arithmetic.product(G.mid, J.mid)
    loose = (fp.up(Fraction(arithmetic.product_unit(J.mid.hi.shape[1]))) * np.outer(size_g, size_j)
             + np.outer(size_g, J.rad) + np.outer(G.rad, size_j + J.rad)) * RAISE
    exact = arithmetic.product(b, Pair(X.X))
    a, size_x = fp.require_finite(exact.hi, "gradients of predictions"), fp.frobenius(X.X)
    size_b, size_a = fp.row_norms(b.hi) * RAISE, fp.row_norms(a)
    r = (fp.up(Fraction(arithmetic.product_unit(N))) * size_b + fp.row_norms(loose)) * size_x * RAISE  # |a − fl a|
    r = (r + (0.0 if exact.lo is None else fp.row_norms(exact.lo))) * RAISE
    epsilon, error = fp.up(X.epsilon), fp.up(X.error)
    keep = fp.down(1 - X.epsilon)
    w = fp.require_finite(a @ X.F.T, "gradients of predictions")
    z = a - w
    rest = error + epsilon * epsilon / keep + fp.dot_unit(N) * (fp.frobenius(X.F) + 1.0)
    off = (r / keep + rest * size_a) * RAISE  # |(I + F')⁻¹a − z|
    y = fp.require_finite(z @ X.X, "gradients of predictions")
    n, k, d = sets.G.shape
    columns = fp.row_norms(np.ascontiguousarray(X.X.T).reshape(n, k * N))  # of the columns of X that are a row's
    far = columns * (off + fp.dot_unit(N) * fp.row_norms(z) * RAISE)[:, None] * RAISE
    own = y.reshape(len(y), n, k)
    size_y = fp.row_norms(own) + far
    mid = fp.require_finite(np.einsum("jik,ikd->jid", own, sets.G), "change of predictions")
    size_s = fp.row_norms(sets.G.reshape(n, k * d)) * sets.moves
    rad = (size_s * (fp.dot_unit(k) * size_y + far) + sets.rad * size_y) * RAISE + fp.FLOOR * sets.moves
    least = np.maximum(shortest(G.mid.hi) - G.rad * RAISE, 0.0) * (2.0 - RAISE)
    slack = fp.dot_unit(N) * fp.frobenius(X.F) + error  # of F'a, over |a|
    plain = (size_a - (a * w).sum(axis=1) / size_a) * size_a
    plain = plain + (slack * size_a + fp.dot_unit(N) * fp.row_norms(w)) * size_a
    most = np.sqrt((plain + (fp.row_norms(w) + slack * size_a) ** 2 / keep) * RAISE) + r / np.sqrt(keep)  # √(bᵀK⁻¹b)
    free = least > most * RAISE
    return Fitted(Effects(mid, rad * sets.moves), free)


def shortest(G: Array) -> Array:
    """`(N,)` lower bounds of the norms of rows, by what `row_norms` may have added; 0 where it raised them to `FLOOR`.

    >>> bool(0.99 < shortest(np.array([[1.0]]))[0] <= 1.0), float(shortest(np.array([[1e-150]]))[0])
    (True, 0.0)
    """
    size = fp.row_norms(G)
    below = size * (1.0 - 4.0 * (G.shape[1] + 32) * U) * (2.0 - RAISE) ** 2
    return np.where(size > 2 * fp.FLOOR, below, 0.0)
