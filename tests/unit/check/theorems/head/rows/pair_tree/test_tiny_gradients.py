"""A gradient whose length in the inverse's norm underflows is not 0: a refit that lies beyond a level is not passed by.

The two rows that may go and a third pull with equal strength, so that the weights 0 are nearly a refit: a fourth row
of 2^-1066 alone pulls down. Every deletion moves the point up; the refit of all rows is below the level, and the
weights 0 are above it.
"""

from __future__ import annotations

from importlib import import_module
from itertools import combinations

import numpy as np
import pytest
from flint import arb, arb_mat, ctx

from certify.check.linalg.balls import norm
from certify.check.theorems.head.rows.boxes.codes import TABLE
from certify.check.theorems.head.rows.codes import Codes
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.losses.base import row_loss
from tests.families.logistic_heads import stored

PULL, REST, MU, POINT = 2.0**-945, 2.0**-1066, 2.0**30, 2.0**520
ROWS = [-PULL, -PULL, 2.0 * PULL, -REST]
ONE = int(np.searchsorted(TABLE, 1.0))
BELOW, BEYOND = -(2.0**40), -(2.0**-578)
"""Levels: far below the output of the refit, and between it and that of the weights 0."""


def head(level: float) -> Head:
    """One input, no intercept; rows 0 and 1 may be deleted."""
    phi, points, targets = arb_mat([[x] for x in ROWS]), arb_mat([[POINT]]), [[1.0]] * 4
    return Head(phi, phi.tolist(), [norm(r).upper() for r in phi.tolist()], targets,
                Codes([[-1.0], [1.0]], [1] * 4, targets), row_loss("logistic"), 1, 1, False, False, arb(MU) / 4, False,
                points, [arb(POINT)], level, [1], (0, 1), 2, False)


def least(level: float) -> arb:
    """Of the outputs at all refits above the level."""
    with ctx.workprec(3000):
        found = []
        for out in (M for size in range(3) for M in combinations((0, 1), size)):
            w, kept = arb(0), [arb(s) for i, s in enumerate(ROWS) if i not in out]
            for _ in range(12):
                p = [1 / (1 + (s * w).exp()) for s in kept]
                g = MU * w - sum((a * s for a, s in zip(p, kept, strict=True)), arb(0))
                w = (w - g / (MU + sum((a * (1 - a) * s * s for a, s in zip(p, kept, strict=True)), arb(0)))).mid()
            found.append(w * POINT - level)
        return min(found)


@pytest.mark.parametrize("method", ["pair_tree", "by_choice"])
def test_a_refit_beyond_the_level_is_not_passed_by(method: str) -> None:
    step = PULL / 2 / MU
    tree = {"parent": [-1, 0, 0], "branch": [0, 0, 1], "weights": [[0.0], [step], [step]], "hot_count": [2, 0, 0],
            "hot": [0, 1], "numbers": [[2]], "box_count": [1, 0, 0], "box": [0], "slabs": [[ONE] * 4],
            "leaf_count": [0, 1, 0], "leaf": [1], "leaf_weights": [[2 * step]]}
    arrays = stored({name: np.array(x, float if "weights" in name else int) for name, x in tree.items()})
    proved = import_module(f"certify.check.theorems.head.rows.{method}").proved
    for level in (BELOW, BEYOND):
        with ctx.workprec(64):
            found = proved(head(level), arrays, "claim", [True])
        assert found == [bool(least(level) > 0)], level
