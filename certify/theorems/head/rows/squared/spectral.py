"""D4, many rows: what deleting any m of them takes from a contrast, by the largest eigenvalue of `K_MM`.

With `0 ⪯ K_MM ⪯ κI`, `κ < 1` and `λ = κ/(1 − κ)`: `cᵀ(I − K_MM)⁻¹r ≤ c·r + ½λ(c·r + |c||r|)` on M, and
`|c||r| ≤ ½(s|c|² + |r|²/s)` for every s > 0, so the sum of the m largest `(1 + ½λ)c_i r_i + ¼λ(s c_i² + r_i²/s)`
bounds it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.ridge import Ridge, Solved
from certify.theorems.head.rows.squared.contrasts import Ints
from certify.theorems.head.rows.squared.outputs import Residuals

TRIED = (1.0, 0.6, 1.6)
"""Multiples of a first guess of s."""

CHUNK = 2**23
"""Numbers of a matrix that are held at a time."""


def largest_block(system: Ridge, rows: Ints, count: int, late: Callable[[], bool]) -> float | None:
    """κ < 1 with `K_MM ⪯ κI` for every M of at most `count` of the rows; None where that is not proved, or time is up.

    `K ⪯ AAᵀ/(1 − δ)` with `A = ΦRᵀ`, and an eigenvalue of a block is at most its largest row sum.
    """
    A = system.phi[rows] @ system.R.T
    wrong = fp.dot_unit(system.p) * system.longest * system.size_R * RAISE
    length = float(fp.row_norms(A).max())
    each = (fp.dot_unit(system.p) * length * length + wrong * (2 * length + wrong)) * RAISE
    most, step = 0.0, max(1, CHUNK // max(1, len(rows)))
    k = min(count, len(rows))
    for start in range(0, len(rows), step):
        if late():
            return None
        size = np.abs(A[start : start + step] @ A.T)
        if 0 < k < len(rows):
            size = np.partition(size, len(rows) - k, axis=1)[:, len(rows) - k:]
        most = max(most, float(fp.require_finite(size.sum(axis=1), "hat matrix").max(initial=0.0))) if k else 0.0
    kappa = (most * fp.sum_up(max(k, 1)) + k * each) / (1.0 - system.delta) * RAISE
    return kappa if kappa < 1 - 1e-9 else None


@dataclass(frozen=True, eq=False)
class Spectral:
    """What is known of one contrast: residuals of all rows, κ, and how many of which rows may go."""

    system: Ridge
    rows: Ints
    residuals: Residuals
    kappa: float
    count: int


def deleted_at_once(problem: Spectral, solved: Solved, at: Ints, late: Callable[[], bool]) -> Array:
    """Upper bounds of what any `count` deletions take from the contrast at some points; infinite once time is up."""
    taken = np.full(len(at), np.inf)
    phi, r = problem.system.phi[problem.rows], problem.residuals.values[problem.rows]
    step = max(1, CHUNK // max(1, len(r)))
    unit = fp.dot_unit(problem.system.p) * problem.system.longest
    for start in range(0, len(at), step):
        if late():
            break
        part = at[start : start + step]
        C = solved.u[part] @ phi.T
        for t, j in enumerate(part, start):
            taken[t] = _taken(problem, C[t - start], r, float(unit * solved.size[j] * RAISE), float(solved.off[j]))
    return taken


def _taken(problem: Spectral, c: Array, r: Array, each: float, off: float) -> float:
    """At one point: the best of some s."""
    m = min(problem.count, len(r))
    if m == 0:
        return 0.0
    lam = problem.kappa / (1.0 - problem.kappa) * RAISE
    product = c * r
    chosen = np.argpartition(-product, m - 1)[:m]
    guess = float(np.sqrt((r[chosen] ** 2).sum() / max(float((c[chosen] ** 2).sum()), 1e-300)))
    if not (np.isfinite(guess) and guess > 0):
        guess = 1.0
    return min(_bound(problem, product, c, r, (each, off), lam, guess * f, m) for f in TRIED)


def _bound(problem: Spectral, product: Array, c: Array, r: Array, errors: tuple[float, float], lam: float, s: float,
           m: int) -> float:
    """The sum of the m largest terms, and what c and r may be off in m rows together."""
    terms = (1.0 + 0.5 * lam) * product + (0.25 * lam * s) * (c * c) + (0.25 * lam / s) * (r * r)
    largest = np.partition(terms, len(terms) - m)[len(terms) - m:]
    total = float(np.maximum(largest, 0.0).sum()) * fp.sum_up(m)
    most_c, most_r = float(np.abs(c).max()), float(np.abs(r).max())
    one_c, one_r = sum(errors), problem.residuals.each + problem.residuals.off
    all_c = m * errors[0] + np.sqrt(m) * errors[1]
    all_r = m * problem.residuals.each + np.sqrt(m) * problem.residuals.off
    slack = (1 + 0.5 * lam) * (most_r * all_c + (most_c + one_c) * all_r)
    slack += 0.25 * lam * (s * (2 * most_c + one_c) * all_c + (2 * most_r + one_r) / s * all_r)
    rough = (1 + 0.5 * lam) * most_c * most_r + 0.25 * lam * (s * most_c**2 + most_r**2 / s)
    bound = float((total + slack + 16 * U * m * rough) * RAISE + fp.FLOOR)
    return bound if np.isfinite(bound) else np.inf
