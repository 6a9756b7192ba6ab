"""Containment of D27: what is said to stay does, after every three changed labels."""

from __future__ import annotations

import numpy as np

from certify.systems.head.rows.change import RowChange
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.softmax_three_labels.method import ThreeLabels
from tests.containment.heads_softmax_two_labels import NEAR, margins
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation
from tests.families.class_heads import class_head


@attack("changed_labels_softmax_three", "D27", slow=20)
def changed_labels_softmax_three(rng: np.random.Generator) -> Outcome:
    """Small heads of two and three classes, points between others: proved ones, and flipped ones."""
    head = class_head(rng, int(rng.integers(8, 12)), int(rng.integers(2, 4)), 40, float(10.0 ** rng.uniform(-1.0, 1.0)),
                      None, float(rng.uniform(0.7, 3.0)))
    rows = tuple(np.sort(rng.choice(head.n, int(rng.integers(3, 8)), replace=False)).tolist())
    change = RowChange(True, 3, rows)
    if ThreeLabels().able(head, change):
        return "refused"
    part = ThreeLabels().prove(head, change, head.today >= 0, Budget())
    assert part is not None and part.flips is not None
    low = np.min([margins(head, rows, r) for r in range(4)], axis=0)
    if (low[part.proved] < -NEAR).any():
        raise Violation("a point that was said to stay is flipped")
    if (low[part.flips.point >= 0] > NEAR).any():
        raise Violation("a point that was said to be flipped stays")
    return "decided" if part.proved.any() else "refused"
