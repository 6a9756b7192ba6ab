"""D29: which pairs of changes leave which points open.

proofs/heads-pair-table.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.rigor.single.floats import Short
from certify.systems.head.rows.head import Whole
from certify.theorems.head.rows.pair_table.numbers import Centre

BLOCK, SAMPLE = 512, 64
"""Changes at a time, and how many tell what others are like."""

LARGEST = 2.0**40
"""Of what there is room for, in distances: where it is more, all pairs are open."""


@dataclass(frozen=True, eq=False)
class Points:
    """What single changes take of points.

    Attributes:
        c, W: the refit without a change, and `(f, m)` weights near those with one.
        margin, off: `(L,)` margins at the refit without a change, and what they and sums of single changes are off by.
        two: `(L,)` the most that any two single changes take.
        bears: `(L,)` how far the refit after any two may lie from their sum.
    """

    c: Centre
    W: Array
    margin: Array
    off: Array
    two: Array
    bears: Array


def points_of(c: Centre, W: Array) -> Points:
    """All points of the matrix."""
    rows, V0 = c.m.rows, c.V0
    level = rows.points @ V0
    margin = level - rows.level
    most = float(fp.row_norms(W).max(initial=0.0)) + float(fp.row_norms(V0[None]).max())
    off = (8.0 * fp.dot_unit(len(V0)) * most * rows.norms + 8.0 * U * (np.abs(rows.level) + np.abs(margin))) * RAISE
    best, second = np.zeros(len(margin)), np.zeros(len(margin))
    for at in range(0, len(W), BLOCK):
        takes = level - W[at : at + BLOCK] @ rows.points.T
        if len(takes) > 1:
            takes = np.partition(takes, len(takes) - 2, axis=0)[-2:]
        every = np.sort(np.concatenate([takes, best[None], second[None]]), axis=0)
        best, second = every[-1], every[-2]
    two = best + second
    bears = (margin - two - off - 2.0**-40 * (np.abs(margin) + two)) / c.m.across * (1.0 - 2.0**-40)
    return Points(c, W, margin, off, two, np.where(np.isfinite(bears), bears, -np.inf))


def taken(p: Points, point: int) -> Array:
    """`(f,)` what each change takes of a point."""
    e = p.c.m.rows.points[point]
    return np.asarray(e @ p.c.V0 - p.W @ e)


@dataclass(frozen=True, eq=False)
class Near:
    """Pairs that are near, the farthest first.

    Attributes:
        pairs, r: `(P, 2)` places, and `(P,)` distances.
        least, cut: all other pairs are no farther than `least`, or are farther than `cut`.
    """

    pairs: Whole
    r: Array
    least: float
    cut: float


def near_of(table: Short, cut: float, most: int) -> Near:
    """Those of a table that are no farther than `cut`, down to a distance below which there would be too many."""
    some = table[:: 1 + len(table) // SAMPLE]
    values = some[some <= cut]
    share = most / (0.5 * len(table) ** 2)
    least = float(np.float32(np.quantile(values, 1.0 - share))) if len(values) > share * some.size else 0.0
    found, r = list[Whole](), list[Array]()
    for at in range(0, len(table), BLOCK):
        part = table[at : at + BLOCK]
        i, l = np.nonzero((part > least) & (part <= cut))
        i, l = i[i + at < l], l[i + at < l]
        found.append(np.stack([i + at, l], axis=1))
        r.append(part[i, l].astype(np.float64))
    all_ = np.concatenate(r)
    order = np.argsort(-all_, kind="stable")
    return Near(np.concatenate(found)[order], all_[order], least, cut)


def opened(p: Points, near: Near, table: Short, point: int) -> Whole:
    """`(P, 2)` the near pairs that leave a point open."""
    take, across = taken(p, point), float(p.c.m.across[point]) * RAISE
    bears, most = float(p.bears[point]), 2.0 * float(np.abs(take).max(initial=0.0))
    bar = float(p.margin[point] - p.off[point] - 2.0**-40 * (abs(p.margin[point]) + most))
    if bears > near.least:
        many = int(np.searchsorted(-near.r, -bears, side="right"))
        pairs, r = near.pairs[:many], near.r[:many]
        return np.asarray(pairs[~(take[pairs[:, 0]] + take[pairs[:, 1]] + across * r < bar)])
    return _looked_through(table, (0.5 * bar - take) / across, abs(bar) / across, near.cut)


def _looked_through(table: Short, room: Array, size: float, cut: float) -> Whole:
    """The pairs, no farther than `cut`, that may be as far as the sum of what there is room for with each.

    Args:
        table: `(f, f)` distances.
        room: `(f,)` about what there is room for.
        size: what that was a difference of.
        cut: pairs that are farther are left out.
    """
    size += float(np.abs(room).max(initial=0.0))
    if not size < LARGEST:
        return np.argwhere(np.triu(table <= cut, 1))
    first: Short = room.astype(np.float32)
    second: Short = (room - 2.0**-20 * (size + cut)).astype(np.float32)  # more than all roundings here
    found = []
    for at in range(0, len(table), BLOCK):
        mine = table[at : at + BLOCK, at:]
        i, l = np.nonzero(~(mine < first[at : at + BLOCK, None] + second[at:]) & (mine <= cut))
        found.append(np.stack([i + at, l + at], axis=1)[i < l])
    return np.concatenate(found)
