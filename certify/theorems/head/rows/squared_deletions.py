"""D4: any m rows deleted from a squared-loss head, by comparison of `(I − K_MM)⁻¹` and by its largest eigenvalue.

Deleting M takes `c_Mᵀ(I − K_MM)⁻¹r_M` from a contrast of outputs: K the hat matrix, r residuals, c influences. For many
rows `0 ⪯ K_MM ⪯ κI` bounds it by a sum over M; for few rows a comparison vector, the signs of the second order and a
tree do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from certify.format.errors import EnclosureError
from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.change import DELETED, Choices, RowChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.ridge import Ridge, solve, solve_rows
from certify.theorems.head.rows.flips import Found
from certify.theorems.head.rows.method import BALANCED, INEXACT, Budget, Mask, Method, Part
from certify.theorems.head.rows.squared.contrasts import Contrast, Ints, contrasts
from certify.theorems.head.rows.squared.node import Node
from certify.theorems.head.rows.squared.outputs import Outputs
from certify.theorems.head.rows.squared.rooted import rooted, system_of
from certify.theorems.head.rows.squared.spectral import Spectral, deleted_at_once, largest_block
from certify.theorems.head.rows.squared.tree import Comparisons, Record, Walk
from certify.theorems.head.rows.squared.witness import Grown, witness

DENSE = 2000
"""Most rows that may go for which the hat matrix is kept and a tree is grown."""

NODES = 20_000
"""Most nodes of one tree."""

FAIR = 3.0
"""Multiple of an equal share of the time that one point may take."""


@dataclass(frozen=True, eq=False)
class Base:
    """The refit with one weight decay, and how many deletions it stands for.

    Attributes:
        system, outputs: of all rows.
        K: hat matrix on the rows that may go, or None where it is too large to keep.
        error: of every entry of K.
        count: most deletions.
    """

    system: Ridge
    outputs: Outputs
    K: Array | None
    error: float
    count: int


class SquaredDeletions(Method):
    """Deleted rows of a squared-loss head (D4)."""

    name: ClassVar[str] = "squared_deletions"
    weighs: ClassVar[bool] = True

    def able(self, head: Head, change: RowChange) -> str:
        """Whether rows are deleted, the loss is squared and features are exact."""
        if not head.loss.quadratic:
            return f"the refit has a closed form with the squared loss; the loss is {head.loss.name}"
        if change.relabels:
            return "labels change, and no rows are deleted"
        if head.weights is not None and head.weights.balanced:
            return BALANCED
        if head.phi_rad.any():
            return INEXACT
        if not len(change.rows):
            return "no row may change"
        return ""

    def prove(self, head: Head, change: RowChange, todo: Mask, budget: Budget) -> Part | None:
        """The points that stay; nothing where a bound overflows."""
        try:
            return self._proved(rooted(head), change, todo, budget, Found(head))
        except EnclosureError:
            return None

    def _proved(self, head: Head, change: RowChange, todo: Mask, budget: Budget, found: Found) -> Part:
        """With `remaining` every number of deletions has a weight decay and a bound of its own."""
        rows = np.array(sorted(change.rows), dtype=np.int64)
        count = min(change.count, len(rows))
        proved = todo.copy()
        grown: list[Grown] = []
        why = ""
        for size in range(count + 1) if head.remaining else (count,):
            base = base_of(head, rows, size)
            if base is None:
                return Part(self.name, np.zeros_like(todo), {}, found.flips(), why="the refit is not proved unique")
            if base.K is None:
                stays = self._many(head, rows, base, proved, budget)
                why = why or stays if isinstance(stays, str) else why
                proved &= np.zeros_like(proved) if isinstance(stays, str) else stays
            else:
                trees = self._few(head, rows, base, proved, budget, found)
                proved &= np.isin(np.arange(len(todo)), list(trees.of))
                grown.append(trees)
        proved &= ~found.flipped
        return Part(self.name, proved, witness(grown, np.flatnonzero(proved)) if grown else {}, found.flips(),
                    why=why)

    def _many(self, head: Head, rows: Ints, base: Base, todo: Mask, budget: Budget) -> Mask | str:
        """By the largest eigenvalue of blocks of the hat matrix; why there is none below 1, in words."""
        system = base.system
        kappa = largest_block(system, rows, base.count, lambda: budget.left() <= 0)
        if kappa is None:
            return "" if budget.left() <= 0 else (
                f"some {base.count} rows together may carry all that is known of a direction (leverage near 1)")
        stays = todo.copy()
        at = np.flatnonzero(todo)
        solved = solve(system, head.points[at], head.points_rad[at])
        for a in np.unique(head.today[at]):
            mine = np.flatnonzero(head.today[at] == a)
            for contrast in contrasts(int(a), head.k, head.threshold):
                low, _ = base.outputs.margins(solved, contrast, mine)
                problem = Spectral(system, rows, base.outputs.residuals(contrast), kappa, base.count)
                taken = deleted_at_once(problem, solved, mine, lambda: budget.left() <= 0)
                stays[at[mine]] &= taken < low
        return stays

    def _few(self, head: Head, rows: Ints, base: Base, todo: Mask, budget: Budget, found: Found) -> Grown:
        """By trees, one point after another, those of large contrasts first; comparisons are shared."""
        assert base.K is not None
        shared, trees = Comparisons(), {}
        nodes = {int(j): node_list(head, rows, base, int(j)) for j in np.flatnonzero(todo)}
        waiting = sorted(nodes, key=lambda j: -min(node.z for _, node in nodes[j]))
        for place, j in enumerate(waiting):
            share = budget.share(min(1.0, FAIR / (len(waiting) - place)))
            records = grow(head, rows, base, nodes[j], share, found, shared)
            if records is not None:
                trees[j] = records
        return Grown(trees, shared)


def grow(head: Head, rows: Ints, base: Base, nodes: list[tuple[Contrast, Node]], budget: Budget, found: Found,
         shared: Comparisons) -> list[list[Record]] | None:
    """The trees that prove every contrast of a point, or None; flips that were met are kept if a refit proves them."""
    records = []
    for contrast, node in nodes:
        walk = Walk(frozenset((contrast.a, contrast.b)), shared, lambda: budget.left() <= 0, NODES)
        good = walk.proves(node, rows, base.count)
        if walk.flip is not None and (not head.remaining or len(walk.flip) == base.count):
            _flip(head, base, walk.flip, found)
        if not good:
            return None
        records.append(walk.records)
    return records


def _flip(head: Head, base: Base, gone: Ints, found: Found) -> None:
    """Refit without the rows, in floats, and let the refit prove what it flips."""
    left = np.setdiff1d(np.arange(head.n), gone)
    mu = head.mu(len(gone))[0]
    phi = head.phi[left] * base.system.scale
    H = phi.T @ phi + np.diag(np.where(head.decayed, mu, 0.0) * base.system.scale**2)
    V = np.linalg.lstsq(H, phi.T @ head.Y[left], rcond=None)[0].T * base.system.scale
    found.prove(Choices(gone[None, :], np.full((1, len(gone)), DELETED)), V[None])


def base_of(head: Head, rows: Ints, count: int) -> Base | None:
    """The refit on all rows with the decay after `count` deletions; None where it is not proved unique."""
    system = system_of(head, count)
    if isinstance(system, str):
        return None
    outputs = Outputs(system, head.Y)
    if len(rows) > DENSE:
        return Base(system, outputs, None, 0.0, count)
    solved = solve_rows(system, head.phi[rows])
    K = solved.u @ system.rows[rows].T
    size, off = float(solved.size.max(initial=0.0)), float(solved.off.max(initial=0.0))
    error = fp.dot_unit(system.p) * system.longest * size + off
    K = fp.require_finite((K + K.T) * 0.5, "hat matrix")
    return Base(system, outputs, K, (error + 2 * U) * RAISE, count)


def node_list(head: Head, rows: Ints, base: Base, j: int) -> list[tuple[Contrast, Node]]:
    """The root of every contrast of one point."""
    assert base.K is not None
    solved = solve(base.system, head.points[j : j + 1], head.points_rad[j : j + 1])
    c = base.system.rows[rows] @ solved.u[0]
    ec = (fp.dot_unit(base.system.p) * base.system.longest * float(solved.size[0]) + float(solved.off[0])) * RAISE
    nodes = []
    for contrast in contrasts(int(head.today[j]), head.k, head.threshold):
        r = base.outputs.residuals(contrast)
        ends = base.outputs.margins(solved, contrast, np.zeros(1, dtype=np.int64))
        low, high = float(ends[0][0]), float(ends[1][0])
        half = (high - low) * 0.5 * RAISE + 4 * U * (abs(low) + abs(high))
        errors = (base.error, (r.each + r.off) * RAISE, ec, half)
        nodes.append((contrast, Node(base.K, r.values[rows], c, 0.5 * (low + high), errors)))
    return nodes
