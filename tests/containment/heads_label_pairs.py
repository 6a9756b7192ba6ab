"""Containment of D13: every refit with one or two other labels lies where steps and pairs of them say."""

from __future__ import annotations

from contextlib import ExitStack
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
from certify.check.theorems.head.rows.pair_tree import last as checked_last
from certify.check.theorems.head.rows.pair_tree.drops import Drops
from certify.check.theorems.head.rows.pair_tree.steps import steps as check_steps
from certify.finders.head.boxes import minimiser
from certify.systems.head.rows.boxes import sums
from certify.systems.head.rows.boxes.trap import centre
from certify.systems.head.rows.change import RowChange
from certify.theorems.head.rows.box_tree import oriented
from certify.theorems.head.rows.boxes.leaves import base
from certify.theorems.head.rows.pair_tree import bound as bounds
from certify.theorems.head.rows.pair_tree import last
from certify.theorems.head.rows.pair_tree import steps as stepping
from tests.containment.heads_pairs import two_by_two
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation
from tests.families.logistic_heads import as_checked, logistic_head, refit

NEAR = 1e-9


def _turned(S: np.ndarray, rows: tuple[int, ...]) -> np.ndarray:
    found = S.copy()
    found[list(rows)] *= -1.0
    return found


@attack("changed_labels_pairs", "D13", slow=10)
def changed_labels_pairs(rng: np.random.Generator) -> Outcome:
    """Every refit after two new labels against the shares of steps, and after a third one against the last level.

    Few pairs are formed, few rows are long and few followed, so that every way is taken; centres are near minimisers.
    Half of the tables count as large, so that half the bits are used. Distances are compared as well as points.
    """
    n = int(rng.integers(8, 13))
    head = logistic_head(rng, n, decay=float(10.0 ** rng.uniform(0.0, 2.0)))
    s, points = oriented(head, RowChange(True, 2, tuple(range(n))))
    with ExitStack() as patches:
        formed, small = int(rng.integers(0, 12)), float(rng.choice([0.0, 1.0]))
        for module in (bounds, checked):
            patches.enter_context(patch.multiple(module, FORMED=formed, SMALL=small))
        patches.enter_context(patch.object(sums, "VAST", 1 if formed % 2 else sums.VAST))
        long = int(rng.integers(1, n + 1))
        patches.enter_context(patch.multiple(last, LONG=long, FOLLOWED=int(rng.integers(0, n)), LARGE=4.0))
        patches.enter_context(patch.object(checked_last, "LONG", long))
        pairs = _pairs(rng, head, s, points)
        single = _singles(rng, head, s, points)
    return "decided" if pairs or single else "refused"


def _pairs(rng, head, s, points) -> bool:
    n = head.n
    w = minimiser(s, s.whole, head.V[0]) + rng.choice([0.0, 1e-6]) * rng.standard_normal(head.m)
    b = base(centre(s, s.whole, w))
    noise, proposed = float(rng.choice([0.0, 0.0, 0.1])), stepping.flipped
    with patch.object(stepping, "flipped", lambda *x: proposed(*x) + noise * rng.standard_normal(head.m)):
        st = None if b is None else stepping.steps(b, rng.permutation(n), 2)
    found = None if st is None else bounds.bound(st, int(rng.integers(0, n - 2)), 2)
    if found is None:
        return False
    rows = st.rows[found.h :].tolist()
    margin, pushes, fixed = found.drops(points)
    place = {i: a for a, i in enumerate(rows)}
    refits = {T: refit(_turned(s.S, T), np.ones(n), s.decay) for size in range(3) for T in combinations(rows, size)}
    for T, w_T in refits.items():
        least = margin - pushes[:, [place[i] for i in T]].sum(axis=1) - fixed
        if (points @ w_T < least - NEAR).any():
            raise Violation(f"labels {T}: {(points @ w_T - least).min()}")
        at = [place[i] for i in T]
        step = st.delta[[found.h + a for a in at]].sum(axis=0)
        _within(found.X, w_T - st.c.w - step, found.rho[at].sum() + found.fixed)
    with ctx.workprec(64):
        t, _ = check_oriented(as_checked(head, tuple(range(n)), 2, True), "claim")
        near = check_base(check_centre(t, [], st.c.w.tolist()))
        for turns in (12, 0):  # steps that are settled, and first proposals
            own = check_steps(near, rows, len(rows), turns)
            bound = checked.Bound(own, 0, 2, [TABLE[int(x)] for x in found.codes[0]])
            if bound.proved:
                seen = check_points(points.tolist(), points.shape[1])
                _judge(drops := Drops(bound, seen), points, refits, place)
                _judge_distances(bound, refits, place, st.c.w)
                two_by_two(drops, seen, refits, points)
            elif turns and not noise:
                raise Violation("the checker does not follow")
    return True


def _judge(drops, points, refits, place) -> None:
    """The checker's shares of each refit."""
    for at, point in enumerate(points):
        taken = drops._pushes(at)[0]
        for T, w_T in refits.items():
            lost = sum(taken[place[i]] for i in T) + drops.seen[at] * drops.found.fixed
            if point @ w_T < drops.margins[at] - lost - NEAR:
                raise Violation(f"the checker's, labels {T}: {point @ w_T - drops.margins[at] + lost}")


def _judge_distances(bound, refits, place, w) -> None:
    """How far each refit lies from the sum of the checker's steps."""
    X = np.array([[float(x) for x in row] for row in bound.M[0].tolist()])
    steps = np.array([[float(x) * 2.0**one.unit for x in one.whole] for one in bound.own])
    for T, w_T in refits.items():
        at = [place[i] for i in T]
        _within(X, w_T - w - steps[at].sum(axis=0), sum(bound.rho[a] for a in at) + bound.fixed)


def _singles(rng, head, s, points) -> bool:
    n = head.n
    out = tuple(int(i) for i in rng.choice(n, int(rng.integers(0, 3)), replace=False))
    after, kept = s.after(out)
    w = minimiser(after, kept, head.V[0]) + rng.choice([0.0, 1e-6]) * rng.standard_normal(head.m)
    b = base(centre(after, kept, w))
    free = np.setdiff1d(np.arange(n), out)
    found = None if b is None else last.last(b, free)[0]
    if found is None:
        return False
    open_ = found.open(points)
    refits = {int(i): refit(_turned(s.S, (*out, int(i))), np.ones(n), s.decay) for i in found.rows}
    for a, i in enumerate(found.rows):
        if (~open_[:, a] & (points @ refits[int(i)] <= 0.0)).any():
            raise Violation(f"label {i} after {out}: a point is moved that was said to stay")
        _near(found.X, found.rho[a], b, after, refits[int(i)], after.S[i])
    with ctx.workprec(64):
        t, _ = check_oriented(as_checked(head, tuple(range(n)), 2, True), "claim")
        c = check_base(check_centre(t, list(out), w.tolist()))
        followed = found.followed.tolist()
        others = [i for i in found.rows.tolist() if i not in followed]
        twin = checked_last.Last(c, followed, others, [TABLE[int(x)] for x in found.codes[0]])
        if not twin.proved:
            raise Violation("the checker does not follow at the last level")
        left = twin.open(check_points(points.tolist(), points.shape[1]))
        for a, i in enumerate(twin.rows):
            gone = [at for at, point in enumerate(points) if point @ refits[i] <= 0.0]
            if not set(gone) <= set(left.get(i, [])):
                raise Violation(f"the checker's, label {i} after {out}: a point is moved that was said to stay")
            X = np.array([[float(x) for x in row] for row in twin.M[0].tolist()])
            _near(X, twin.rho[a], b, after, refits[i], after.S[i])
    return True


def _near(X, rho, b, after, w, row) -> None:
    """The refit lies within rho of its step, in the norm whose inverse is X."""
    step = b.c.w - np.linalg.solve((after.S.T * b.c.at.D) @ after.S + np.diag(after.decay), row)
    _within(X, w - step, rho)


def _within(X, gap, bound) -> None:
    """A refit is not farther from its steps."""
    length = np.sqrt(gap @ np.linalg.solve(X, gap))
    if length > bound * (1.0 + 1e-6) + NEAR:
        raise Violation(f"a refit lies {length} from its step, {bound} was said")
