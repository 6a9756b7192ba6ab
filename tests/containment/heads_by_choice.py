"""Containment of D17: every refit without two or three rows lies as near to the sum of steps as is said of it."""

from __future__ import annotations

from itertools import combinations
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from certify.finders.head.boxes import minimiser
from certify.rigor.fp import Array
from certify.systems.head.rows.boxes.sums import Sums
from certify.systems.head.rows.boxes.trap import centre
from certify.systems.head.rows.change import RowChange
from certify.theorems.head.rows.box_tree import oriented
from certify.theorems.head.rows.boxes.leaves import base
from certify.theorems.head.rows.by_choice import metric as metrics
from certify.theorems.head.rows.by_choice import pieces as choices
from certify.theorems.head.rows.by_choice.judge import Judge
from certify.theorems.head.rows.by_choice.pieces import Formed, Pieces, pieces
from certify.theorems.head.rows.pair_tree import bound as bounds
from certify.theorems.head.rows.pair_tree import steps as stepping
from tests.containment.by_choice_parts import Parts
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation
from tests.families.logistic_heads import logistic_head, refit

NEAR = 1e-8


@attack("changed_rows_by_choice", "D17", slow=10)
def changed_rows_by_choice(rng: np.random.Generator) -> Outcome:
    """Every refit without at most k rows: how far it lies from the sum of steps, and the points that stay.

    Few rows have steps of their own, few pairs are formed, few products are looked at, so that every way is taken.
    """
    n, k = int(rng.integers(9, 15)), int(rng.integers(2, 4))
    head = logistic_head(rng, n, decay=float(10.0 ** rng.uniform(0.0, 1.7)))
    s, points = oriented(head, RowChange(False, k, tuple(range(n))))
    w = minimiser(s, s.whole, head.V[0])
    if rng.random() < 0.25:  # weights that are not the minimiser's: their gradient counts
        w = w + 10.0 ** rng.uniform(-6, -2) * rng.standard_normal(len(w))
    c = centre(s, s.whole, w)
    b = base(c)
    if b is None:
        return "refused"
    own, h = int(rng.integers(k + 1, n + 1)), int(rng.integers(0, 2))
    order = stepping.in_order(b, np.arange(n))[: int(rng.integers(k + 1, n + 1))]
    small, large = float(rng.choice([0.0, 0.1, 1.0])), float(rng.choice([0.0, 0.1, np.inf]))
    few = {2: int(rng.integers(1, n)), 3: int(rng.integers(1, n))}
    with patch.multiple(stepping, MOST=own, ALONE=own, SPARE=0), patch.multiple(bounds, SMALL=small), patch.multiple(
            choices, EACH=int(rng.integers(1, n)), TOGETHER=2), patch.multiple(
            metrics, FEW=few, MORE=int(rng.integers(2, n)), SEEN=int(rng.integers(own, n + 1))):
        st = stepping.steps(b, order, k, own)
        if st is None or len(st.rows) - h < 1:
            return "refused"
        a = metrics.metric(st, float(rng.choice([0.3, 1.0, 2.0])))
        if a is None or not np.isfinite(st.reach):
            return "refused"
        try:
            p = pieces(Formed(st, h, k, large), a)
        except OverflowError:  # steps move a margin farther than any bound looks, as the tree takes it
            return "refused"
        return _compare(p, h, s, points, few[k], rng)


def _compare(p: Pieces, h: int, s: Sums, points: Array, few: int, rng: np.random.Generator) -> Outcome:
    """Distances of all choices, as they are looked at first and closer, and the points that none leaves open."""
    a, judge, f = p.metric, Judge(p, h, points), p.moved.shape[1] - 1
    st, n, k = a.st, len(s.S), p.k
    M = (s.S.T * a.m) @ s.S + np.diag(s.decay)
    rows = st.rows[h:].tolist()
    known: dict[tuple[int, ...], float] = {}
    open_: dict[tuple[int, ...], NDArray[np.bool_]] = {}
    lefts: dict[tuple[int, ...], float] = {}
    losts: dict[tuple[int, ...], float] = {}
    rough: dict[tuple[int, ...], float] = {}
    for i in range(f + 1):
        j, l, left, r = judge.slab(i)
        T = np.stack([np.full(len(j), i), j, *([l] if len(l) else [])], axis=1)
        closer = p.distance(left, p.taken.of_choices(T, few))
        every = np.arange(len(points))
        if (judge.takes(every, i, j, l, r).any(axis=1) & ~judge.open_by(i)).any():
            raise Violation(f"a choice that begins with {i} leaves a point open, and it is not said")
        moved = judge.takes(every, i, j, l, np.minimum(r, closer)).T
        lost = p.lost(i, j, l)
        for one, x, y, z, u, v in zip(T.tolist(), r, closer, moved, left, lost, strict=True):
            known[tuple(one)], open_[tuple(one)] = min(x, y), z
            lefts[tuple(one)], losts[tuple(one)], rough[tuple(one)] = u, v, x
    parts = Parts(p, h, s)
    parts.hold(lefts, losts)
    parts.closer(rng)
    firsts = [~judge.open_by(i) for i in range(f + 1)]
    parts.points(points, known, {at: ~some for at, some in open_.items()})
    parts.points(points, rough, {at: firsts[min(at)] for at in known})
    left_open = [judge.open_by(i, (10, 10)) for i in range(f + 1)]
    decided = False
    for size in range(k + 1):
        for out in combinations([*rows, *st.far.tolist()], size):
            at = tuple(sorted([*(rows.index(i) if i in rows else f for i in out), *[f] * (k - size)]))
            w = refit(s.S, np.where(np.isin(np.arange(n), out), 0.0, 1.0), s.decay)
            if np.isfinite(known[at]) and not any(i in st.far for i in out):
                v = w - st.c.w - sum(st.delta[h + rows.index(i)] for i in out)
                if np.sqrt(v @ M @ v) > known[at] + NEAR:
                    raise Violation(f"without {out}: {np.sqrt(v @ M @ v)} above {known[at]}")
                decided = True
            out_of = points @ w <= -NEAR
            if (out_of & ~open_[at]).any() or (out_of & ~left_open[min(at)]).any():
                raise Violation(f"without {out}: a point is moved that was said to stay")
    return "decided" if decided else "refused"
