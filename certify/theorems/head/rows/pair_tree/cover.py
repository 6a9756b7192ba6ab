"""D13, proposals: the rows to keep apart so that no pair of the others does much to the gradient. Nothing is proved.

Pairs that crude bounds leave large are formed with their signs as they come up; of those that stay large the row that
has most of them is kept apart, until none is left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from certify.rigor.fp import Array
from certify.systems.head.rows.boxes.slabs import Rows
from certify.theorems.head.rows.boxes.stated import coded
from certify.theorems.head.rows.pair_tree.bound import Bounds
from certify.theorems.head.rows.pair_tree.curves import FEWER, kept_part
from certify.theorems.head.rows.pair_tree.formed import formed
from certify.theorems.head.rows.pair_tree.steps import Steps

LOOKED_AT, ONE_IN, AT_ONCE = 1024, 72, 4000
"""Rows that may be kept apart, the longest; one in so many is at once; and pairs that are formed together."""

PAIRS, SHARES, REACH = 1.0, (0.3, 0.2, 0.12), 0.6
"""What a pair may do to the gradient, what a row's share of it may be, less and less, and how far margins are moved
when that is looked at, in lengths of rows."""

ALONE = 60.0
"""Change of a margin from which on a row is kept apart at once: two such moves are more than a bound looks at."""

ROUNDS, NEAR = 2, 0.8
"""Times that everything is bounded anew, and how near to the largest pair those are that count with it."""


def permuted(st: Steps, at: Rows) -> Steps:
    """The same steps in another order, or some of them."""
    return replace(st, rows=st.rows[at], delta=st.delta[at], T=np.ascontiguousarray(st.T[:, at]),
                   E=np.ascontiguousarray(st.E[:, at]), P=np.ascontiguousarray(st.P[:, at]), left=st.left[at],
                   left_off=st.left_off[at])


def apart(st: Steps, k: int, limit: int) -> Iterator[tuple[Steps, int]]:
    """The steps with those first whose rows are kept apart, and how many these are: more and more of them.

    Where even the steps that are left move a margin too far for any bound there are no more.
    """
    try:
        yield from _apart(st, k, limit)
    except OverflowError:  # of `Bounds`
        return


def _apart(st: Steps, k: int, limit: int) -> Iterator[tuple[Steps, int]]:
    hot = cover(st, PAIRS, limit)
    for share in SHARES:
        for _ in range(ROUNDS):
            rest = np.setdiff1d(np.arange(len(st.rows)), hot)
            st, hot = permuted(st, np.concatenate([hot, rest])), np.arange(len(hot))
            got = Bounds(st, len(hot), k).found(coded(REACH * np.maximum(st.lengths, REACH)[None, :]))
            if got is None or not (large := len(hot) + np.flatnonzero(got.rho > share)[: limit - len(hot)]).size:
                break
            hot = np.concatenate([hot, large])
        rest = np.setdiff1d(np.arange(len(st.rows)), hot)
        st, hot = permuted(st, np.concatenate([hot, rest])), np.arange(len(hot))
        yield st, len(hot)
        if len(hot) >= limit:
            return


def cover(st: Steps, most: float, limit: int) -> Rows:
    """Places among the steps, at most `limit` of them, without which pairs do no more than `most`."""
    some = permuted(st, np.arange(min(len(st.rows), LOOKED_AT)))
    some = replace(some, far=some.far[:0], most=np.zeros_like(st.most), across=np.zeros_like(st.across), reach=0.0)
    far = np.flatnonzero(np.abs(some.T).max(axis=0, initial=0.0) > ALONE)
    hot = np.union1d(np.arange(len(st.rows) // ONE_IN), far)[:limit]
    for _ in range(ROUNDS):
        rest = np.setdiff1d(np.arange(len(some.rows)), hot)
        ordered = permuted(some, np.concatenate([hot, rest]))
        new = _next(ordered, len(hot), most, limit - len(hot))
        hot = np.concatenate([hot, rest[new]])
        if not len(new):
            break
    return hot


def _next(st: Steps, h: int, most: float, limit: int) -> Rows:
    """Further rows, by their places after the first h."""
    all_ = Bounds(st, h, 2)
    X, C = _crude(st, all_, most)
    U = np.triu(C, 1)
    unsigned = U > most
    found: list[int] = []
    while len(found) < limit and (top := float(U.max(initial=0.0))) > most:
        large = U > max(most, 0.5 * top)
        a, b = np.nonzero(large & unsigned)
        if len(a):
            if len(a) > AT_ONCE:
                take = np.argpartition(-U[a, b], AT_ONCE)[:AT_ONCE]
                a, b = a[take], b[take]
            G = formed(st, h, a, b)[0]
            U[a, b] = np.minimum(np.sqrt(np.maximum(np.einsum("ij,ij->i", G @ X, G), 0.0)), U[a, b])
            unsigned[a, b] = False
            continue
        a, b = np.nonzero(U > max(most, NEAR * top))
        worst = int(np.bincount(np.concatenate([a, b])).argmax())
        U[worst] = U[:, worst] = 0.0
        found.append(worst)
    return np.array(found, np.int64)


def _crude(st: Steps, all_: Bounds, most: float) -> tuple[Array, Array]:
    """An inverse of what curvatures leave where refits lie within 1.3 times `most` of the sums, and pairs' bounds."""
    s, r = st.c.sums, all_.r
    X, moved = st.b.X, 0.5 * st.lengths
    for _ in range(6):
        least = kept_part(r.least, np.maximum(moved, 2.0**-20))
        try:
            X = np.asarray(np.linalg.inv((s.S.T * least) @ s.S + np.diag(s.decay)), np.float64)
        except np.linalg.LinAlgError:
            break
        long = np.sqrt(np.maximum(np.einsum("ij,ij->i", s.S @ X, s.S), 0.0))
        moved = 1.3 * most * long
    light = (least > 0.0) & (least * FEWER >= st.c.at.D)
    C = all_.gram(r.second, np.where(light, 1.0 / np.where(light, least, 1.0), 0.0), moved / (1.3 * most))[0]
    C[all_.columns, all_.columns] = 0.0
    return X, C
