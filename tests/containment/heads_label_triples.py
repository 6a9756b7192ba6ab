"""Containment of D28: what is said to stay does, after every three changed labels."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from certify.finders.head.refits import Refitter
from certify.rigor.fp import Array
from certify.systems.head.rows.change import Choices, RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.label_triples.method import LabelTriples
from certify.theorems.head.rows.method import Budget
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation
from tests.families.heads import drawn_head

NEAR = 1e-6
"""Margins that floats do not tell from 0."""


def least_margins(head: Head, rows: tuple[int, ...], most: int = 3) -> Array:
    """`(N,)` the least margin of today's labels under every choice of at most so many labels of these rows."""
    assert head.label is not None
    refitter, found = Refitter(head), []
    for r in range(min(most, len(rows)) + 1):
        some = np.array(list(combinations(rows, r)), np.int64)
        V = refitter.newton(Choices(some, 1 - head.label[some]), np.repeat(refitter.V0[None], len(some), axis=0))
        found.append(np.where(head.today == 1, 1.0, -1.0) * (V[:, 0] @ head.points.T - head.threshold))
    return np.asarray(np.concatenate(found).min(axis=0))


@attack("changed_labels_triples", "D28", slow=20)
def changed_labels_triples(rng: np.random.Generator) -> Outcome:
    """Small heads with up to as many columns as rows, points at all distances: proved ones, and flipped ones."""
    head = drawn_head(rng, "logistic", n=int(rng.integers(6, 14)), d=int(rng.integers(1, 9)), N=60,
                      scale=float(10.0 ** rng.uniform(-1.0, 1.0)), apart=float(rng.uniform(0.0, 4.0)),
                      decay=float(10.0 ** rng.uniform(-3.0, 0.5)))
    rows = tuple(np.sort(rng.choice(head.n, int(rng.integers(3, 7)), replace=False)).tolist())
    change = RowChange(True, 3, rows)
    if LabelTriples().able(head, change):
        return "refused"
    part = LabelTriples().prove(head, change, head.today >= 0, Budget())
    assert part is not None and part.flips is not None
    low = least_margins(head, rows)
    if (low[part.proved] < -NEAR).any():
        raise Violation("a point that was said to stay is flipped")
    if (low[part.flips.point >= 0] > NEAR).any():
        raise Violation("a point that was said to be flipped stays")
    return "decided" if part.proved.any() else "refused"
