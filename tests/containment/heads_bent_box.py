"""Containment of D24: every refit after changed rows lies in the box, and keeps the margins that are said to stay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from flint import ctx

from certify.check.theorems.head.rows import bent_box
from certify.check.theorems.head.rows.head import BITS
from certify.systems.head.rows.change import RowChange
from certify.theorems.head.rows.bent_box.method import BentBox
from certify.theorems.head.rows.method import Budget
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation
from tests.families.bent_boxes import drawn, every, found
from tests.families.logistic_heads import as_checked, logistic_head, margins, stored


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


@attack("changed_rows_bent_box_checked", "D24", slow=10)
def changed_rows_bent_box_checked(rng: np.random.Generator) -> Outcome:
    """Arrays of a run, honest or scaled, on either side of a threshold: what a checker accepts holds of every refit."""
    relabels, k, n = bool(rng.random() < 0.5), int(rng.integers(1, 4)), int(rng.integers(6, 11))
    head = logistic_head(rng, n, 12, float(10.0 ** rng.uniform(0.7, 2.2)))
    head = replace(head, threshold=float(rng.choice([0.0, 0.3, -1.0])))
    rows = tuple(np.sort(rng.choice(n, int(rng.integers(k, n)), replace=False)).tolist())
    part = BentBox().prove(head, RowChange(relabels, k, rows), head.today >= 0, Budget())
    if part is None or not part.arrays:
        return "refused"
    arrays = {name: array.copy() for name, array in part.arrays.items()}
    if rng.random() < 0.7:  # shorter slabs, or smaller shares, may hold as well, and then have to be true
        name = str(rng.choice(["slabs", "rows", "points"]))
        arrays[name] = arrays[name] * float(1.0 - 10.0 ** rng.uniform(-5, -0.5))
    with ctx.workprec(BITS):
        stays = np.array(bent_box.proved(as_checked(head, rows, k, relabels), stored(arrays), "here",
                                         (head.today >= 0).tolist()))
    if not stays.any():
        return "refused"
    for found_margins in margins(head, rows, k, relabels).values():
        if not (found_margins[stays] > -1e-9).all():
            raise Violation("a point that was accepted lies on the other side")
    return "decided"
