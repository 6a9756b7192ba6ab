"""Containment of D18 for changed labels: every refit with one wrong label lies as near to any candidate as is said."""

from __future__ import annotations

import numpy as np

from certify.rigor.fp import Array
from certify.systems.head.rows.change import Choices, RowChange
from certify.systems.head.rows.head import Head, Whole
from certify.theorems.head.rows.softmax.centre import centre
from certify.theorems.head.rows.softmax.trap import hessian
from certify.theorems.head.rows.softmax_by_choice import candidates
from certify.theorems.head.rows.softmax_by_choice import metric as metrics
from certify.theorems.head.rows.softmax_labels import judge, search
from tests.containment.heads_softmax_by_choice import NEAR, drawn, matrix, near, steep, without, worst
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation
from tests.families.class_heads import refit


def relabelled(head: Head, row: int, code: int) -> Array:
    """The refit with one label changed."""
    assert head.codes is not None
    Y = head.Y.copy()
    Y[row] = head.codes[code]
    return np.asarray(refit(head.phi, Y, head.n * head.weight_decay, head.decayed))


def choices_of(head: Head, rows: tuple[int, ...]) -> Choices:
    """No change, and every choice of one wrong label."""
    return search.every(head, RowChange(True, 1, rows))


@attack("changed_label_softmax", "D18", slow=10)
def changed_label_softmax(rng: np.random.Generator) -> Outcome:
    """Candidates of every kind for refits with one wrong label, in matrices of every kind; and a whole search."""
    head = drawn(rng)
    V = without(head, ())
    with np.errstate(all="ignore"):
        found = [_candidates(rng, head, V) for _ in range(6)]
        whole(head, tuple(range(head.n - int(rng.integers(3)))))
    return "decided" if any(found) else "refused"


def _candidates(rng: np.random.Generator, head: Head, V: Array) -> bool:
    """Some choices in one matrix, and by the matrices that are chosen; whether anything was proved of one."""
    choices = choices_of(head, tuple(range(head.n)))
    at = rng.choice(len(choices), 6, replace=False)
    some = Choices(choices.rows[at], choices.codes[at])
    refits = np.array([relabelled(head, int(i), int(c)) for (i,), (c,) in zip(some.rows, some.codes, strict=True)])
    away = 10.0 ** rng.uniform(-4.0, -0.3, len(some)) * (rng.random(len(some)) < 0.8)
    W = refits + away[:, None, None] * rng.standard_normal(refits.shape)
    W[0] = V
    least = np.array([worst(head, one) for one in refits])
    decided = one_matrix(rng, head, some, refits, W)
    if (made := judge.judge_of(head, centre(head, V), refits[: int(rng.integers(1, 7))], some)) is None:
        return decided
    live: Whole = np.flatnonzero(head.today >= 0)
    open_, _ = made.look(some, W, live)
    if (~open_ & (least[:, live] < -NEAR)).any():
        raise Violation("a point is moved that was said to stay")
    return decided or not open_.all()


def one_matrix(rng: np.random.Generator, head: Head, some: Choices, refits: Array, W: Array) -> bool:
    """Distances in any one matrix, and what is kept of the curvature."""
    if (m := matrix(rng, head, without(head, ()))) is None or (base := judge.base_of(m, m.c.V)) is None:
        return False
    at, none = judge.found_of(base, some, W), np.zeros((len(W), 0), np.int64)
    r = metrics.distances(m, at.e, candidates.long_of(m, at.gradient, at.error), none)
    H, a = hessian(m.c, m.h), 10.0 ** rng.uniform(-3.0, 1.0, len(W))
    kept = metrics.kept(m, at.e, a, none)
    for b in range(len(W)):
        steep(rng.spawn(1)[0], head, m, H, W[b], (), float(kept[b]), float(a[b]))
    return any([near(head, m, H, refits[b], W[b], float(r[b]), ()) for b in range(len(W))])


def whole(head: Head, rows: tuple[int, ...]) -> tuple[int, int]:
    """A whole search against all refits: how many predictions it proves, and how many stay."""
    choices = choices_of(head, rows)
    least = np.min([worst(head, relabelled(head, int(i), int(c)))
                    for (i,), (c,) in zip(choices.rows, choices.codes, strict=True)], axis=0)
    s = search.Search(head, RowChange(True, 1, rows), lambda: float("inf"))
    good = s.run(head.today >= 0)
    if (good & (least < -NEAR)).any() or (s.found.flipped & (least > NEAR)).any():
        raise Violation("a point is moved that was said to stay, or the other way round")
    return int(good.sum()), int(((least > NEAR) & (head.today >= 0)).sum())
