"""Containment of D18 for two changed labels: what is said to stay does, after every pair of them."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np

from certify.finders.head.refits import Refitter
from certify.rigor.fp import Array
from certify.systems.head.rows.change import Choices, RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.softmax_two_labels.method import SoftmaxTwoLabels
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation
from tests.families.class_heads import class_head

NEAR = 1e-7


def margins(head: Head, rows: tuple[int, ...], r: int) -> Array:
    """`(N,)` the least margins of today's labels under every change of exactly r labels."""
    assert head.label is not None
    every = [(which, codes) for which in combinations(rows, r)
             for codes in product(*([c for c in range(head.k) if c != head.label[i]] for i in which))]
    choices = Choices(np.array([which for which, _ in every], dtype=np.int64).reshape(len(every), r),
                      np.array([codes for _, codes in every], dtype=np.int64).reshape(len(every), r))
    V = Refitter(head).newton(choices, np.repeat(head.V[None], len(every), axis=0))
    F = np.einsum("np,bkp->bnk", head.points, V)
    each = np.arange(len(head.points))
    own = F[:, each, head.today].copy()
    F[:, each, head.today] = -np.inf
    return np.asarray((own - F.max(axis=2)).min(axis=0))


@attack("changed_labels_softmax_pairs", "D18", slow=10)
def changed_labels_softmax_pairs(rng: np.random.Generator) -> Outcome:
    """Small heads of two to four classes, points between others: proved ones, and flipped ones."""
    head = class_head(rng, int(rng.integers(8, 13)), int(rng.integers(2, 5)), 40, float(10.0 ** rng.uniform(-1.5, 1.0)),
                      None, float(rng.uniform(0.7, 3.0)))
    rows = tuple(np.sort(rng.choice(head.n, int(rng.integers(2, head.n)), replace=False)).tolist())
    change = RowChange(True, 2, rows)
    if SoftmaxTwoLabels().able(head, change):
        return "refused"
    part = SoftmaxTwoLabels().prove(head, change, head.today >= 0, Budget())
    assert part is not None and part.flips is not None
    low = np.min([margins(head, rows, r) for r in range(3)], axis=0)
    if (low[part.proved] < -NEAR).any():
        raise Violation("a point that was said to stay is flipped")
    if (low[part.flips.point >= 0] > NEAR).any():
        raise Violation("a point that was said to be flipped stays")
    return "decided" if part.proved.any() else "refused"
