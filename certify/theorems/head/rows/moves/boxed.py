"""Trees of boxes (D6) for changes of outputs: a level is a column of its own, whose weight no change of rows moves."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from flint import arb, ctx

from certify.finders.head.changed import Changed
from certify.rigor.finder import proposed
from certify.rigor.fp import RAISE, Array
from certify.systems.head.rows.change import Choices, RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.box_tree import BoxTree, refusal
from certify.theorems.head.rows.method import Budget, Mask

BITS, NEAR = 96, 2.0**-40
"""Precision, and half of the relative width of the enclosure of the weight of that column."""

FACTORS, HALVED, NEARLY = (3.0, 20.0, 1.1, 1.0001), 6, 1.01
"""Upper ends that are tried, times the lower one: those that are soon proved go first; then the middle (of the
logarithms) between one that is proved and one that is not, so often, until they are as near as that."""

START, GROWTH, TURNS = 1.1, 1.4, 6
"""The first bounds along a basis, in what single changes add up to; how fast those grow that are not proved, and how
often."""


@dataclass(frozen=True, eq=False)
class Level:
    """The new column's one row has the entry `a` there and 0 elsewhere; its weight z lies in [low, high]."""

    a: float
    low: float
    high: float


def level_of(head: Head) -> Level | None:
    """A column for levels: `μz = a/(1 + e^(az))`; None where its weight is not enclosed."""
    mu, wrong = head.mu()
    a = float(2.0 * np.sqrt(mu))
    z = 0.5 * a / mu
    for _ in range(80):  # Newton's method for an increasing function
        p = 1.0 / (1.0 + np.exp(min(a * z, 700.0)))
        z = z - (mu * z - a * p) / (mu + a * a * p * (1.0 - p))
    low, high = float(z * (1 - NEAR)), float(z * (1 + NEAR))
    with ctx.workprec(BITS):
        below, above = (arb(mu, wrong) * v - arb(a) / (1 + (arb(a) * v).exp()) for v in (low, high))
        return Level(a, low, high) if 0 < low < high and below < 0 and above > 0 else None


def with_levels(head: Head, level: Level, today: Array, near: float, E: Array, bounds: Array) -> Head:
    """The head with the column, and directions for points: `e·w_M > e·w_0 − bound`, written `e'·w' > 0`.

    Args:
        head, level: as they are.
        today, near: weights near the refit w_0 of the unchanged data, and how near.
        E, bounds: `(K, m)` and `(K,)`.
    """
    n, m = head.phi.shape
    phi = np.zeros((n + 1, m + 1))
    phi[:n, 1:], phi[n, 0] = head.phi, level.a
    size = np.sqrt(np.einsum("ij,ij->i", E, E)) * RAISE
    f = E @ today[0]
    loose = (np.abs(f) + np.abs(bounds) + size * float(np.abs(today).sum())) * 2.0**-40
    floors = f - bounds + loose + size * near * RAISE
    q = -floors / np.where(floors < 0, level.high, level.low)
    q -= 2.0**-30 * np.abs(q)
    z = 0.5 * (level.low + level.high)
    assert head.codes is not None and head.label is not None
    one = int(np.argmax(head.codes[:, 0]))
    return replace(head, phi=phi, phi_rad=np.zeros(n + 1), Y=np.vstack([head.Y, head.codes[one]]),
                   label=np.append(head.label, one), V=np.hstack([[[z]], today]), decayed=np.append(True, head.decayed),
                   points=np.hstack([q[:, None], E]), points_rad=np.zeros(len(E)), threshold=0.0, new=head.new + 1)


def able(head: Head, change: RowChange) -> bool:
    """Whether trees are about this head and change."""
    plain = head.read_off and head.codes is not None and change.count < head.n  # rows that count the same
    return plain and not head.beyond and not refusal(replace(head, threshold=0.0), change)


def outputs_boxed(head: Head, change: RowChange, today: Array, near: float, reached: float, budget: Budget,
                  ) -> tuple[float, dict[str, Array]] | None:
    """An upper end of the change of outputs that a tree proves, and what a checker needs; None: none was proved.

    Args:
        head, change: as of the tree.
        today, near: weights near the refit of the unchanged data, and how near.
        reached: the lower end.
        budget: the time.
    """
    level = level_of(head) if able(head, change) and reached > 0 else None
    E = np.concatenate([head.points, -head.points])
    known, low, high = None, 1.0, np.inf  # times the lower end: not proved, and proved
    for factor in (*FACTORS, *[0.0] * HALVED) if level is not None else ():
        assert level is not None
        factor = factor or float(np.sqrt(low * high))  # noqa: PLW2901
        if budget.left() <= 0 or high <= low * NEARLY:
            break
        if not low < factor < high:
            continue
        found = proved(head, change, with_levels(head, level, today, near, E, np.full(len(E), reached * factor)),
                       budget.share(0.5))
        if found is None or not found[1].all():
            low = factor
            continue
        known, high = (reached * factor, {"column": np.array([level.a]), **found[0]}), factor
    return known


def distance_boxed(head: Head, change: RowChange, today: Array, near: float, farthest: Array, budget: Budget,
                   ) -> tuple[float, dict[str, Array]] | None:
    """The same of the distance: bounds along an orthonormal basis, whose squares add up.

    Args:
        head, change, today, near, budget: as before.
        farthest: `(k, m)` weights far from today's: the basis begins with the way there.
    """
    level = level_of(head) if able(head, change) else None
    way = (farthest - today)[0]
    if level is None or not np.isfinite(way).all() or not way.any():
        return None
    guessed = proposed(lambda: _basis(head, change, today, way))
    if guessed is None:
        return None
    Q, bounds = guessed
    E, both = np.concatenate([Q, -Q]), np.concatenate([bounds, bounds])
    for _ in range(TURNS):
        if budget.left() <= 0:
            break
        found = proved(head, change, with_levels(head, level, today, near, E, both), budget.share(0.5))
        if found is not None and found[1].all():
            bounds = np.maximum(both[: len(Q)], both[len(Q) :])
            off = float(np.abs(Q @ Q.T - np.eye(len(Q))).sum()) + len(Q) ** 2 * 2.0**-48
            upper = float(np.sqrt(np.sum(bounds * bounds) / (1.0 - off))) * (1.0 + 2.0**-30)
            return upper, {"column": np.array([level.a]), "basis": Q, "bounds": bounds, **found[0]}
        both = np.where(np.zeros(len(E), bool) if found is None else found[1], both, both * GROWTH)
    return None


def _basis(head: Head, change: RowChange, today: Array, way: Array) -> tuple[Array, Array]:
    """An orthonormal basis along which single changes move little but for the first ways, and guessed bounds."""
    single = Changed(head)
    pairs = [(row, change.alternatives(head, row)[0]) for row in change.rows]
    rows, codes = (np.array(part, dtype=np.int64) for part in zip(*pairs, strict=True))
    moves = (single.solve(Choices(rows[:, None], codes[:, None])) - today)[:, 0]
    first = way / np.linalg.norm(way)
    rest = moves - np.outer(moves @ first, first)
    _, _, axes = np.linalg.svd(rest, full_matrices=True)
    Q, _ = np.linalg.qr(np.column_stack([first, axes.T]))
    Q = np.ascontiguousarray(Q[:, : len(way)].T)
    along = np.sort(np.abs(moves @ Q.T), axis=0)[-change.count :].sum(axis=0) * START
    along[0] = float(np.linalg.norm(way)) * 1.02
    return Q, along


def proved(head: Head, change: RowChange, more: Head, budget: Budget) -> tuple[dict[str, Array], Mask] | None:
    """The arrays of a tree, and which directions it proves."""
    if not (more.today == 1).all():
        return None
    part = BoxTree().prove(more, change, np.ones(len(more.points), dtype=bool), budget)
    if part is None:
        return None
    arrays = {"level": np.ascontiguousarray(more.points[:, 0])}
    return arrays | {f"tree.{name}": np.asarray(a) for name, a in part.arrays.items()}, part.proved
