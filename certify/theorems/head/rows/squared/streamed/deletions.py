"""D4c by parts of the rows: what deleting any m of them takes from contrasts of evaluation rows, both ends.

The eigenvalues of `K_MM` are at most its trace, the m largest `K_ii` together, so that no pair of rows is looked at.
One row takes `c_ir_i/(1 − K_ii)`, exactly (D4f). Where leverages add up to much, rows are compared (D4a).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.ridge import Ridge, solve
from certify.theorems.head.rows.squared.contrasts import Contrast, Ints, contrasts
from certify.theorems.head.rows.squared.outputs import Outputs
from certify.theorems.head.rows.squared.spectral import bounds_of
from certify.theorems.head.rows.squared.streamed.compared import compared, divided
from certify.theorems.head.rows.squared.streamed.influences import Influences, InfluencesFound, as_lines
from certify.theorems.head.rows.squared.streamed.named import taken_by
from certify.theorems.head.rows.squared.streamed.stretched import Stretched

STAYS, OPEN, FLIPS = 1, 0, -1
"""What is proved of a label."""

HEAVY = 0.5
"""Leverages together from which rows are compared with each other: a bound of `K_MM` by them is coarse then."""

AT_ONCE = 2**23
"""Numbers of rows that are named, which are held at a time."""

ROOM = 2**30
"""Bytes for numbers that are kept of every row, where nothing is said."""


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


@dataclass(frozen=True, eq=False)
class _Asked:
    """A contrast of a point, and its ends."""

    point: int
    contrast: Contrast
    low: float
    high: float


def off_in_length(system: Ridge) -> float:
    """What `Rφ_i` errs by in length at most, as it is computed."""
    return fp.dot_unit(system.p) * system.longest * system.size_R * RAISE


_Named = tuple[_Asked, tuple[int, ...]]
"""A contrast, and rows whose deletion may turn it."""


def diagonal_error(system: Ridge, kappa: float) -> float:
    """What `|Rφ_i|²`, as it is computed, differs from `K_ii ≤ κ` by at most.

    `(1 − δ)K_ii ≤ |Rφ_i|² ≤ (1 + δ)K_ii` (Lemma 1), `|Rφ_i| ≤ 2` as `δ ≤ 1`, and `Rφ_i` errs as in `leverages`.
    """
    wrong = off_in_length(system)
    return float((system.delta * kappa + wrong * (4 + wrong) + fp.dot_unit(system.p) * (2 + wrong) ** 2) * RAISE)


def leverages(system: Ridge, count: int) -> Array:
    """`(count,)` bounds of the largest `K_ii`, in falling order.

    `K_ii ≤ |Rφ_i|²/(1 − δ)` (Lemma 1), and `Rφ_i` errs by `dot_unit(p)·|φ_i|·‖R‖` in length at most.
    """
    lengths = np.zeros(count)  # rows whose computed length is 0 are not among the largest, and err as others do
    found = system.rows.tallied(Stretched(system.R, count)).largest.sorted()[0]
    lengths[: len(found)] = found
    lengths = (lengths + off_in_length(system)) * RAISE
    return np.asarray(lengths * lengths / (1.0 - system.delta) * RAISE)


def most_of_trace(most: Array) -> float:
    """κ with `K_MM ⪯ κI` for every M of as many rows as bounds `most` of the largest `K_ii`: these together."""
    return float(most.sum()) * fp.sum_up(len(most))


def deleted(system: Ridge, Y: Array, points: Array, today: Ints, threshold: float, count: int,
            room: int = ROOM) -> Deleted:
    """What deleting any `count` rows does to the labels of points (D4c, D4f of one, D4a where leverages are large).

    Args:
        system: of all rows, with the weight decay after the deletions.
        Y: `(n, k)` targets.
        points: `(N, p)`.
        today: `(N,)` labels.
        threshold: of one output.
        count: how many rows go, at least 1.
        room: bytes for numbers that are kept of every row.
    """
    solved, outputs = solve(system, points), Outputs(system, Y)
    asked: list[_Asked] = []
    for a in np.unique(today):
        at = np.flatnonzero(today == a)
        for contrast in contrasts(int(a), Y.shape[1], threshold):
            low, high = outputs.margins(solved, contrast, at)
            asked += [_Asked(int(j), contrast, float(x), float(y)) for j, x, y in zip(at, low, high, strict=True)]
    kinds = {contrast: t for t, contrast in enumerate(dict.fromkeys(one.contrast for one in asked))}
    case = _case(system, outputs, Y, list(kinds), count, room)
    if isinstance(case, float):
        return Deleted(np.full(len(points), OPEN), {}, case)
    places: Ints = np.array([[one.point, kinds[one.contrast]] for one in asked], dtype=np.int64).reshape(-1, 2)
    task = Influences(solved.u, outputs.refit.u, system.rows.per_row(Y), as_lines(list(kinds)), places,
                      np.ones(len(asked)), case.lam, count, system.R if case.divided else None)
    task = replace(task, sigma=_sigmas(outputs, points * system.scale, task, list(kinds)), xi=case.xi)
    found = system.rows.tallied(task)
    off = np.array([_residual_errors(system, outputs, kind, found, case, float(found.contrasted[t]))
                    for kind, t in kinds.items()]).reshape(-1, 2)
    errors = np.stack([fp.dot_unit(system.p) * system.longest * solved.size * RAISE, solved.off], axis=1)
    low, high = _ends(task, found, errors, off, case)
    status, rows, named = np.full(len(points), STAYS), dict[int, tuple[int, ...]](), list[_Named]()
    numbers, counts = found.first.beside()[0], found.first.counts()
    for t, (one, taken, most) in enumerate(zip(asked, low.tolist(), high.tolist(), strict=True)):
        if taken <= one.high and most < one.low:
            continue
        those = tuple(sorted(numbers[t, : counts[t]].astype(int).tolist()))
        if taken > one.high:
            status[one.point] = FLIPS
            few = () if one.high < 0 else those
            rows[one.point] = min(rows.get(one.point, few), few, key=len)  # none where it is lost before any change
        elif status[one.point] != FLIPS:
            status[one.point] = OPEN
        if case.xi is not None and not most < one.low:
            named.append((one, those))
    for one, those, least in _taken(system, outputs, named, (solved.u, errors)):
        if status[one.point] == OPEN and least > one.high:
            status[one.point], rows[one.point] = FLIPS, those
    return Deleted(status, rows, case.kappa)


def _taken(system: Ridge, outputs: Outputs, named: list[_Named], points: tuple[Array, Array],
           ) -> Iterator[tuple[_Asked, tuple[int, ...], float]]:
    """What rows that are named take from a contrast at least, by their own block of the hat matrix.

    So many rows as fit are read at a time, in their order: a part of a file is read once for all of them.
    """
    named = [(one, those) for one, those in named if those]
    step = max(1, AT_ONCE // (system.p * max((len(those) for _, those in named), default=1)))
    for start in range(0, len(named), step):
        some = named[start : start + step]
        at: Ints = np.unique([i for _, those in some for i in those])
        phi = system.rows[at]
        for one, those in some:
            places = np.searchsorted(at, those)
            values = outputs.Y[at[places]] - phi[places] @ outputs.refit.u.T
            r = one.contrast.of(values)
            sizes = np.abs(values).max(axis=0) * RAISE
            each, off = outputs.residual_errors(one.contrast, float(np.abs(r).max()) * RAISE, sizes)
            point = points[0][one.point], (float(points[1][one.point, 0]), float(points[1][one.point, 1]))
            off_r = float(np.sqrt(len(those)) * each + off) * RAISE
            yield one, those, taken_by(system, phi[places], point, (r, off_r), off_in_length(system))


@dataclass(frozen=True, eq=False)
class _Case:
    """By which theorem deletions are bounded.

    Attributes:
        kappa: bound of the eigenvalues of `K_MM`, below 1.
        largest: of `K_ii`.
        lam: λ of D4c; 0 with the other ones.
        xi: `(n,)` a comparison of D4a.
        divided: whether residuals are divided by `1 − K_ii`.
    """

    kappa: float
    largest: float
    lam: float
    xi: Array | None
    divided: bool


def _case(system: Ridge, outputs: Outputs, Y: Array, kinds: list[Contrast], count: int, room: int) -> _Case | float:
    """The one that says most; where nothing follows from any, what leverages add up to."""
    most = leverages(system, count)
    kappa, largest = most_of_trace(most), float(most[0])
    wrong_d = diagonal_error(system, largest)
    sharp = largest < 1 - 1e-9 and wrong_d < 0.5 * (1.0 - largest)
    if count == 1 and sharp:
        return _Case(kappa, largest, 0.0, None, True)
    if count > 1 and sharp and kappa >= HEAVY and kinds:
        found = compared(system, outputs, system.rows.per_row(Y), kinds, (largest, wrong_d, off_in_length(system)),
                         count, room)
        if found is not None and found.least > 0:
            return _Case(min(kappa, 1.0 - found.least), largest, 0.0, found.xi, True)
    if not kappa < 1 - 1e-9:
        return kappa
    return _Case(kappa, largest, kappa / (1.0 - kappa) * (RAISE * RAISE), None, False)


def _sigmas(outputs: Outputs, E: Array, task: Influences, kinds: list[Contrast]) -> Array:
    """About the best σ of every contrast of a point, `|r|/|c|` over all rows: `|c|² ≈ e·u` and `|r|² ≈ |y|² − v·b`.

    Both are what normal equations leave, with the decay in them; a σ that is a little off costs next to nothing.
    """
    c = np.maximum(np.einsum("np,np->n", E, task.u), 1e-300)
    r = np.array([float(kind.of(outputs.Y) @ kind.of(outputs.Y) - kind.of(task.fit.T) @ kind.of(outputs.b))
                  for kind in kinds])
    found = np.sqrt(np.maximum(r, 0.0)[task.asked[:, 1]] / c[task.asked[:, 0]])
    return np.where(np.isfinite(found) & (found > 0), found, 1.0)


def _residual_errors(system: Ridge, outputs: Outputs, kind: Contrast, found: InfluencesFound, case: _Case,
                     size: float) -> tuple[float, float]:
    """What residuals of a contrast are off: every one, and the length of the rest."""
    off = outputs.residual_errors(kind, size * RAISE, found.residual * RAISE)
    if not case.divided:
        return off
    wrong = diagonal_error(system, case.largest) * size
    wrong += 8 * U * (size + float(kind.size(found.residual)))
    return divided(off, wrong, case.largest)


def _ends(task: Influences, found: InfluencesFound, errors: Array, off: Array, case: _Case) -> tuple[Array, Array]:
    """`(A,)` what the rows found take at least, and what any take at most.

    Args:
        task, found: with A contrasts of points.
        errors: `(N, 2)` what influences on every point are off: each, and the length of the rest.
        off: `(C, 2)` and residuals of every contrast.
        case: by which theorem.
    """
    lam, m, sigma = case.lam, task.count, task.sigma
    point, kind = task.asked.T
    sizes = found.influence[point], found.contrasted[kind]
    errors, off = errors[point].T, off[kind].T
    parts = sizes, (errors[0], errors[1]), (off[0], off[1]), lam, sigma, m
    high = bounds_of(found.bound.falling().sum(axis=1), *parts)
    if case.xi is not None:  # of what |c_i|ξ_i is off: |c_M − ĉ_M| adds up to so much at most
        wide = float(case.xi.max())
        high = (high + wide * (m * (errors[0] + 16 * U * sizes[0]) + np.sqrt(m) * errors[1])) * RAISE
        return np.zeros(len(high)), high  # where no row goes
    # cᵀ(I + L)r ≥ c·r − ¼λ(σ|c|² + |r|²/σ − 2c·r), 0 ⪯ L ⪯ λI
    product, (_, c, r) = found.first.falling(), found.first.beside()
    wide_s = sigma[:, None]
    spread = 0.25 * lam * (wide_s * (c * c) + (r * r) / wide_s - 2.0 * product).sum(axis=1)
    plain = product.sum(axis=1)
    # all that rounding and enclosures leave open is in the bound of no terms at all, more than once
    rest = bounds_of(0.0, *parts) + 4 * m * U * (np.abs(plain) + np.abs(spread))
    # where fewer rows than were asked about take anything, nothing is known of the others
    return np.where(found.first.counts() < m, -np.inf, plain - spread - 2.0 * rest), high
