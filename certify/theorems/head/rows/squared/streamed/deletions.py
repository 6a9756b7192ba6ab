"""D4c by parts of the rows: what deleting any m of them takes from contrasts of evaluation rows, both ends.

The eigenvalues of `K_MM` are at most its trace, the m largest `K_ii` together, so that no pair of rows is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.ridge import Ridge, solve
from certify.theorems.head.rows.squared.contrasts import Contrast, Ints, contrasts
from certify.theorems.head.rows.squared.outputs import Outputs
from certify.theorems.head.rows.squared.spectral import bound_of, terms_of
from certify.theorems.head.rows.squared.streamed.largest import Largest

STAYS, OPEN, FLIPS = 1, 0, -1
"""What is proved of a label."""


@dataclass(frozen=True, eq=False)
class Deleted:
    """What deletions do to every evaluation row.

    Attributes:
        status: `(N,)` STAYS under every choice, FLIPS under one, or OPEN.
        rows: of those that flip, rows whose deletion does it.
        kappa: bound of the eigenvalues of `K_MM`; 1 or more: nothing follows from it.
    """

    status: Ints
    rows: dict[int, tuple[int, ...]]
    kappa: float


@dataclass(eq=False)
class _Asked:
    """A contrast of a point: its ends, σ, the largest terms, and the rows that take most to first order."""

    point: int
    contrast: Contrast
    low: float
    high: float
    bound: Largest
    first: Largest
    sigma: float = 0.0


def most_of_trace(system: Ridge, count: int) -> float:
    """κ with `K_MM ⪯ κI` for every M of at most `count` rows: the largest `K_ii` together.

    `K_ii ≤ |Rφ_i|²/(1 − δ)` (Lemma 1), and `Rφ_i` errs by `dot_unit(p)·|φ_i|·‖R‖` in length at most.
    """
    largest = Largest(count)
    wrong = fp.dot_unit(system.p) * system.longest * system.size_R * RAISE
    for _, part in system.rows.parts():
        largest.take(fp.row_norms(fp.require_finite(part @ system.R.T, "hat matrix")))
    lengths = np.zeros(count)  # rows whose computed length is 0 are not among the largest, and err as others do
    found = largest.sorted()[0]
    lengths[: len(found)] = found
    lengths = (lengths + wrong) * RAISE
    return float((lengths * lengths).sum()) * fp.sum_up(count) / (1.0 - system.delta) * RAISE


def deleted(system: Ridge, Y: Array, points: Array, today: Ints, threshold: float, count: int) -> Deleted:
    """What deleting any `count` rows does to the labels of points (D4c).

    Args:
        system: of all rows, with the weight decay after the deletions.
        Y: `(n, k)` targets.
        points: `(N, p)`.
        today: `(N,)` labels.
        threshold: of one output.
        count: how many rows go, at least 1.
    """
    N, kappa = len(points), most_of_trace(system, count)
    if not kappa < 1 - 1e-9:
        return Deleted(np.full(N, OPEN), {}, kappa)
    lam = kappa / (1.0 - kappa) * (RAISE * RAISE)
    solved, outputs = solve(system, points), Outputs(system, Y)
    asked: list[_Asked] = []
    for a in np.unique(today):
        at = np.flatnonzero(today == a)
        for contrast in contrasts(int(a), Y.shape[1], threshold):
            low, high = outputs.margins(solved, contrast, at)
            asked += [_Asked(int(j), contrast, float(x), float(y), Largest(count), Largest(count, 3))
                      for j, x, y in zip(at, low, high, strict=True)]
    residuals, most, largest = outputs.fitted()[0], np.zeros(N), dict.fromkeys((one.contrast for one in asked), 0.0)
    for start, part in system.rows.parts(N):
        C = fp.require_finite(solved.u @ part.T, "influences")
        most = np.maximum(most, np.maximum(C.max(axis=1), -C.min(axis=1)))
        for contrast, some in groupby(asked, lambda one: one.contrast):  # never all contrasts of all rows at once
            r = contrast.of(residuals[start : start + len(part)])
            largest[contrast] = max(largest[contrast], float(np.abs(r).max()))
            for one in some:
                _take(one, C[one.point], r, start, lam)
    unit = fp.dot_unit(system.p) * system.longest
    errors = [(float(unit * size) * RAISE, float(off)) for size, off in zip(solved.size, solved.off, strict=True)]
    status, rows = np.full(N, STAYS), dict[int, tuple[int, ...]]()
    for one in asked:
        size = largest[one.contrast]
        ends = _ends(one, (float(most[one.point]), size), errors[one.point],
                     outputs.residual_errors(one.contrast, size), (lam, count))
        if ends[0] > one.high:
            status[one.point] = FLIPS
            rows.setdefault(one.point, tuple(sorted(one.first.sorted()[1][0].astype(int).tolist())))
        elif not ends[1] < one.low and status[one.point] != FLIPS:
            status[one.point] = OPEN
    return Deleted(status, rows, kappa)


def _take(one: _Asked, c: Array, r: Array, start: int, lam: float) -> None:
    """One part; the first of them says which σ is about the best."""
    product = c * r
    if not one.sigma > 0:
        size = max(float((c * c).sum()), 1e-300)
        one.sigma = float(np.sqrt(float((r * r).sum()) / size)) or 1.0
    one.bound.take(terms_of(product, c, r, lam, one.sigma))
    one.first.take(product, np.array([np.arange(start, start + len(c), dtype=np.float64), c, r]))


def _ends(one: _Asked, sizes: tuple[float, float], errors: tuple[float, float], off: tuple[float, float],
          by: tuple[float, int]) -> tuple[float, float]:
    """What the rows found take at least, and what any take at most; sizes and errors are those of `bound_of`."""
    lam, m = by
    high = bound_of(float(one.bound.sorted()[0].sum()), sizes, errors, off, lam, one.sigma, m)
    product, beside = one.first.sorted()
    if len(product) < m:  # fewer rows than were asked about take anything: nothing is known of the others
        return -np.inf, high
    # cᵀ(I + L)r ≥ c·r − ¼λ(σ|c|² + |r|²/σ − 2c·r), 0 ⪯ L ⪯ λI
    c, r = beside[1], beside[2]
    spread = 0.25 * lam * float((one.sigma * (c * c) + (r * r) / one.sigma - 2.0 * product).sum())
    plain = float(product.sum())
    # all that rounding and enclosures leave open is in the bound of no terms at all, more than once
    rest = bound_of(0.0, sizes, errors, off, lam, one.sigma, m) + 4 * m * U * (abs(plain) + abs(spread))
    return plain - spread - 2.0 * rest, high
