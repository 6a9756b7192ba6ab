"""Containment of D12: every refit without a few rows lies where single steps and their pairs say."""

from __future__ import annotations

from itertools import combinations
from unittest.mock import patch

import numpy as np
from flint import ctx

from certify.check.theorems.head.rows.boxes.codes import TABLE
from certify.check.theorems.head.rows.boxes.leaves import base as check_base
from certify.check.theorems.head.rows.boxes.margins import points as check_points
from certify.check.theorems.head.rows.boxes.stated import oriented as check_oriented
from certify.check.theorems.head.rows.boxes.trap import centre as check_centre
from certify.check.theorems.head.rows.pair_tree import bound as checked
from certify.check.theorems.head.rows.pair_tree.drops import Drops
from certify.check.theorems.head.rows.pair_tree.steps import steps as check_steps
from certify.check.theorems.head.rows.pair_tree.together import both
from certify.finders.head.boxes import minimiser
from certify.systems.head.rows.boxes import sums
from certify.systems.head.rows.boxes.trap import centre
from certify.systems.head.rows.change import RowChange
from certify.theorems.head.rows.box_tree import oriented
from certify.theorems.head.rows.boxes.leaves import base
from certify.theorems.head.rows.pair_tree import bound as bounds
from certify.theorems.head.rows.pair_tree import steps as stepping
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation
from tests.families.logistic_heads import as_checked, logistic_head, refit

NEAR = 1e-9


@attack("changed_rows_pairs", "D12", slow=10)
def changed_rows_pairs(rng: np.random.Generator) -> Outcome:
    """Every refit without at most k rows against the share that each row may take of a margin, prover's and checker's.

    Few rows have steps of their own, few pairs are formed and slopes count as bent early, so that every way is taken.
    """
    n, k = int(rng.integers(9, 14)), int(rng.integers(1, 5))
    head = logistic_head(rng, n, decay=float(10.0 ** rng.uniform(0.0, 1.5)))
    own, formed = int(rng.integers(k + 1, n + 1)), int(rng.integers(0, 12))
    small = float(rng.choice([0.0, 0.1, 1.0]))
    s, points = oriented(head, RowChange(False, k, tuple(range(n))))
    c = centre(s, s.whole, minimiser(s, s.whole, head.V[0]))
    b = base(c)
    if b is None:
        return "refused"
    order = stepping.in_order(b, np.arange(n))[: int(rng.integers(k + 1, n + 1))]
    vast = 1 if formed % 2 else sums.VAST  # half of them as if their tables were large
    with (patch.multiple(stepping, MOST=own, ALONE=own, SPARE=0), patch.multiple(bounds, FORMED=formed, SMALL=small),
          patch.object(sums, "VAST", vast)):
        st = stepping.steps(b, order, k)
        found = None if st is None else bounds.bound(st, int(rng.integers(0, max(1, len(st.rows) - k))), k)
    if st is None or found is None:
        return "refused"
    rows = [*st.rows[found.h :].tolist(), *st.far.tolist()]
    margin, pushes, fixed = found.drops(points)
    refits = {T: refit(s.S, np.where(np.isin(np.arange(n), T), 0.0, 1.0), s.decay)
              for size in range(k + 1) for T in combinations(rows, size)}
    place = {i: a for a, i in enumerate(rows)}
    for T, w in refits.items():
        least = margin - pushes[:, [min(place[i], len(st.rows) - found.h) for i in T]].sum(axis=1) - fixed
        if (points @ w < least - NEAR).any():
            raise Violation(f"without {T}: {(points @ w - least).min()}")
    with ctx.workprec(64), patch.multiple(checked, FORMED=formed, SMALL=small):
        _check(head, st, found, refits, place, points)
    return "decided"


def _check(head, st, found, refits, place, points) -> None:
    """The same of the checker."""
    k = found.k
    s, _ = check_oriented(as_checked(head, tuple(range(head.n)), k), "claim")
    b = check_base(check_centre(s, [], st.c.w.tolist()))
    assert b is not None
    codes = [TABLE[int(x)] for x in found.codes[0]]
    for turns, products, pairs in ((7, None, None), (0, 2, 3)):  # all of it, and little
        own = check_steps(b, [*st.rows.tolist(), *st.far.tolist()], len(st.rows), turns, products)
        assert own is not None
        bound = checked.Bound(own, found.h, k, codes, pairs)
        if not bound.proved and turns:
            raise Violation("the checker does not follow")
        seen = check_points(points.tolist(), points.shape[1])
        drops = Drops(bound, seen) if bound.proved else None
        if drops and k == 2:
            two_by_two(drops, seen, refits, points)
        for at, point in enumerate(points if drops else ()):
            pushes, far = drops._pushes(at)
            pushes = pushes + [far] * len(own.far)
            for T, w in refits.items():
                taken = sum(pushes[place[i]] for i in T) + drops.seen[at] * bound.fixed
                if point @ w < drops.margins[at] - taken - NEAR:
                    raise Violation(f"the checker's, without {T}: {point @ w - drops.margins[at] + taken}")


def two_by_two(drops, seen, refits, points) -> None:
    """What is said of two rows by themselves, before and after some pairs are formed, and of their refits."""
    found, place = drops.found, {i: a for a, i in enumerate(drops.found.rows)}
    for formed in ([], [(a, b) for b in range(len(place)) for a in range(b)][::2]):
        drops.form(formed)
        for at, point in enumerate(points):
            own, open_ = drops._own(at), drops.pairs(at)
            for T, w in refits.items():
                a, b = sorted([*(place.get(i, -1) for i in T), -1, -1])[-2:]
                known = (a, b) if a >= 0 else (b, -1) if b >= 0 else None
                if open_ is not None and known not in open_ and point @ w <= -NEAR:
                    raise Violation(f"two by two, {T}: a point is moved that was said to stay")
                if b < 0:
                    continue
                far = own[a] if a >= 0 else drops.other[at] * found.st.reach if found.st.far else 0.0
                taken = own[b] + far + drops.seen[at] * ((drops.far[b] if a < 0 else drops.shares[b][a]) + found.fixed)
                if point @ w < drops.margins[at] - taken - NEAR:
                    raise Violation(f"two by two, {T}: {point @ w - drops.margins[at] + taken}")
    refitted = {frozenset(T): w for T, w in refits.items()}
    for pair in [(a, b) for b in range(len(place)) for a in range(b)][:2]:
        w = refitted[frozenset(found.rows[a] for a in pair)]
        for at in both(found.st, tuple(found.h + a for a in pair), seen, range(len(points))):
            if points[at] @ w <= -NEAR:
                raise Violation(f"refitted without {pair}: a point is moved that was said to stay")
