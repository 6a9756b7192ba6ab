"""Containment of D24: every refit after changed rows lies in the box, and keeps the margins that are said to stay."""

from __future__ import annotations

import numpy as np

from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation
from tests.families.bent_boxes import drawn, every, found


@attack("changed_rows_bent_box", "D24", slow=10)
def changed_rows_bent_box(rng: np.random.Generator) -> Outcome:
    """Every choice of up to three rows, deleted or relabelled: all slabs, and what random vectors may lose."""
    relabels, k = bool(rng.random() < 0.5), int(rng.integers(1, 4))
    s = drawn(rng, relabels, bool(rng.random() < 0.5), int(rng.integers(6, 12)), float(10.0 ** rng.uniform(-0.5, 1.2)))
    rows = np.sort(rng.choice(len(s.S), int(rng.integers(k, len(s.S))), replace=False))
    b = found(s, k, rows, float(10.0 ** rng.uniform(-12, -5)))
    if b is None:
        return "refused"
    E = rng.standard_normal((8, s.S.shape[1])) * 10.0 ** rng.uniform(-3, 3, (8, 1))
    taken = b.taken(E, True)
    if taken is None:
        return "refused"
    least, most = (one.most(k) for one in taken)
    for M, w in every(s, rows, k):
        tau, moved = s.S @ (w - b.at.c.w), E @ (w - b.at.c.w)
        out = np.isin(np.arange(len(s.S)), M)
        low, high = np.where(out, b.slabs.il, b.slabs.lo), np.where(out, b.slabs.ih, b.slabs.hi)
        if not ((-tau <= low).all() and (tau <= high).all()):
            raise Violation("a refit lies outside of the box")
        if not ((-moved <= least * (1 + 1e-9)).all() and (moved <= most * (1 + 1e-9)).all()):
            raise Violation("a refit takes more than was said")
    return "decided"
