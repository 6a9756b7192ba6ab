"""How far the minimum moves at most, whichever few rows are deleted or relabelled, by the lengths of rows alone."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from certify.rigor import fp
from certify.rigor.cholesky import verify_definite
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.ridge import Ridge, unit_of
from certify.theorems.head.rows.lengths.centre import WEIGHED, Centre
from certify.theorems.head.rows.lengths.kept import Kept, bend
from certify.theorems.head.rows.lengths.pulled import Pulled
from certify.theorems.head.rows.lengths.words import too_hard, too_heavy
from certify.theorems.head.rows.pair_tree.curves import kept_part
from certify.theorems.head.rows.squared.streamed.largest import Largest

TRIES, FARTHEST, ROOM = 5, 16.0, 1.02
"""Distances that are tried, each a reading; the largest move of a margin; and by how much a distance is made larger."""

SPARE = 2.0**-30
"""Part of a proposed eigenvalue that is given away before it is proved."""

LONGER = 1.125
"""Times the longest row as which rows count for a certificate, and its square for leverages: a checker may know no more
than that."""

SLACK, STEPS = 2.0**-10, 60
"""Part of a distance that is left to whoever derives it again, in other roundings; and distances that are tried."""


@dataclass(frozen=True, eq=False)
class Reach:
    """What holds for every choice.

    Attributes:
        distance: upper bound of `|Δ|` in the norm of H.
        bent: upper bound of what linearising leaves, in the norm of the inverse of H.
        longest: the largest length of a row in that norm.
        counted: how many times its length a row counts where its margin moves.
    """

    distance: float
    bent: float
    longest: float
    counted: float = 1.0


def reach(c: Centre, count: int, relabels: bool) -> Reach | str:
    """The distance, or why there is none.

    Args:
        c: the centre.
        count: how many rows may change.
        relabels: whether they get the other label; else they are deleted.
    """
    P, kappa, most = _pulled(c, count, relabels)
    if not kappa < 1.0:
        return too_heavy(count, kappa)
    a = _first(P, kappa, most)
    for _ in range(TRIES):
        if not a * most < FARTHEST:
            break
        held, left = _shares(c, a)
        held = held - kappa - 4.0 * U
        if held > 0.0 and (found := P / held * RAISE) < a:
            return Reach(found, left * found * RAISE, most)
        a = 2.0 * a if held <= 0.0 else max(1.1 * a, min(ROOM * P / held, 3.0 * a))
    return too_hard(count, P)


def plainly(c: Centre, count: int, relabels: bool) -> Reach | str:
    """The distance as far as every row loses the curvature of the longest one, with some to spare: for a certificate.

    Args:
        c: the centre.
        count: how many rows may change.
        relabels: whether they get the other label; else they are deleted.
    """
    P, kappa, most = _pulled(c, count, relabels)
    most, kappa = most * LONGER, kappa * LONGER * LONGER
    if not kappa < 1.0:
        return too_heavy(count, kappa)
    a, found = _first(P, kappa, most), None
    for _ in range(STEPS):
        x = np.array([a * most * RAISE])
        if not x[0] < FARTHEST:
            break
        held = float(kept_part(np.ones(1), x)[0]) * (1.0 - c.unsure) * (1.0 - 8.0 * U) - kappa - 4.0 * U
        near = P / held * RAISE * (1.0 + SLACK) if held > 0.0 else np.inf
        if near <= a:
            found = Reach(a, (float(bend(x)[0]) * (1.0 + c.unsure) + c.unsure) * a * RAISE * RAISE, most, LONGER)
        if found is not None and not near < a * (1.0 - SLACK):
            break
        a = near if near <= a else 1.05 * a
    return too_hard(count, P) if found is None else found


def _pulled(c: Centre, count: int, relabels: bool) -> tuple[float, float, float]:
    """P, κ and the length of the longest row, all no less."""
    longest = c.rows.tallied(Pulled(*c.place, relabels, count))
    most = float(longest.length.sorted()[0].max(initial=0.0))
    P = (c.residual + _sum(longest.pulls, count)) * RAISE
    return P, 0.0 if relabels else _sum(longest.leverages, count), most


def _sum(largest: Largest, count: int) -> float:
    return float(largest.sorted()[0].sum()) * fp.sum_up(count)


def _first(P: float, kappa: float, most: float) -> float:
    """A distance at which even the longest row's loss of curvature would do, where there is one; a proposal."""
    for a in P / (1.0 - kappa) * np.geomspace(1.02, 8.0, 60):
        x = a * most
        if -np.expm1(-x) / x - kappa > P / a:
            return float(a * ROOM)
    return float(2.0 * P / (1.0 - kappa))


def _shares(c: Centre, distance: float) -> tuple[float, float]:
    """F and Φ with `F·H ⪯ Σ ω_j l''_jφ_jφ_jᵀ + diag μ` and `Σ η_j²r_j²φ_jφ_jᵀ ⪯ Φ²·H` within the distance."""
    system = c.system
    found = c.rows.tallied(Kept(*c.place, c.unsure, distance))
    unit = (unit_of(c.rows) + WEIGHED) * RAISE
    A, columns = found.gram(0)
    A[np.diag_indices(len(A))] += c.mu
    off = c.mu_off + 2.0 * U * float(np.abs(np.diagonal(A)).max())
    least = -_most(system, -A, columns, unit, off)
    most = _most(system, *found.gram(1), unit, 0.0)
    return (max(least / (1.0 + system.delta) * (1.0 - 4.0 * U), 0.0),
            float(np.sqrt(max(most, 0.0) / (1.0 - system.delta))) * RAISE)


def _most(system: Ridge, A: Array, columns: Array, unit: float, diagonal: float) -> float:
    """Upper bound of the largest eigenvalue of `RARᵀ`, A a Gram matrix with its errors; inf where none is proved.

    With `‖RHRᵀ − I‖ ≤ δ`, `RARᵀ ⪯ b` gives `A ⪯ b/(1 − δ)·H` for `b ≥ 0`, and `RARᵀ ⪰ b` gives `A ⪰ b/(1 + δ)·H`.
    """
    R, m = system.R, system.p
    A = np.tril(fp.require_finite(A, "curvature"))
    A = A + np.tril(A, -1).T
    left = R @ A
    M = left @ R.T
    M = 0.5 * (M + M.T)
    spread = float(fp.row_norms((np.abs(R) @ columns)[None, :])[0]) * fp.sum_up(m)
    off = (fp.dot_unit(m) * system.size_R * (fp.frobenius(left) + system.size_R * fp.frobenius(A))
           + unit * spread * spread + diagonal * system.size_R * system.size_R + U * fp.frobenius(M)) * RAISE
    try:
        top = float(np.linalg.eigvalsh(M)[-1])
    except np.linalg.LinAlgError:  # no proposal
        return float(np.inf)
    bound = top + SPARE * abs(top) + 2.0 * off
    G = -M
    G[np.diag_indices(m)] += bound
    off = (off + 2.0 * U * float(np.abs(np.diagonal(G)).max())) * RAISE
    return bound if np.isfinite(off) and verify_definite(G, Fraction(off), "a-priori") else np.inf
