"""N1 to N3 for the critical map: how far a critical point moves, to first order, over a set of changes (M5e)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from certify.finders.gram import Form, form_of
from certify.finders.low_rank import Ball, Box, Hull, Weights, propose_weights
from certify.finders.worst_change import Changes, propose_sums
from certify.format.errors import EnclosureError
from certify.problem.norms.row_norm import ROW_NORMS
from certify.problem.perturbations.factor import BlockFactor
from certify.problem.perturbations.row_sets import Ellipsoids, RowSets, boxes_around, hulls_around, supports
from certify.rigor import fp
from certify.rigor.arithmetic import Binary64
from certify.rigor.finder import proposed
from certify.rigor.fp import RAISE, Array, U
from certify.rigor.inverse import Block, Blocks, Dual, Inverse, Matrix, enclose_ends, enclose_row_ends, length_above
from certify.theorems.modulus.critical_one_row import pushed
from certify.theorems.modulus.critical_pairs import pair_sum
from certify.theorems.modulus.given_change import ChangeEnds
from certify.theorems.modulus.row_budgets import BudgetEnds, candidate_weights, first_factor

PAIRS = 2500
"""Columns of C up to which the bound by pairs of rows is tried (the checker has to form every pair too), and hulls."""

LEAST = 1e-11
"""Weights below this share of the largest are raised to it: they cost nothing, and no row is forgotten."""


@dataclass(frozen=True, eq=False)
class Moves:
    """What the data may do: the rows' blocks of C, and the budget of each row.

    Attributes:
        C: the mixed derivative.
        norm: of one row's change: 1, 2 or ``"inf"``.
        count: most rows that move at once; all for `per_sample`.
    """

    C: Blocks
    norm: int | str
    count: int


def enclose_critical_budgets(
    H: Matrix, inverse: Inverse, moves: Moves, check: Callable[[], None], dual: Dual | None = None,
) -> BudgetEnds:
    """Enclose `max {|A⁻¹Cu| : |u_i|_q ≤ 1, at most count of them not 0}` (M5e).

    Upper end: the least of three. `weights`: `AAᵀ ⪰ Σ C_iE_iC_iᵀ/d_i` proves the root of the sum of the m largest
    `τ_id_i`, `{u : |u|_q ≤ 1} ⊂ √τ_iE_i^½B`; `rows`: the sum of the m largest motions of a row alone; `pairs`: the
    root of the sum of the m largest ρ_i. Lower end: `σ(Cᵀz)/|Hz|` for one z from a search.

    Args:
        H: the Hessian.
        inverse: of A, the Hessian completed.
        moves: what may move.
        check: called between the steps; raises when the time is up.
        dual: how long Hz is, if not by its Euclidean norm; inverse is then the measured one.

    Raises:
        EnclosureError: overflow, or LAPACK gave up.
    """
    kept = list(moves.C())
    mid = np.concatenate([block.mid for block in kept])
    n, p, q = mid.shape
    count = min(moves.count, n)
    Y = fp.require_finite(inverse.X @ np.ascontiguousarray(mid.transpose(1, 0, 2)).reshape(p, n * q), "worst changes")
    unit = RowSets(np.tile(np.eye(q), (n, 1, 1)), np.zeros(n), moves.norm)
    try:
        with np.errstate(all="ignore"):  # a search may overflow: what it proposes is held against what is finite
            P = form_of(Y)
            options = _searched(P, unit, count)
    except np.linalg.LinAlgError as error:
        raise EnclosureError("worst changes", f"LAPACK gave up ({error})", "this is rare: report it") from None
    check()
    u = proposed(lambda: propose_sums(P, Changes(unit.G, moves.norm, count), options[-1][0].sums))
    check()
    z = None if u is None else inverse.X.T @ (Y @ u)
    lower = None if z is None else support_below(H, moves, z, dual)
    ends: list[tuple[float, str, Array | None, Array | None]] = [
        (*by_weights(inverse, moves.C, around, candidate, count), around.shape)
        for found, around in options for candidate in candidate_weights(P, around, found, count)]
    if count < n:
        check()
        around = options[-1][1]
        ends.append((_by_rows(inverse, moves, around, count), "rows", None, around.shape))
        if n * q <= PAIRS:
            ends.append((_by_pairs(inverse, moves, around, count), "pairs", None, around.shape))
    upper, member, weights, shape = min(ends, key=lambda end: end[0])
    return BudgetEnds(lower or 0.0, upper, z if lower else None, member, weights, shape)


def support_below(H: Matrix, moves: Moves, z: Array, dual: Dual | None = None) -> float | None:
    """`σ(Cᵀz)/|Hz|` rounded down, σ the sum of the m largest `|C_iᵀz|_{q*}`; None where it is not proved positive.

    Whatever the rank of H: `Hv = −Cu` gives `⟨Cᵀz, u⟩ ≤ |Hz||v|`, and the maximal u is of the set.
    """
    if not np.isfinite(z).all() or not z.any():
        return None
    z = np.ldexp(z, -int(np.frexp(np.max(np.abs(z)))[1]))
    found: list[Fraction] = []
    for block in moves.C():
        m, p, _ = block.mid.shape
        found += supports(RowSets(block.mid, block.radius, moves.norm), np.broadcast_to(z, (m, p)))
    top = sum(sorted(found, reverse=True)[:moves.count], Fraction(0))
    return fp.down(top / length_above(H, z, Binary64(), dual)) if top > 0 else None


def by_weights(
    inverse: Inverse, C: Blocks, around: Ellipsoids, weights: Array, count: int,
) -> tuple[float, str, Array]:
    """`‖A⁻¹[C_iE_i^½w_i]‖ ≤ μ` by W2; then `d_i = μ²/w_i²` has `AAᵀ ⪰ Σ C_iE_iC_iᵀ/d_i`.

    Args:
        inverse: of A.
        C: the rows' blocks.
        around: ellipsoids around the rows' unit balls, `E_i = L_iL_iᵀ`.
        weights: `(n,)` positive, from a search; bad ones cost tightness alone.
        count: most rows that move.
    """
    most = float(weights.max())
    weights = np.maximum(weights, LEAST * most) if 1e-200 < most < 1e200 else np.ones(len(weights))
    w = 1.0 / np.sqrt(weights)
    mu = fp.exact(enclose_ends(inverse, _shaped(C, around.factor.C, w)).upper)
    dual = np.array([fp.up(mu**2 / fp.exact(v) ** 2) for v in w.tolist()])
    parts = [fp.exact(d) * tau for d, tau in zip(dual.tolist(), around.stretch, strict=True)]
    return fp.up(fp.sqrt_up(sum(sorted(parts, reverse=True)[:count], Fraction(0)))), "weights", dual


def enclose_critical_change(inverse: Inverse, C: Blocks, u: Array) -> ChangeEnds:
    """Enclose `|A⁻¹Cu|` for one change: with `y = fl(X fl(Cu))` of error e it is `(|y| ∓ e)/(1 ± ε)` (W2).

    Args:
        inverse: of A.
        C: the rows' blocks.
        u: `(n, q)` the change of the rows that may move.
    """
    p, start, error = inverse.X.shape[1], 0, Fraction(0)
    total, passed = np.zeros(p), Fraction(0)
    for block in C():
        m, _, q = block.mid.shape
        part = u[start:start + m]
        start += m
        total = total + np.einsum("mpq,mq->p", block.mid, part)
        lengths = fp.row_norms(part) * part.any(axis=1)
        each = fp.row_norms(block.mid.reshape(m, -1)) * lengths
        passed += fp.total(each.tolist()) * Fraction(RAISE)
        error += Fraction(fp.dot_unit(m * q)) * fp.total(each.tolist()) * Fraction(RAISE)
        error += fp.total((block.radius * lengths).tolist()) * Fraction(RAISE) + Fraction(fp.FLOOR)
        error += Fraction(2 * U) * (passed + error)  # the running sum is rounded once a block
    g = fp.require_finite(total, "change")
    y = fp.require_finite(inverse.X @ g, "change")
    size_g = Fraction(float(fp.row_norms(g[None, :])[0]))
    e = Fraction(fp.dot_unit(p)) * Fraction(fp.frobenius(inverse.X)) * size_g + inverse.size * error
    square = fp.inner(y, y)
    lower = max(fp.sqrt_down(square) - e, Fraction(0)) / (1 + inverse.epsilon)
    return ChangeEnds(fp.down(lower), fp.up((fp.sqrt_up(square) + e) / (1 - inverse.epsilon)))


def _searched(P: Form, unit: RowSets, count: int) -> list[tuple[Weights, Ellipsoids]]:
    """Dual weights from a search, and the verified ellipsoids around the unit balls that they belong to.

    Norm 1: the Euclidean ball, which contains the set, and before it, where there are few columns, an ellipsoid that is
    searched for: it settles slowly, and with many columns ends far above the ball.
    """
    n, q, _ = unit.G.shape
    moves, start = np.ones(n, dtype=bool), first_factor(P, unit, count, n)
    if q > 1 and unit.boxes:
        found = propose_weights(P, q, Box(unit.G), moves, count, start, iterations=150)
        assert found.shape is not None
        W = np.clip(found.shape, 2.0**-60, 2.0**60)  # NaN stays, and is refused below
        return [(found, boxes_around(unit, W, BlockFactor(W[:, :, None] * np.eye(q), np.zeros(n))))]
    ball = Ellipsoids(BlockFactor(unit.G, np.zeros(n)), (Fraction(1),) * n)
    options = [(propose_weights(P, q, Ball(unit.G), moves, count, start), ball)]
    if q > 1 and unit.norm == 1 and n * q <= PAIRS:
        found = propose_weights(P, q, Hull(unit.G), moves, count, start, iterations=150)
        assert found.shape is not None
        options.insert(0, (found, hulls_around(unit, found.shape)))
    return options


def _shaped(C: Blocks, L: Array, w: Array) -> Blocks:
    """The blocks `C_iL_iw_i`, with radii that hold what the two products round."""
    plain = bool((L == np.eye(L.shape[1])).all())

    def make() -> list[Block]:
        found, start = [], 0
        for block in C():
            m, q = len(block.mid), block.mid.shape[2]
            scale, own = w[start:start + m], np.ascontiguousarray(L[start:start + m])
            start += m
            mid, radius = block.mid, block.radius
            if not plain:
                size_l = fp.row_norms(own.reshape(m, -1))
                size = fp.row_norms(mid.reshape(m, -1))
                radius = (size_l * (radius + fp.dot_unit(q) * size) + fp.FLOOR) * RAISE
                mid = fp.require_finite(np.matmul(mid, own), "weighted blocks")
            mid = fp.require_finite(mid * scale[:, None, None], "weighted blocks")
            radius = (scale * radius + 2 * U * fp.row_norms(mid.reshape(m, -1)) + fp.FLOOR) * RAISE
            found.append(Block(mid, fp.require_finite(radius, "weighted blocks")))
        return found

    return make


def _row_motions(inverse: Inverse, moves: Moves, around: Ellipsoids) -> list[Fraction]:
    """Upper bounds of `κ_i = max {|A⁻¹C_iu| : |u|_q ≤ 1}`: a spectral norm, or the largest column for q = 1."""
    if ROW_NORMS[moves.norm].box:
        alone = enclose_row_ends(inverse, _shaped(moves.C, around.factor.C, np.ones(len(around.stretch))))[1]
        return [fp.exact(v) * fp.sqrt_up(t) for v, t in zip(alone.tolist(), around.stretch, strict=True)]
    q = around.factor.C.shape[1]
    if moves.norm == 2:
        found = enclose_row_ends(inverse, moves.C)[1]
    else:
        found = enclose_row_ends(inverse, pushed(moves.C, np.eye(q)))[1].reshape(-1, q).max(axis=1)
    return [fp.exact(v) for v in found.tolist()]


def _by_rows(inverse: Inverse, moves: Moves, around: Ellipsoids, count: int) -> float:
    """The sum of the m largest κ_i, each the motion that one row alone can cause."""
    return fp.up(sum(sorted(_row_motions(inverse, moves, around), reverse=True)[:count], Fraction(0)))


def _by_pairs(inverse: Inverse, moves: Moves, around: Ellipsoids, count: int) -> float:
    """The root of the sum of the m largest ρ_i, ρ_i the sum of row i's m largest products with a row."""
    n = len(around.stretch)
    if moves.norm == 1:
        return pair_sum(inverse, moves.C, np.ones(n), count, entries=True)
    tau = np.array([fp.up(fp.sqrt_up(t)) for t in around.stretch])
    return pair_sum(inverse, _shaped(moves.C, around.factor.C, np.ones(n)), tau, count, entries=False)
