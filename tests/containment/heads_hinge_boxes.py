"""Containment of D5 for the squared hinge: after every change predictions stay that a box proves to stay."""

from __future__ import annotations

import numpy as np
from flint import ctx

from certify.check.theorems.head.rows import box as checked
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.box import Box
from certify.theorems.head.rows.method import Budget, Method, Part
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation
from tests.families.hinge_heads import hinge_head, least_margins, twin
from tests.families.row_heads import stored


def said(method: Method, head: Head, change: RowChange) -> tuple[Part | None, np.ndarray]:
    """What a method proves, and the least margins after all changes, with which it agrees; None where it is nothing."""
    part = method.prove(head, change, head.today >= 0, Budget())
    if part is None or not part.proved.any():
        return None, np.zeros(0)
    least = least_margins(head, change)
    if (least[part.proved] < -1e-9).any():
        raise Violation(f"a prediction that is proved to stay changes: {least[part.proved].min()}")
    return part, least


@attack("changed_rows_hinge_boxes", "D5", slow=10)
def changed_rows_hinge_boxes(rng: np.random.Generator) -> Outcome:
    """Every change of a small head against what a box proved, and the checker's answer."""
    head = hinge_head(rng, bool(rng.random() < 0.3), scale=float(10.0 ** rng.integers(-1, 2)))
    rows = tuple(sorted(rng.choice(head.n, int(rng.integers(2, head.n + 1)), False).tolist()))
    change = RowChange(bool(rng.random() < 0.4), int(rng.integers(1, 3)), rows)
    if Box().able(head, change):
        return "refused"
    part, _ = said(Box(), head, change)
    if part is None:
        return "refused"
    with ctx.workprec(64):
        found = checked.proved(twin(head, change), stored(dict(part.arrays)), "claim", part.proved.tolist())
    if found != part.proved.tolist():
        raise Violation("the checker does not follow")
    return "decided"
