"""Crafted attacks on claims about changed rows; beside those of `tests.mutation.killers`."""

from __future__ import annotations

import numpy as np
from flint import arb, ctx

from certify.check.theorems.head.rows.boxes import leaves as check
from certify.check.theorems.head.rows.boxes.fixed_rows import sums
from certify.check.theorems.head.rows.boxes.trap import centre
from certify.systems.head.rows.boxes import sums as tables
from certify.systems.head.rows.boxes import trap
from certify.theorems.head.rows.boxes import leaves
from tests.containment.rigor import Violation
from tests.families.rows_left_out import CHANGED, DECAY, ROWS, weights_and_distance
from tests.mutation.killers import killer


@killer
def rows_left_out() -> None:
    """The prover's distance from weights to the refit, where the rows with most of the curvature are left out."""
    for relabels in (False, True):
        w, true = weights_and_distance(relabels)
        b = leaves.base(trap.centre(tables.sums(ROWS, DECAY, relabels=relabels), np.ones(len(ROWS)), np.zeros(1)))
        if b is not None and float(leaves.judged(b, np.array([CHANGED]), w[None, :])[0]) < true * (1 - 1e-9):
            raise Violation("a refit lies farther away")


@killer
def checked_rows_left_out() -> None:
    """The checker's."""
    for relabels in (False, True):
        w, true = weights_and_distance(relabels)
        with ctx.workprec(64):
            b = check.base(centre(sums(ROWS.tolist(), [arb(x) for x in DECAY], relabels), [], [0.0]))
            if b is not None and check.distances(b, [CHANGED], [w.tolist()])[0] < true * (1 - 1e-9):
                raise Violation("a refit lies farther away")
