"""D4e: a squared-loss head with all its rows, and the one that is fitted without the rows set aside.

What the rows set aside can do together, whichever of them go, is bounded by what deleting all of them does to the
squares of the loss: `G_r = r_A·r'_A` and `G_c = eᵀ(H_A⁻¹ − H⁻¹)e`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.ridge import Ridge, solve_rows
from certify.theorems.head.rows.squared.contrasts import Contrast, Ints
from certify.theorems.head.rows.squared.outputs import Outputs
from certify.theorems.head.rows.squared.rooted import system_of
from certify.theorems.head.rows.squared_tree.root import Influences, Root, root_of
from certify.theorems.head.rows.squared_tree.state import State

NONE = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Whole:
    """The head with all its rows.

    Attributes:
        head: the head.
        rows: rows that may go.
        count: how many of them.
        root: influences, residuals and contrasts.
        least: `(N,)` at most `eᵀH⁻¹e`.
        pair_error: of the residual of a contrast.
    """

    head: Head
    rows: Ints
    count: int
    root: Root
    least: Array
    pair_error: float


@dataclass(frozen=True, eq=False)
class Both:
    """The head with all its rows, and without those set aside.

    Attributes:
        whole: with all.
        rest: without them, of the other rows that may go.
        state: before any deletion from the rest.
        left: places of these rows among all that may go.
        gained: `(P,)` at least `G_r` of every contrast.
        reached: `(N,)` at least `G_c`.
    """

    whole: Whole
    rest: Root
    state: State
    left: Ints
    gained: Array
    reached: Array

    def influences(self) -> tuple[Influences, Influences]:
        """Those of the rows that are not set aside, before and after."""
        return self.whole.root.C.of(self.left), self.rest.C


def whole_of(head: Head, system: Ridge, rows: Ints, points: Ints, late: Callable[[], bool], count: int) -> Whole | None:
    """That of some points; None once time is up."""
    root = root_of(head, system, rows, points, late, count)
    if root is None:
        return None
    # H⁻¹ = Rᵀ(RHRᵀ)⁻¹R, at least RᵀR/(1 + δ)
    E, loose = head.points[points] * system.scale, head.points_rad[points]
    wrong = (fp.dot_unit(system.p) * fp.row_norms(E) + loose * float(system.scale.max())) * system.size_R * RAISE
    B = root.C.B
    length = np.maximum(fp.row_norms(B) * (1 - 4 * fp.dot_unit(system.p + 8)) - wrong, 0.0)
    least = length * length / (1.0 + system.delta) * (1 - 16 * U)
    return Whole(head, rows, count, root, least, root.state(NONE).pair_error)


def without(whole: Whole, aside: Ints, late: Callable[[], bool]) -> Both | None:
    """Both heads; `aside` are places among the rows that may go. None once time is up, or if no refit is proved."""
    head, rows, root = whole.head, whole.rows, whole.root
    gone = rows[aside]
    kept = np.setdiff1d(np.arange(head.n), gone)
    left = np.setdiff1d(np.arange(len(rows)), aside)
    system = system_of(head, whole.count, kept)
    if isinstance(system, str) or not len(left):
        return None
    outputs = Outputs(system, head.Y[kept])
    rest = root_of(head, system, np.searchsorted(kept, rows[left]), root.points, late, whole.count, outputs)
    if rest is None:
        return None
    reached = np.maximum((rest.reach - whole.least) * RAISE + 4 * U * rest.reach, 0.0) + fp.FLOOR
    return Both(whole, rest, rest.state(NONE), left, _gained(whole, aside, *_left_out(head, system, outputs, gone)),
                reached)


def _left_out(head: Head, system: Ridge, outputs: Outputs, gone: Ints) -> tuple[Array, Array]:
    """Residuals `(a, k)` of the rows set aside at the refit without them, and what each errs by."""
    solved, every = solve_rows(system, head.phi[gone]), np.arange(len(gone))
    R, wrong = np.empty((len(gone), head.k)), np.empty((len(gone), head.k))
    for a in range(head.k):
        low, high = outputs.margins(solved, Contrast(a, -1), every)
        middle = 0.5 * (low + high)
        R[:, a] = head.Y[gone, a] - middle
        target = np.abs(head.Y[gone, a])
        wrong[:, a] = (0.5 * (high - low) + 8 * U * (np.abs(low) + np.abs(high) + target)
                       + head.share * target) * RAISE
    return fp.require_finite(R, "residuals"), wrong + fp.FLOOR


def _gained(whole: Whole, aside: Ints, R: Array, wrong: Array) -> Array:
    """`G_r = r_A·r'_A` from above for every contrast; it depends on its outputs alone."""
    pairs, found = whole.root.pairs, np.empty(len(whole.root.z))
    for a, b in sorted(set(zip(pairs.a.tolist(), pairs.b.tolist(), strict=True))):
        mine = np.flatnonzero((pairs.a == a) & (pairs.b == b))
        r, other = (np.abs(x) for x in (whole.root.R[aside, a], R[:, a])) if b < 0 else (NONE, NONE)
        total = float(whole.root.R[aside, a] @ R[:, a]) if b < 0 else 0.0
        error = wrong[:, a]
        if b >= 0:
            first, second = whole.root.R[aside, a] - whole.root.R[aside, b], R[:, a] - R[:, b]
            total, r, other = float(first @ second), np.abs(first), np.abs(second)
            error = error + wrong[:, b] + 4 * U * np.abs(R).max(axis=1)
        slack = (r * error + (other + error) * whole.pair_error).sum() * fp.sum_up(len(r))
        slack += fp.dot_unit(len(r)) * float((r * other).sum()) * fp.sum_up(len(r))
        found[mine] = max(total, 0.0) * RAISE + float(slack) * RAISE + fp.FLOOR
    return found
