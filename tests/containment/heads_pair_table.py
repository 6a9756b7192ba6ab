"""Containment of D29: what is said to stay does, after every two changed labels."""

from __future__ import annotations

import dataclasses

import numpy as np

from certify.systems.head.rows.change import RowChange
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.pair_table.method import PairTable
from tests.containment.heads_label_triples import NEAR, least_margins
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation
from tests.families.heads import drawn_head


@attack("changed_labels_pair_table", "D29", slow=20)
def changed_labels_pair_table(rng: np.random.Generator) -> Outcome:
    """Small heads with few columns, rows of very different lengths, points at all distances: proved, and flipped."""
    head = drawn_head(rng, "logistic", n=int(rng.integers(10, 26)), d=int(rng.integers(1, 4)), N=60,
                      scale=float(10.0 ** rng.uniform(-1.0, 1.0)), apart=float(rng.uniform(0.0, 4.0)),
                      decay=float(10.0 ** rng.uniform(-3.0, 0.5)))
    phi, points = head.phi.copy(), head.points.copy()
    phi[:, :-1] *= 10.0 ** rng.uniform(-0.7, 0.7, (head.n, 1))
    points[:, :-1] *= np.linspace(0.0, 3.0, len(points))[:, None]
    head = dataclasses.replace(head, phi=phi, points=points)
    rows = tuple(np.sort(rng.choice(head.n, int(rng.integers(2, 10)), replace=False)).tolist())
    part = PairTable().prove(head, RowChange(True, 2, rows), head.today >= 0, Budget())
    assert part is not None and part.flips is not None
    low = least_margins(head, rows, 2)
    if (low[part.proved] < -NEAR).any():
        raise Violation("a point that was said to stay is flipped")
    if (low[part.flips.point >= 0] > NEAR).any():
        raise Violation("a point that was said to be flipped stays")
    return "decided" if part.proved.any() else "refused"
