"""Containment of D20 in certificates: what a checker follows of wrong labels with weights holds of every refit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from flint import ctx

from certify.check.theorems.head.rows import label_sums as checked
from certify.check.theorems.head.rows.head import BITS
from certify.format.refusal import Invalid
from certify.systems.head.rows.change import RowChange
from certify.theorems.head.rows.label_sums.method import LabelSums
from certify.theorems.head.rows.method import Budget
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation
from tests.families.label_heads import KINDS, as_checked, label_head, least_margins
from tests.families.logistic_heads import stored

NEAR = 1e-9


@attack("changed_labels_linear_steps", "D20", slow=10)
def changed_labels_linear_steps(rng: np.random.Generator) -> Outcome:
    """Every choice of up to three changed labels, with the weights of a run and with others; also rows in other units.

    The checker has to follow what the run states, and to say nothing false whatever weights it is given.
    """
    kind, k = str(rng.choice(KINDS)), int(rng.integers(1, 4))
    n, d = int(rng.integers(10, 40)), int(rng.integers(1, 4))
    decay = float(10.0 ** rng.uniform(-2.5, 0.3))
    head = label_head(int(rng.integers(1 << 30)), kind, n=n, d=d, points=40, decay=decay)
    if rng.random() < 0.3:  # in other units, where products and squares of doubles are far from 1
        unit = 2.0 ** int(rng.integers(-300, 300))
        at = np.append(np.full(d, unit), 1.0)
        head = replace(head, phi=head.phi * at, points=head.points * at, V=head.V / at)
    rows = np.sort(rng.choice(n, int(rng.integers(k, min(n, 10) + 1)), replace=False))
    change = RowChange(True, k, tuple(rows.tolist()))
    if LabelSums().able(head, change):
        return "refused"
    part = LabelSums().prove(head, change, head.today >= 0, Budget())
    least = least_margins(head, change.rows, k)
    assert part is not None
    if (part.proved & (least < -NEAR)).any():
        raise Violation("a point that was said to stay is flipped")
    if not part.proved.any():
        return "refused"
    asked = [True] * len(head.points)
    with ctx.workprec(BITS):
        found = np.array(checked.proved(as_checked(head, change), stored(dict(part.arrays)), "here", asked))
        if (part.proved & ~found).any():
            raise Violation("a point that is stated is not followed")
        moved = {name: array + float(10.0 ** rng.uniform(-6, 2)) * np.abs(array) * rng.normal(size=array.shape)
                 for name, array in part.arrays.items()}
        try:
            forged = np.array(checked.proved(as_checked(head, change), stored(moved), "here", asked))
        except Invalid:
            forged = np.zeros_like(found)
    if ((found | forged) & (least < -NEAR)).any():
        raise Violation("a point that the checker follows is flipped")
    return "decided"
