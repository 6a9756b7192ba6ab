"""P1 for exact fits: first-order changes of predictions, and where they depend on which fit is taken."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from certify.bounds.congruence import Congruence
from certify.bounds.costs import JACOBIAN_LIMIT
from certify.bounds.nearby import Solution, ball_of
from certify.bounds.prediction_changes import Budget, Effects, enclose_changes
from certify.errors import EnclosureError, SpecError
from certify.network.jacobian import Jacobian, jacobian
from certify.network.network import Network
from certify.network.passes import Weights, backward, forward, known_weights
from certify.perturbations.row_sets import RowSets
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic, Pair
from certify.rigor.fp import RAISE, Array, U
from certify.spec.convexity import FIRST_ORDER, OUTPUT_CHANGE
from certify.verdict import Bound, Hypothesis, Rigour

if TYPE_CHECKING:
    from certify.bounds.linearisation import Linearisation
    from certify.problem import Problem


@dataclass(frozen=True, eq=False)
class Fitted:
    """What is known of predictions at exact fits.

    Attributes:
        effects: of all kept rows.
        free: `(N,)` predictions whose gradient is proved to lie outside the range of Jᵀ.
    """

    effects: Effects
    free: Array


def require_fits(problem: Problem) -> None:
    """Refuse a problem that names no predictions, no size, another norm, or merges rows.

    Raises:
        SpecError: with what would work.
    """
    asked = f"quantity '{FIRST_ORDER}'"
    if problem.evaluation is None:
        raise SpecError("evaluation", f"no rows, and {FIRST_ORDER} needs them", "give evaluation rows")
    if problem.weight_norm != "euclidean" or problem.merge_duplicates:
        raise SpecError(asked, f"norm '{problem.weight_norm}' or merged rows", "use norm 'euclidean', and all rows")
    if problem.set != "given" and problem.radius is None:
        raise SpecError(asked, "no radius", "give perturbation.radius")


def enclose_fit_predictions(
    problem: Problem, lin: Linearisation, X: Congruence, solution: Solution | str | None,
    hypotheses: tuple[Hypothesis, ...],
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
    if (problem.n + len(points)) * k * problem.parameters > JACOBIAN_LIMIT:
        raise EnclosureError("gradients of predictions", "too many to be formed", "use fewer evaluation rows")
    weights = known_weights(net) if not isinstance(solution, Solution) else ball_of(
        solution.parameters, solution.radius, solution.layers, lin.arithmetic)
    found = fit_effects(_gradients(problem, weights, problem.X, "row", lin.arithmetic),
                        _gradients(problem, weights, points, "evaluation row", lin.arithmetic), X, lin.sets,
                        lin.arithmetic)
    change = None if problem.change is None else np.ascontiguousarray(problem.change[np.array(problem.kept)])
    count = len(problem.rows) if problem.count is None else problem.count
    budget = Budget(problem.set, problem.norm, count, problem.radius or 1.0, change)
    low, high = (ends.reshape(-1, k).max(axis=1) for ends in enclose_changes([found.effects], budget))
    agreed = sum(bool((problem.X == x).all(axis=1).any()) for x in points)
    own = [Hypothesis("evaluation", "the network is differentiable in its weights at every evaluation row", None, True),
           Hypothesis("agreement", "evaluation rows at which every exact fit nearby is proved to change the outputs by "
                      "the same, to first order: at least", agreed, True)]
    free = int(found.free.reshape(-1, k).any(axis=1).sum())
    if free:
        own.append(Hypothesis("freedom", "evaluation rows at which the first-order change of an output is proved to "
                              "take every value, according to the exact fit: at least", free, True))
    return Bound(FIRST_ORDER, "P1", Rigour.PROVED, float(low.max()), float(high.max()), OUTPUT_CHANGE,
                 (*hypotheses, *own), {}, "", tuple(range(len(points))), tuple(low.tolist()), tuple(high.tolist()))


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


def _gradients(problem: Problem, weights: Weights, rows: Array, what: str, arithmetic: Arithmetic) -> Jacobian:
    """`∂_w f_b(x)` at some rows."""
    net = problem.network
    passed = forward(net, weights, rows, arithmetic)
    if passed.kinks[0]:
        kink = passed.kinks[1][0]
        raise EnclosureError(f"unit {kink.unit} of layer {kink.layer} at {what} {kink.row}",
                             "its input may be 0, where the activation has no derivative", "leave that row out")
    biases = tuple(b is not None for b in net.biases)
    return jacobian(passed, backward(net, weights, passed, arithmetic), net.layers(problem.layer), biases, arithmetic)
