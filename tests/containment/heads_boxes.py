"""Containment of D5 and D6: after every deletion or change of labels predictions stay that are proved to stay."""

from __future__ import annotations

import numpy as np
from flint import ctx

from certify.check.theorems.head.rows import box as check_box
from certify.check.theorems.head.rows import box_tree as check_tree
from certify.systems.head.rows.change import RowChange
from certify.theorems.head.rows.box import Box
from certify.theorems.head.rows.box_tree import BoxTree
from certify.theorems.head.rows.method import Budget
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation
from tests.families.logistic_heads import as_checked, logistic_head, margins, stored


@attack("changed_rows_boxes", "D5", "D6", slow=20)
def changed_rows_boxes(rng: np.random.Generator) -> Outcome:
    """Every change of a small head against what a box or a tree proved, and the checker's answer to both."""
    n, count = int(rng.integers(4, 11)), int(rng.integers(1, 4))
    relabels = bool(rng.random() < 0.5)
    head = logistic_head(rng, n, decay=float(10.0 ** rng.uniform(-1, 1.5)))
    rows = tuple(sorted(rng.choice(n, int(rng.integers(1, n + 1)), False).tolist()))
    method, twin = (Box(), check_box) if rng.random() < 0.4 else (BoxTree(), check_tree)
    change = RowChange(relabels, count, rows)
    if method.able(head, change):
        return "refused"
    part = method.prove(head, change, head.today >= 0, Budget())
    if part is None or not part.proved.any():
        return "refused"
    least = np.min(list(margins(head, rows, min(count, len(rows)), relabels).values()), axis=0)
    if (least[part.proved] < -1e-9).any():
        raise Violation(f"{method.name}: a prediction that is proved to stay changes: {least[part.proved].min()}")
    with ctx.workprec(64):
        twin_head = as_checked(head, rows, count, relabels)
        found = twin.proved(twin_head, stored(dict(part.arrays)), "claim", part.proved.tolist())
    if found != part.proved.tolist():
        raise Violation(f"{method.name}: the checker does not follow")
    return "decided"
