"""Containment of D21: every refit without a few groups against the sum of their steps, prover's and checker's."""

from __future__ import annotations

import numpy as np
from flint import ctx

from certify.check.theorems.head.rows.boxes.leaves import base as base_in_balls
from certify.check.theorems.head.rows.boxes.stated import oriented as oriented_in_balls
from certify.check.theorems.head.rows.boxes.trap import centre as centre_in_balls
from certify.check.theorems.head.rows.group_tree import method as checker
from certify.check.theorems.head.rows.group_tree import steps as steps_in_balls
from certify.check.theorems.head.rows.head import BITS
from certify.finders.head.boxes import minimiser
from certify.systems.head.rows.boxes.trap import centre
from certify.theorems.head.rows.box_tree import oriented
from certify.theorems.head.rows.boxes.leaves import base
from certify.theorems.head.rows.group_tree import steps as stepping
from certify.theorems.head.rows.group_tree.method import GroupTrees
from certify.theorems.head.rows.group_tree.pulls import pulls
from certify.theorems.head.rows.method import Budget
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation
from tests.families.group_heads import Grouped, flipped, grouped
from tests.families.logistic_heads import stored

NEAR = 1e-9


@attack("changed_groups", "D21", slow=10)
def changed_groups(rng: np.random.Generator) -> Outcome:
    """How far every refit lies from the sum of steps, at weights near a refit or not; and the points of a tree."""
    one = grouped(rng, int(rng.integers(1, 4)), weighed=bool(rng.random() < 0.3))
    out = tuple(sorted(rng.choice(len(one.change.groups), int(rng.integers(0, one.change.count + 1)), False).tolist()))
    decided = _distances(one, out, rng)
    return "decided" if _points(one) or decided else "refused"


def _distances(one: Grouped, out: tuple[int, ...], rng: np.random.Generator) -> bool:
    s, _ = oriented(one.head, one.change.within)
    members = tuple(np.array(rows, np.int64) for rows in one.change.groups)
    gone = [row for g in out for row in one.change.groups[g]]
    _, kept = s.after(gone)
    w = minimiser(s, kept, one.head.V[0])
    if rng.random() < 0.3:  # weights that are not the minimiser's: their gradient counts
        w = w + 10.0 ** rng.uniform(-6, -2) * rng.standard_normal(len(w))
    k, others = one.change.count - len(out), np.setdiff1d(np.arange(len(members)), np.array(out, np.int64))
    b = base(centre(s, kept, w))
    every = None if b is None else pulls(b, others if k else others[:0], members)
    it = None if b is None or every is None else stepping.steps(b, every, k)
    with ctx.workprec(BITS):
        t, _ = oriented_in_balls(one.twin, "here")
        ball = base_in_balls(centre_in_balls(t, gone, w.tolist()))
        its = None if ball is None else steps_in_balls.steps(ball, others.tolist(), one.change.groups, k)
        delta = None if its is None else np.array([[float(x) for x in row] for row in its.delta.tolist()]).T
    if it is None and its is None:
        return False
    D = kept * (p := 1.0 / (1.0 + np.exp(s.S @ w))) * (1.0 - p)
    H = (s.S.T * D) @ s.S + np.diag(s.decay)
    for choice in one.choices():
        if len(choice) > k or set(choice) & set(out):
            continue
        places = np.searchsorted(others, np.array(choice, np.int64))
        v = one.without((*out, *choice)) - w
        if it is not None:
            _far(H, v - it.delta[places].sum(axis=0), it.fixed + it.push[places].sum(), choice)
        if its is not None and delta is not None:
            _far(H, v - delta[places].sum(axis=0), its.fixed + sum(its.push[at] for at in places.tolist()), choice)
    return True


def _far(H: np.ndarray, v: np.ndarray, most: float, choice: tuple[int, ...]) -> None:
    length = float(np.sqrt(max(v @ H @ v, 0.0)))
    if length > most * (1.0 + 1e-6) + NEAR:
        raise Violation(f"without groups {choice}: {length} above {most}")


def _points(one: Grouped) -> bool:
    """What the tree proves and the checker follows holds of every refit."""
    method = GroupTrees()
    if method.able(one.head, one.change):
        return False
    part = method.prove(one.head, one.change, one.head.today >= 0, Budget())
    assert part is not None
    if not part.proved.any():
        return False
    falls = flipped(one.margins())
    if (part.proved & falls).any():
        raise Violation("a point is proved to stay that groups flip")
    with ctx.workprec(BITS):
        found = np.array(checker.proved(one.twin, stored(dict(part.arrays)), "here", part.proved.tolist()))
    if not found[part.proved].all():
        raise Violation("the checker does not follow")
    return True
