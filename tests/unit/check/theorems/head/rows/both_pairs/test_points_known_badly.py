"""Points whose features are known up to hundreds, as those of a network may be: what that counts has room or is lost.

Column 1 is 0 in all rows, so that its weight is 0 after every change: a point flips or not whatever it has there.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from flint import arb, ctx
from numpy.typing import NDArray

from certify.check.theorems.head.rows import both_pairs
from certify.check.theorems.head.rows.head import BITS
from tests.families.logistic_heads import refits
from tests.families.plain_heads import plain_head
from tests.families.row_heads import stored

N, M, MOVING = 12, 16, (0, 1, 2, 3)
LABEL = np.array([1] * 8 + [0] * 4)
SIGN = np.where(LABEL == 1, 1.0, -1.0)[:, None]
PHI = np.zeros((N, M))
PHI[:, 0] = 24 + np.linspace(-0.1, 0.1, N)
MOVED = 0.02
"""What weights of pairs are away from refits: steps back are long then, and counted times what points are off by."""


@cache
def after_all() -> tuple[NDArray[np.float64], float]:
    """Refits of none, of single changes and of pairs, and a threshold that pairs alone go below."""
    single = [(), *(((i, 0.0),) for i in MOVING), *(((i, -1.0),) for i in MOVING)]
    every = [*single, *(((i, 0.0), (j, -1.0)) for i in MOVING for j in MOVING if i != j)]
    counts, signs = np.ones((len(every), N)), np.ones((len(every), N))
    for b, change in enumerate(every):
        for row, sign in change:
            counts[b, row], signs[b, row] = abs(sign), sign or 1.0
    found = refits(PHI * SIGN, signs, counts, np.ones(M))
    threshold = 0.98 * float(found[: len(single), 0].min())
    assert found[len(single) :, 0].max() < threshold and not found[:, 1].any()
    return found, threshold


def accepted(off: float, threshold: float) -> list[bool]:
    """What is said of the point by weights that lie `MOVED` from the refits of pairs."""
    pairs = len(MOVING) * (len(MOVING) - 1)
    basis = np.zeros((M, M))
    basis[0, 0] = MOVED
    arrays: dict[str, Any] = {
        "weights": after_all()[0][: 1 + 2 * len(MOVING)], "shares": np.full((N, 1), 1 - 1e-6), "basis": basis,
        "moved": np.arange(pairs), "units": np.tile(np.eye(1, M, dtype=np.int64), (pairs, 1))}
    with ctx.workprec(BITS):
        head = plain_head(PHI.tolist(), SIGN[:, 0].tolist(), 1, [[1, arb(0, off), *[0] * (M - 2)]], threshold, MOVING)
        return both_pairs.proved(head, stored(arrays), "here", [True])


@pytest.mark.parametrize("off", [0.0, *(60 * 1.3**a for a in range(12))])
def test_a_point_that_flips_is_not_said_to_stay(off: float) -> None:
    assert accepted(off, after_all()[1]) == [False]


def test_one_that_stays_is_where_it_is_known() -> None:
    assert accepted(0.0, after_all()[1] - 0.1) == [True]
    assert accepted(1e-4, after_all()[1] - 0.3) == [True]
