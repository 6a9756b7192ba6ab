"""D16: which rows, alone or in pairs, a bound leaves open for an evaluation row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.head import Whole
from certify.theorems.head.rows.method import Mask
from certify.theorems.head.rows.softmax.trap import ROOT2, own_blocks, seen
from certify.theorems.head.rows.softmax_pairs.bound import Bound
from certify.theorems.head.rows.softmax_pairs.steps import changes

ROOM = 1.0 + 2.0**-8
"""A checker has steps and rounding of its own."""

MANY, LOOKED_AT = 400, 4
"""Pairs that stay open for one line of an evaluation row, above which it is lost; and rows at whose pairs is looked
first."""


@dataclass(frozen=True, eq=False)
class Margins:
    """Margins of today's label over each other class, one line for each.

    Attributes:
        point: `(J,)` the evaluation row of a line.
        gap: `(J,)` lower bounds at the centre.
        push: `(J, r)` upper bounds of what steps take.
        seen: `(J,)` lengths `|x ⊗ (e_q − e_r)|_*`.
    """

    point: Whole
    gap: Array
    push: Array
    seen: Array


def margins(b: Bound, at: Whole) -> Margins:
    """Of some evaluation rows."""
    st, c = b.steps, b.steps.c
    head, k = c.head, c.head.k
    x, norms, today = head.points[at], head.points_norm[at], head.today[at]
    J = np.arange(len(at))[:, None]
    q = np.array([[r for r in range(k) if r != a] for a in today], dtype=np.int64).reshape(len(at), k - 1)
    a = np.repeat(today[:, None], k - 1, axis=1)
    F = x @ c.V.T
    size = float(fp.row_norms(c.V.reshape(1, -1))[0])
    unit = ROOT2 * fp.dot_unit(head.m) * norms * RAISE
    gap = F[J, a] - F[J, q]
    gap -= (unit * size)[:, None] + 4 * U * (np.abs(F[J, a]) + np.abs(F[J, q]))
    moved = changes(st.delta[b.place], x)  # (f, N, k)
    push = moved[:, J, q] - moved[:, J, a]
    push += (unit * float(st.size.max(initial=0.0)))[None, :, None] + 4 * U * np.abs(push)
    whole = np.zeros((len(b.rows), *push.shape[1:]))
    whole[: len(b.place)] = push
    lengths = seen(own_blocks(b.X, x), b.off, norms, (a, q))
    shape = (len(at) * (k - 1),)
    push = whole.reshape(len(b.rows), *shape).T
    return Margins(np.repeat(at, k - 1), gap.reshape(shape), push, lengths.reshape(shape))


@dataclass(frozen=True, eq=False)
class Open:
    """What a bound leaves open.

    Attributes:
        lost: evaluation rows that stay open without any deletion, or with very many pairs.
        point, first, other: evaluation rows with the rows of a pair whose deletion is open; twice the same for one row.
    """

    lost: Whole
    point: Whole
    first: Whole
    other: Whole


def judge(b: Bound, at: Whole) -> Open:
    """The rows and pairs that are open for some evaluation rows."""
    m = margins(b, at)
    lost = ~(m.seen * b.still * ROOM < m.gap)
    single = (m.push + m.seen[:, None] * b.single) * ROOM
    a, i = np.nonzero(~(np.where(m.push > 0.0, single, m.push + m.seen[:, None] * b.single * ROOM) < m.gap[:, None]))
    point, first, other = [m.point[a]], [b.rows[i]], [b.rows[i]]
    if b.pair is not None:
        half = 0.5 * b.pair.max(axis=1)
        share = (np.maximum(m.push, 0.0) + m.seen[:, None] * half) * ROOM
        top = share.max(axis=1)
        for j in np.flatnonzero(~lost & ~(2.0 * top * RAISE < m.gap)):
            some = np.flatnonzero(~((share[j] + top[j]) * RAISE < m.gap[j]))
            most = some[np.argsort(-share[j, some])[:LOOKED_AT]]
            if _open(b, m, int(j), most, some).sum() > 2 * MANY:
                lost[j] = True
                continue
            one, two = np.nonzero(np.triu(_open(b, m, int(j), some, some), 1))
            if len(one) > MANY:
                lost[j] = True
                continue
            point.append(np.full(len(one), m.point[j]))
            first.append(b.rows[some[one]])
            other.append(b.rows[some[two]])
    gone = np.unique(m.point[lost])
    found = np.stack([np.concatenate(part) for part in (point, *_sorted(first, other))])
    return Open(gone, *np.unique(found[:, ~np.isin(found[0], gone)], axis=1))


def _open(b: Bound, m: Margins, j: int, first: Whole, other: Whole) -> Mask:
    """Which pairs are open for a line."""
    assert b.pair is not None
    taken = m.push[j, first][:, None] + m.push[j, other]
    taken = np.where(taken > 0.0, taken * ROOM, taken) + m.seen[j] * b.pair[np.ix_(first, other)] * ROOM
    return np.asarray(~(taken < m.gap[j]) & (first[:, None] != other))


def _sorted(first: list[Whole], other: list[Whole]) -> tuple[list[Whole], list[Whole]]:
    low = [np.minimum(x, y) for x, y in zip(first, other, strict=True)]
    return low, [np.maximum(x, y) for x, y in zip(first, other, strict=True)]
