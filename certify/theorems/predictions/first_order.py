"""P1: how far predictions change to first order, a linear function of the change of the data for each of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from certify.format.errors import EnclosureError, SpecError
from certify.format.quantities import FIRST_ORDER_PREDICTION_CHANGE
from certify.network.layers.jacobian import Jacobian, jacobian
from certify.network.layers.passes import Forward, Weights, backward, forward
from certify.network.network import Network
from certify.problem.bound import Hypothesis
from certify.problem.sets.table import BUDGETS
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic
from certify.rigor.fp import RAISE, Array, U
from certify.rigor.inverse import Blocks, Inverse

if TYPE_CHECKING:
    from certify.problem.problem import Problem

_AT_ONCE = 2**24
"""Numbers of the effects that are held at a time."""


@dataclass(frozen=True, eq=False)
class Effects:
    """What the changes of some rows of the data do to predictions: `⟨s_ji, u_i⟩` to the j-th.

    Attributes:
        mid: `(N, m, q)` float64.
        rad: `(N, m)`, `|s_ji − mid_ji| ≤ rad_ji`, Euclidean.
    """

    mid: Array
    rad: Array


@dataclass(frozen=True, eq=False)
class Budget:
    """The changes that are allowed.

    Attributes:
        set: ``"total"``, ``"per_sample"``, ``"sparse"`` or ``"given"``.
        norm: of one row's change: 1, 2 or ``"inf"``; 2 for `total`.
        count: most rows that move at once; all but for `sparse`.
        radius: size of the change; 1 for `given`.
        change: `(m, q)` the one change of the rows that may move (`given`), else None.
    """

    set: str
    norm: int | str
    count: int
    radius: float
    change: Array | None = None


def require_all_rows(problem: Problem) -> None:
    """Refuse merged rows.

    Raises:
        SpecError: with what would work.
    """
    if problem.merge_duplicates:
        raise SpecError(f"quantity '{FIRST_ORDER_PREDICTION_CHANGE}'", "merged rows", "use all rows")


def budget_of(problem: Problem, rows: Sequence[int]) -> Budget:
    """The changes that a problem allows; its one change (`given`) at those rows."""
    change = None if problem.change is None else np.ascontiguousarray(problem.change[np.array(rows)])
    return Budget(problem.set, problem.norm, problem.most_rows, problem.radius or 1.0, change)


def gradients(
    problem: Problem, weights: Weights, rows: Array, what: str, arithmetic: Arithmetic, first: int = 0,
) -> tuple[Jacobian, Forward]:
    """`∂_w f_b(x)` of every output at some rows, by the free parameters, and their forward pass.

    Args:
        problem: the problem.
        weights: where.
        rows: `(m, d)` features.
        what: the kind of row, for the error.
        arithmetic: of the passes.
        first: number of the first of these rows.

    Raises:
        EnclosureError: a kink.
    """
    net = problem.network
    assert isinstance(net, Network)  # the table has no row for a graph here
    passed = forward(net, weights, rows, arithmetic, keep_pre=True)
    if passed.kinks[0]:
        kink = passed.kinks[1][0]
        raise EnclosureError(f"unit {kink.unit} of layer {kink.layer} at {what} {first + kink.row}",
                             "its input may be 0, where the activation has no derivative", "leave that row out")
    biases = tuple(b is not None for b in net.biases)
    adjoints = backward(net, weights, passed, arithmetic)
    return jacobian(passed, adjoints, net.layers(problem.layer), biases, arithmetic), passed


def prediction_hypotheses(solution: str, agreed: int, free: int) -> tuple[Hypothesis, ...]:
    """What was verified at the evaluation rows.

    Args:
        solution: what kind the solutions are, in words.
        agreed: at how many rows all nearby change the outputs alike.
        free: at how many rows they are proved not to.
    """
    found = (
        Hypothesis("evaluation", "the network is differentiable in its weights at every evaluation row", None, True),
        Hypothesis("agreement", f"evaluation rows at which every {solution} nearby is proved to change the outputs by "
                   "the same, to first order: at least", agreed, True),
    )
    if not free:
        return found
    return (*found, Hypothesis("freedom", "evaluation rows at which the first-order change of an output is proved to "
                               f"take every value, according to the {solution}: at least", free, True))


def enclose_changes(effects: Iterable[Effects], budget: Budget) -> tuple[Array, Array]:
    """Both ends of `sup_u |Σ_i ⟨s_ji, u_i⟩|` over the budget, for every prediction j (P1).

    The supremum of a linear function is attained: `ε·√(Σ|s_i|²)` (`total`), ε times the sum of the m largest
    `|s_i|_{q*}` (`sparse`; `per_sample`: of all), q* the dual norm.

    Args:
        effects: of all rows that may move, some at a time.
        budget: what is allowed.

    Returns:
        `(N,)` lower and `(N,)` upper ends.

    Raises:
        EnclosureError: overflow.

    >>> one = Effects(np.array([[[3.0, 4.0], [1.0, 0.0]]]), np.zeros((1, 2)))
    >>> low, high = enclose_changes([one], Budget("sparse", "inf", 1, 2.0))  # 2·(|3| + |4|)
    >>> bool(13.999 < low[0] <= 14.0 <= high[0] < 14.001)
    True
    """
    if budget.change is not None:
        return _of_one(effects, budget.change)
    lows, highs = zip(*(_supports(part, budget.norm) for part in effects), strict=True)
    low, high = np.concatenate(lows, axis=1), np.concatenate(highs, axis=1)
    below, above = BUDGETS[budget.set].supports(low, high, budget.count)
    fp.require_finite(above, "change of predictions")
    radius = fp.exact(budget.radius)
    return (np.array([fp.down(fp.exact(v) * radius) for v in np.maximum(below, 0.0).tolist()]),
            np.array([fp.up(fp.exact(v) * radius) for v in above.tolist()]))


def critical_effects(J: Jacobian, inverse: Inverse, C: Blocks) -> Iterator[Effects]:
    """`s_ji = −C_iᵀA⁻¹g_j`, up to the sign, for predictions with gradients g_j, the rows of J (P1, W2).

    `y = fl(Xĝ)` errs from `A⁻¹g = (XA)⁻¹Xg` by `η + ε/(1−ε)(|y| + η)`, `η = c_p‖X‖_F|ĝ| + ‖X‖r`; then every product
    with a block of C by its rounding, its radius and that error.

    Args:
        J: gradients of the predictions by the parameters.
        inverse: of A.
        C: the mixed derivative.
    """
    G, X = J.mid.hi, inverse.X
    assert J.mid.lo is None  # computed in float64
    p = X.shape[1]
    Y = fp.require_finite(G @ X.T, "change of predictions")
    size = fp.row_norms(Y)
    eta = (fp.dot_unit(p) * fp.frobenius(X) * fp.row_norms(G) + fp.up(inverse.size) * J.rad) * RAISE
    share = fp.up(inverse.epsilon / (1 - inverse.epsilon))
    error = (eta + share * (size + eta) * RAISE) * RAISE
    for block in C():
        m, _, q = block.mid.shape
        step = max(1, _AT_ONCE // max(len(G) * q, 1))
        for start in range(0, m, step):
            part, radius = block.mid[start:start + step], block.radius[start:start + step]
            flat = np.ascontiguousarray(part.swapaxes(0, 1)).reshape(p, -1)
            mid = fp.require_finite(Y @ flat, "change of predictions").reshape(len(G), len(part), q)
            size_c = fp.row_norms(part.reshape(len(part), -1))
            rad = (fp.dot_unit(p) * size[:, None] * size_c + error[:, None] * size_c
                   + (size + error)[:, None] * radius * RAISE) * RAISE
            yield Effects(mid, fp.require_finite(rad, "change of predictions"))


def _supports(effects: Effects, norm: int | str) -> tuple[Array, Array]:
    """Both ends of `|s_ji|_{q*}`."""
    q, sizes, rad = effects.mid.shape[2], np.abs(effects.mid), effects.rad
    if norm == 2:
        high = fp.row_norms(effects.mid)
        low = high * (1.0 - 4.0 * (q + 32) * U) - 2.0 * fp.FLOOR
    elif norm == 1:
        low = high = sizes.max(axis=2)
    else:
        total, rad = sizes.sum(axis=2), rad * np.sqrt(q) * RAISE
        low, high = total * (1.0 - 2.0 * fp.dot_unit(q)), total * fp.sum_up(q)
    return np.maximum((low - rad) * (2.0 - RAISE), 0.0), (high + rad) * RAISE


def _of_one(effects: Iterable[Effects], change: Array) -> tuple[Array, Array]:
    """Both ends of `|Σ_i ⟨s_ji, u_i⟩|` for one change u."""
    values, errors, start = [], [], 0
    for part in effects:
        N, m, q = part.mid.shape
        u = np.ascontiguousarray(change[start:start + m])
        start += m
        flat, lengths = part.mid.reshape(N, m * q), fp.row_norms(u) * u.any(axis=1)
        values.append(fp.require_finite(flat @ u.ravel(), "change of predictions"))
        loose = (part.rad * lengths).sum(axis=1) * fp.sum_up(m) + fp.FLOOR
        errors.append(loose + fp.dot_unit(m * q) * fp.row_norms(flat) * fp.frobenius(u) * RAISE)
    T, E = np.stack(values, axis=1), np.stack(errors, axis=1)
    b = T.shape[1]
    total = T.sum(axis=1)
    error = (E.sum(axis=1) + fp.dot_unit(b) * np.abs(T).sum(axis=1)) * fp.sum_up(b)
    size = np.abs(total)
    most = fp.require_finite((size + error) * RAISE, "change of predictions")
    return np.maximum((size - error) * (2.0 - RAISE), 0.0), most
