"""N1, N2: the farthest first-order motion of the weights when every row, or at most m rows, may change by 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from certify.finders.gram import Form
from certify.finders.low_rank import Ball, Box, Hull, RowShape, Weights, propose_weights
from certify.finders.worst_change import Changes, propose_multipliers
from certify.format.errors import EnclosureError
from certify.format.quantities import FIRST_ORDER_DISTANCE, MODULUS
from certify.format.theorems import N1, N2
from certify.format.words import Rigour
from certify.network.layers.jacobian import Jacobian
from certify.network.layers.kernel import Kernel
from certify.problem.bound import Bound, Hypothesis, SideArray
from certify.problem.cost import Cost
from certify.problem.perturbations.factor import BlockFactor, box_factor
from certify.problem.perturbations.row_sets import (
    Ellipsoids,
    RowSets,
    balls_around,
    boxes_around,
    hulls_around,
    intervals,
    supports,
)
from certify.problem.problem import Problem
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic
from certify.rigor.finder import proposed
from certify.rigor.fp import RAISE, Array
from certify.systems.interpolation.congruence import Congruence
from certify.systems.interpolation.cost import tiers
from certify.systems.interpolation.linearisation import Linearisation
from certify.systems.interpolation.point import InterpolationPoint
from certify.systems.interpolation.row_moduli import enclose_sample_moduli
from certify.theorems.fits import TieredRule, in_function_norm, of_modulus, scaled_to_radius
from certify.theorems.modulus.kernel import enclose_modulus, energy
from certify.theorems.modulus.pairs import pair_norms

MEMBERS = ("weights", "rows", "pairs")


@dataclass(frozen=True, eq=False)
class BudgetEnds:
    """Proved ends of `max |G_w⁺G_uu|` (None: not proved), with what proves them.

    Attributes:
        z: multipliers that prove the lower end.
        member: which bound gave the upper end: ``"weights"``, ``"rows"`` or ``"pairs"``.
        dual: `(n,)` the d_i of ``"weights"``, 0 for rows that do not move; else None.
        shape: what determines the rows' ellipsoids, see :class:`Ellipsoids`; None where it is a formula.
    """

    lower: float | None
    upper: float | None
    z: Array | None
    member: str
    dual: Array | None
    shape: Array | None


def enclose_row_budgets(
    K: Kernel | Jacobian, sets: RowSets, Q: BlockFactor, X: Congruence, arithmetic: Arithmetic, count: int,
) -> BudgetEnds:
    """Enclose `max {√(sᵀK⁻¹s) : s_i ∈ R_i, at most `count` of them not 0}`.

    Upper end: the least of the members of N1 and N2 (proofs/perturbation-sets.md). Lower end:
    `σ(z)/√(zᵀKz)` for one z from a search, σ the support function of the set.

    Args:
        K: enclosed kernel, or the Jacobian it is the Gram matrix of.
        sets: what each row can do.
        Q: enclosed factor of `G_iG_iᵀ`.
        X: congruence of K.
        arithmetic: the arithmetic of K.
        count: most rows that move at once.
    """
    n, k, d = sets.G.shape
    moving = int(sets.moves.sum())
    if moving == 0:
        boxes = np.ones((n, d)) if k > 1 and sets.boxes else None
        return BudgetEnds(0.0, 0.0, None, "weights", np.zeros(n), boxes)
    count = min(count, moving)
    P = X.X.T @ (X.X - X.F @ X.X)
    P = fp.require_finite((P + P.T) / 2, "inverse of the kernel")
    try:
        with np.errstate(all="ignore"):  # a search may overflow: what it proposes is held against what is finite
            options = _searched(P, sets, Q, count)
    except np.linalg.LinAlgError as error:
        raise EnclosureError("worst changes", f"LAPACK gave up ({error})", "this is rare: report it") from None
    z = proposed(lambda: propose_multipliers(P, Changes(sets.G, sets.norm, count), options[-1][0].sums))
    lower = None if z is None else budget_lower(K, sets, z, arithmetic, count)
    ends: list[tuple[float | None, str, Array | None, Array | None]] = []
    for found, around in options:
        some = [_by_weights(K, around, X, arithmetic, weights, count)
                for weights in candidate_weights(P, around, found, count)]
        if count < moving:
            some += [_by_rows(around, X, count), _by_pairs(around, X, count)]
        ends += [(*end, around.shape) for end in some]
    upper, member, dual, shape = min(ends, key=lambda end: np.inf if end[0] is None else end[0])
    return BudgetEnds(lower, upper, z if lower else None, member, dual, shape)


def budget_lower(
    K: Kernel | Jacobian, sets: RowSets, z: Array, arithmetic: Arithmetic, count: int,
) -> float | None:
    """`σ(z)/√(zᵀKz)` rounded down, `σ(z)` the sum of the `count` largest supports: a lower end whatever the rank."""
    if not np.isfinite(z).all() or not z.any():
        return None
    z = np.ldexp(z, -int(np.frexp(np.max(np.abs(z)))[1]))
    n, k, _ = sets.G.shape
    total = sum(sorted(supports(sets, z.reshape(n, k)), reverse=True)[:count], Fraction(0))
    bottom = energy(K, z, arithmetic)
    if total <= 0 or bottom <= 0:
        return None
    return fp.down(total / fp.sqrt_up(bottom))


def _searched(P: Array, sets: RowSets, Q: BlockFactor, count: int) -> list[tuple[Weights, Ellipsoids]]:
    """Dual weights from a search, and the verified ellipsoids they belong to.

    Norm 1 with several outputs: an ellipsoid around the columns, which is searched for, and the image of the Euclidean
    ball, which is often the better one where there are many columns.
    """
    n, k, _ = sets.G.shape
    fixed = intervals(sets) if k == 1 else balls_around(sets, Q) if not sets.boxes else None
    shape: RowShape
    if fixed is not None and (k == 1 or sets.norm == 2 or _flat(sets)):
        shape = Ball(fixed.factor.C)
    else:
        shape = Box(sets.G) if sets.boxes else Hull(sets.G)
        fixed = None
    start = first_factor(P, sets, count, n * k)
    if fixed is not None:
        return [(propose_weights(P, k, shape, sets.moves, count, start), fixed)]
    if sets.boxes:
        found = propose_weights(P, k, shape, sets.moves, count, start)
        assert found.shape is not None
        W = np.where(sets.moves[:, None], found.shape, 1.0)
        return [(found, boxes_around(sets, W, box_factor(sets.G, sets.rad, W)))]
    options = [(propose_weights(P, k, Ball(Q.C), sets.moves, count, start), balls_around(sets, Q))]
    try:
        found = propose_weights(P, k, shape, sets.moves, count, start)
        assert found.shape is not None
        options.insert(0, (found, hulls_around(sets, found.shape)))
    except (EnclosureError, np.linalg.LinAlgError):  # a row whose hull is nearly flat: the ball contains it
        pass
    return options


def _flat(sets: RowSets) -> bool:
    """Whether hulls of columns have fewer dimensions than outputs, so that no ellipsoid factor is regular."""
    return sets.norm == 1 and sets.G.shape[2] < sets.G.shape[1]


def first_factor(P: Form, sets: RowSets, count: int, constraints: int) -> Array:
    """First factor: random, or for few rows what the largest eigenvectors do.

    Args:
        P: the form.
        sets: what each row can do.
        count: most rows that move.
        constraints: of the relaxation; about √2 times its root as many columns leave no spurious maxima.
    """
    n, k, _ = sets.G.shape
    r = min(int(np.sqrt(2 * constraints)) + 2, n * k)
    start = np.random.default_rng(0).standard_normal((n * k, r))
    size = np.repeat(np.sqrt(np.einsum("ikd,ikd->i", sets.G, sets.G)), k)
    if count >= n:
        return size[:, None] * start
    for _ in range(8):  # subspace iteration
        start = np.linalg.qr(size[:, None] * (P @ (size[:, None] * start)))[0]
    return size[:, None] * start


def candidate_weights(P: Form, around: Ellipsoids, found: Weights, count: int) -> list[Array]:
    """Weights to prove: of those searched and, for few rows, equal ones (`m·λ_max`) those that promise least."""
    tau = np.array([float(t) for t in around.stretch])
    moves = tau > 0
    options = [found.weights]
    if count < int(moves.sum()):
        options.append(np.where(tau > 0, 1.0 / np.maximum(tau, 1e-300), 1.0))
    return [min(options, key=lambda w: _promised(P, around, w, tau, count))] if len(options) > 1 else options


def _promised(P: Form, around: Ellipsoids, weights: Array, tau: Array, count: int) -> float:
    """In floats, the bound these weights would give."""
    n, k, q = around.factor.C.shape
    C = around.factor.C / np.sqrt(weights)[:, None, None]
    v = np.ones((n, q))
    for _ in range(60):
        pushed = (P @ np.einsum("ikq,iq->ik", C, v).ravel()).reshape(n, k)
        v = np.einsum("ikq,ik->iq", C, pushed)
        size = float(np.linalg.norm(v))
        if not size > 0:
            return np.inf
        v /= size
    return size * float(np.sort(weights * tau)[::-1][:count].sum())


def _by_weights(
    K: Kernel | Jacobian, around: Ellipsoids, X: Congruence, arithmetic: Arithmetic, weights: Array, count: int,
) -> tuple[float | None, str, Array | None]:
    """`K ⪰ blkdiag(E_i/d_i)` proves `√(sum of the m largest τ_id_i)`; the d_i are the weights times what is missing."""
    moves = around.factor.C.any(axis=(1, 2)) | (around.factor.eta > 0)
    w = np.where(moves, 1.0 / np.sqrt(weights), 1.0)
    C = fp.require_finite(around.factor.C * w[:, None, None], "weighted ellipsoids")
    size = fp.row_norms(C.reshape(len(C), -1))
    eta = np.where(moves, (w * w * around.factor.eta + 4.0 * fp.U * size * size) * RAISE, 0.0)
    mu = enclose_modulus(K, BlockFactor(C, eta), X, arithmetic).upper
    if mu is None:
        return None, "weights", None
    square = fp.exact(mu) ** 2
    dual = np.array([fp.up(square / fp.exact(v) ** 2) if m else 0.0 for v, m in zip(w.tolist(), moves, strict=True)])
    parts = [fp.exact(d) * tau for d, tau in zip(dual.tolist(), around.stretch, strict=True)]
    return fp.up(fp.sqrt_up(sum(sorted(parts, reverse=True)[:count], Fraction(0)))), "weights", dual


def _by_rows(around: Ellipsoids, X: Congruence, count: int) -> tuple[float | None, str, None]:
    """The sum of the m largest κ_i, each the motion that one row alone can cause."""
    n = len(around.factor.C)
    kappas = enclose_sample_moduli(X, around.factor, np.arange(n)).upper
    parts = [fp.exact(v) * fp.sqrt_up(tau) for v, tau in zip(kappas.tolist(), around.stretch, strict=True)]
    return fp.up(sum(sorted(parts, reverse=True)[:count], Fraction(0))), "rows", None


def _by_pairs(around: Ellipsoids, X: Congruence, count: int) -> tuple[float | None, str, None]:
    """The root of the sum of the m largest ρ_i, ρ_i the sum of the m largest `‖M_ij‖` of row i."""
    tau = np.array([fp.up(fp.sqrt_up(t)) for t in around.stretch])
    norms = pair_norms(X, around.factor) * tau[:, None] * tau * RAISE
    largest = -np.sort(-norms, axis=1)[:, :count]
    rho = fp.require_finite(largest.sum(axis=1) * (1.0 + 2.0 * fp.dot_unit(count)) * RAISE, "pair bounds")
    total = sum(sorted((fp.exact(v) for v in rho.tolist()), reverse=True)[:count], Fraction(0))
    return fp.up(fp.sqrt_up(total)), "pairs", None


class _RowBudgets(TieredRule):
    """What N1 and N2 share."""

    def cost(self, problem: Problem) -> tuple[Cost, ...]:
        """The tiers with a congruence."""
        return tiers(problem)

    def relaxes(self, problem: Problem, block: int) -> bool:
        """The rows' sets are relaxed to ellipsoids."""
        return True

    def enclosed(
        self, at: InterpolationPoint, quantity: str, lin: Linearisation, X: Congruence,
        hypotheses: tuple[Hypothesis, ...],
    ) -> Bound:
        """Both ends at ε = 1, through the congruence."""
        problem, own = at.problem, in_function_norm(at.problem, lin)
        ends = enclose_row_budgets(own.kernel, own.sets, own.Q, X, own.arithmetic, problem.most_rows)
        lost = "no Cholesky of the weighted kernel went through: K is ill-conditioned"
        n, dual, shape = len(problem.kept), ends.dual, ends.shape  # reference rows follow, which do not move
        ends = replace(ends, z=None if ends.z is None else np.array(own.multipliers(ends.z)),
                       dual=None if dual is None else dual[:n], shape=None if shape is None else shape[:n])
        return Bound(quantity, self.theorem.label, Rigour.PROVED, ends.lower, ends.upper, at.unit(quantity), hypotheses,
                     budget_witness(ends), lost if ends.upper is None else "")


class PerSample(_RowBudgets):
    """N1."""

    theorem = N1

    def modulus(self, at: InterpolationPoint) -> Bound:
        """Both ends at ε = 1."""
        return self.best(at, MODULUS.name)

    def first_order_distance(self, at: InterpolationPoint) -> Bound:
        """The modulus times the radius."""
        return of_modulus(at, FIRST_ORDER_DISTANCE.name)


class Sparse(_RowBudgets):
    """N2."""

    theorem = N2

    def first_order_distance(self, at: InterpolationPoint) -> Bound:
        """Both ends, by the first tier whose ends meet."""
        return self.best(at, FIRST_ORDER_DISTANCE.name)

    def enclosed(
        self, at: InterpolationPoint, quantity: str, lin: Linearisation, X: Congruence,
        hypotheses: tuple[Hypothesis, ...],
    ) -> Bound:
        """Both ends at the radius, through the congruence."""
        return scaled_to_radius(super().enclosed(at, quantity, lin, X, hypotheses), at.problem)


def budget_witness(ends: BudgetEnds, n: int | None = None, rows: Sequence[int] = ()) -> dict[str, Any]:
    """What proves both ends, with dual and shape spread over all n rows where they are those of `rows` alone."""
    witness: dict[str, Any] = {}
    if ends.z is not None:
        witness["z"] = [float(v) for v in ends.z]
    if ends.upper is None:
        return witness
    witness["member"] = ends.member
    dual, shape, at = ends.dual, ends.shape, list(rows)
    if dual is not None:
        if n is not None:
            whole = np.zeros(n)
            whole[at] = dual
            dual = whole
        witness["dual"] = [float(v) for v in dual]
    if shape is not None:
        if n is not None:
            full = np.broadcast_to(np.eye(shape.shape[1]) if shape.ndim == 3 else 1.0, (n, *shape.shape[1:])).copy()
            full[at] = shape
            shape = full
        witness["array"] = SideArray("shape", shape)
    return witness
