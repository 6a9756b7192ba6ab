"""Containment of D5, D6, D12 and D24 at thresholds other than 0: what is proved of a side holds of every refit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from flint import ctx

from certify.check.theorems.head.rows import bent_box, box, box_tree, pair_tree
from certify.check.theorems.head.rows.head import BITS
from certify.systems.head.rows.change import RowChange
from certify.theorems.head.rows.bent_box.method import BentBox
from certify.theorems.head.rows.box import Box
from certify.theorems.head.rows.box_tree import BoxTree
from certify.theorems.head.rows.method import Budget, Method
from certify.theorems.head.rows.pair_tree.method import PairTrees
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation
from tests.families.logistic_heads import as_checked, logistic_head, margins, stored

METHODS: tuple[tuple[type[Method], object], ...] = (
    (Box, box), (BoxTree, box_tree), (PairTrees, pair_tree), (BentBox, bent_box))
NEAR = 1e-12


@attack("changed_rows_at_thresholds", "D5", "D6", "D12", "D24", slow=20)
def changed_rows_at_thresholds(rng: np.random.Generator) -> Outcome:
    """A threshold next to what the worst refit says of a point, a little to either side, or anywhere."""
    make, checker = METHODS[int(rng.integers(len(METHODS)))]
    pairs, n = make is PairTrees, int(rng.integers(6, 10))
    relabels, k = bool(rng.random() < 0.4) and not pairs, 2 if pairs else int(rng.integers(1, 3))
    head = logistic_head(rng, n, 12, float(10.0 ** rng.uniform(0.0, 2.0)))
    rows = tuple(range(n))
    level = float(rng.normal())
    if rng.random() < 0.7:
        j = int(rng.integers(12))
        sign = 1.0 if head.today[j] == 1 else -1.0
        worst = min(float(one[j]) for one in margins(head, rows, k, relabels).values())
        level = sign * (worst + float(rng.choice([-1.0, 1.0])) * 10.0 ** rng.uniform(-12, -1))
    head = replace(head, threshold=level)
    part = make().prove(head, RowChange(relabels, k, rows), head.today >= 0, Budget())
    if part is None or not part.proved.any():
        return "refused"
    with ctx.workprec(BITS):
        again = checker.proved(  # type: ignore[attr-defined]
            as_checked(head, rows, k, relabels), stored(dict(part.arrays)), "here", part.proved.tolist())
    if not (np.array(again) == part.proved).all():
        raise Violation("the checker does not follow")
    for one in margins(head, rows, k, relabels).values():
        if not (one[part.proved] > -NEAR * (1.0 + abs(level))).all():
            raise Violation("a point that is proved to stay lies on the other side")
    return "decided"
