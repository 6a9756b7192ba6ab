"""Containment of D6 for the squared hinge: after every change predictions stay that a tree proves to stay."""

from __future__ import annotations

import numpy as np
from flint import ctx

from certify.check.theorems.head.rows import box_tree as checked
from certify.systems.head.rows.change import RowChange
from certify.theorems.head.rows.box_tree import BoxTree
from tests.containment.heads_hinge_boxes import said
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation
from tests.families.hinge_heads import hinge_head, twin
from tests.families.row_heads import stored

Arrays = dict[str, np.ndarray]


def childless(arrays: Arrays, asked: np.ndarray) -> Arrays:
    """The root alone, which is said to need no hot row, no box and no leaf."""
    none, zero = np.zeros(0, np.int64), np.zeros(1, np.int64)
    return {"parent": arrays["parent"][:1], "branch": arrays["branch"][:1], "weights": arrays["weights"][:1],
            "hot_count": zero, "hot": none, "numbers": np.where(asked, 0, -1)[None, :], "box_count": zero, "box": none,
            "slabs": arrays["slabs"][:0], "second": arrays["second"][:0], "leaf_count": zero, "leaf": none,
            "leaf_weights": arrays["leaf_weights"][:0]}


@attack("changed_rows_hinge_trees", "D6", slow=10)
def changed_rows_hinge_trees(rng: np.random.Generator) -> Outcome:
    """Every change of a small head against what a tree proved, the checker's answer, and a tree without branches."""
    head = hinge_head(rng, bool(rng.random() < 0.3), scale=float(10.0 ** rng.integers(-1, 2)))
    rows = tuple(sorted(rng.choice(head.n, int(rng.integers(2, head.n + 1)), False).tolist()))
    change = RowChange(bool(rng.random() < 0.3), int(rng.integers(2, 4)), rows)
    if head.n > 12 and change.count > 2 or BoxTree().able(head, change):
        return "refused"
    part, least = said(BoxTree(), head, change)
    if part is None:
        return "refused"
    with ctx.workprec(64):
        seen, arrays = twin(head, change), dict(part.arrays)
        found = checked.proved(seen, stored(arrays), "claim", part.proved.tolist())
        bare = checked.proved(seen, stored(childless(arrays, head.today >= 0)), "claim", (head.today >= 0).tolist())
    if found != part.proved.tolist():
        raise Violation("the checker does not follow")
    if (least[np.array(bare)] < -1e-9).any():
        raise Violation("the checker takes rows that pull for still ones")
    return "decided"
