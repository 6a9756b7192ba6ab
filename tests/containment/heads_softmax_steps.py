"""Containment of D35: what is said to stay does, after every choice of up to three or four deleted rows."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from certify.rigor.fp import Array
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.softmax_steps.method import SoftmaxSteps
from tests.containment.heads_softmax_by_choice import NEAR, without, worst
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation
from tests.families.class_heads import class_head


def margins(head: Head, rows: tuple[int, ...], most: int) -> Array:
    """`(N,)` the least margins of today's labels without any few of some rows."""
    every = (T for r in range(most + 1) for T in combinations(rows, r))
    return np.asarray(np.min([worst(head, without(head, T)) for T in every], axis=0))


@attack("changed_rows_softmax_steps", "D35", slow=10)
def changed_rows_softmax_steps(rng: np.random.Generator) -> Outcome:
    """Small heads of two to four classes: points that are said to stay, and those that are said to be flipped."""
    head = class_head(rng, int(rng.integers(8, 13)), int(rng.integers(2, 5)), 40, float(10.0 ** rng.uniform(-1.5, 1.0)),
                      None, float(rng.uniform(0.7, 3.0)))
    most = int(rng.integers(3, 5))
    rows = tuple(np.sort(rng.choice(head.n, int(rng.integers(4, 8)), replace=False)).tolist())
    change = RowChange(False, most, rows)
    if SoftmaxSteps().able(head, change):
        return "refused"
    part = SoftmaxSteps().prove(head, change, head.today >= 0, Budget())
    assert part is not None and part.flips is not None
    low = margins(head, rows, most)
    if (low[part.proved] < -NEAR).any():
        raise Violation("a point that was said to stay is flipped")
    if (low[part.flips.point >= 0] > NEAR).any():
        raise Violation("a point that was said to be flipped stays")
    return "decided" if part.proved.any() else "refused"
