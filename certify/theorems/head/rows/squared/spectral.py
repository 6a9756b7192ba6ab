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
from certify.theorems.head.rows.squared.majorant import SQUARE, Factor, factor, majorant
from certify.theorems.head.rows.squared.outputs import Residuals

Several = float | Array

TRIED = (1.0, 0.6, 1.6)
"""Multiples of a first guess of s."""

ENOUGH = 0.5
"""A trace below which pairs of many rows are not looked at."""

CHUNK = 2**23
"""Numbers of a matrix that are held at a time."""


def largest_block(system: Ridge, rows: Ints, count: int, late: Callable[[], bool]) -> float | None:
    """κ < 1 with `K_MM ⪯ κI` for every M of at most `count` of the rows; None where that is not proved, or time is up.

    `K ⪯ AAᵀ/(1 − δ)` with `A = ΦRᵀ`, and an eigenvalue of a block is at most its largest row sum, and its trace.
    """
    found = factor(system, rows)
    if len(rows) > SQUARE:
        return _of_many(found, count, late)
    A, length = found.A, found.length
    each = (fp.dot_unit(system.p) * length * length + found.wrong * (2 * length + found.wrong)) * RAISE
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


def _of_many(found: Factor, count: int, late: Callable[[], bool]) -> float | None:
    """The same of many rows: by the trace, the largest of the diagonal, where that is enough; else by bounds of sums.

    `K_ii ≤ |a_i|²` within the factor's error.
    """
    own = np.einsum("ij,ij->i", found.A, found.A) + found.error
    k = min(count, len(own))
    kappa = float(np.partition(own, len(own) - k)[len(own) - k :].sum()) * fp.sum_up(max(k, 1)) if k else 0.0
    hat = None if kappa < ENOUGH else majorant(found, late)
    if hat is not None:
        kappa = min(kappa, float((own + hat.sums(np.ones(len(own)), k - 1)).max()) * RAISE)
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
    rows, r = problem.system.rows, problem.residuals.values[problem.rows]
    step = max(1, CHUNK // max(1, len(rows)))
    unit = fp.dot_unit(problem.system.p) * problem.system.longest
    for start in range(0, len(at), step):
        if late():
            break
        part = at[start : start + step]
        C = rows.against(solved.u[part])
        C = C if len(r) == len(rows) else C[:, problem.rows]
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
    terms = terms_of(product, c, r, lam, s)
    largest = np.partition(terms, len(terms) - m)[len(terms) - m:]
    sizes = float(np.abs(c).max()), float(np.abs(r).max())
    off = problem.residuals.each, problem.residuals.off
    return bound_of(float(np.maximum(largest, 0.0).sum()), sizes, errors, off, lam, s, m)


def terms_of(product: Array, c: Array, r: Array, lam: float, s: float | Array) -> Array:
    """`(1 + ½λ)c_i r_i + ¼λ(s c_i² + r_i²/s)`; `product` is `c_i r_i`."""
    return np.asarray((1.0 + 0.5 * lam) * product + (0.25 * lam * s) * (c * c) + (0.25 * lam / s) * (r * r))


def bound_of(total: float, sizes: tuple[float, float], errors: tuple[float, float], off: tuple[float, float],
             lam: float, s: float, m: int) -> float:
    """A sum of m terms and everything that is not in it; arguments as of :func:`bounds_of`, of one sum."""
    return float(bounds_of(total, sizes, errors, off, lam, s, m))


def bounds_of(total: Several, sizes: tuple[Several, Several], errors: tuple[Several, Several],
              off: tuple[Several, Several], lam: float, s: Several, m: int) -> Array:
    """Sums of m terms and everything that is not in them, of floats or arrays of them; infinite where they overflow.

    Args:
        total: the terms, added up in any order.
        sizes: the largest `|c_i|` and `|r_i|`.
        errors, off: of c and of r: what every one is off, and the length of the rest.
        lam, s: λ and σ.
        m: how many.
    """
    most_c, most_r = sizes
    one_c, one_r = errors[0] + errors[1], off[0] + off[1]
    all_c = m * errors[0] + np.sqrt(m) * errors[1]
    all_r = m * off[0] + np.sqrt(m) * off[1]
    slack = (1 + 0.5 * lam) * (most_r * all_c + (most_c + one_c) * all_r)
    slack = slack + 0.25 * lam * (s * (2 * most_c + one_c) * all_c + (2 * most_r + one_r) / s * all_r)
    rough = (1 + 0.5 * lam) * most_c * most_r + 0.25 * lam * (s * most_c**2 + most_r**2 / s)
    bound = (total * fp.sum_up(m) + slack + 16 * U * m * rough) * RAISE + fp.FLOOR
    return np.where(np.isfinite(bound), bound, np.inf)
