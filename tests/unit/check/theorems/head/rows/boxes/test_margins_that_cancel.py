"""D5, D6: a stated centre of which a row's margin cancels to a ball that holds all numbers proves nothing, in words."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from flint import arb, ctx

from certify.check.theorems.head.rows.boxes.fixed_rows import WEIGHT, sums
from certify.check.theorems.head.rows.boxes.margins import points
from certify.check.theorems.head.rows.boxes.slabs import above, below
from certify.check.theorems.head.rows.boxes.trap import box, centre
from certify.check.theorems.head.rows.boxes.tree import Node, proved
from certify.check.theorems.head.rows.losses.on_slabs import ON_SLABS

CODE = sum(1800 << 12 * a for a in range(4))


def cancelling(row: list[float], size: float) -> list[float]:
    """Weights of that size, each next one as near as doubles allow to where the margin of a row is 0."""
    w = [Fraction(size)]
    for x in row[1:]:
        w.append(Fraction(float(-sum(Fraction(s) * y for s, y in zip(row, w, strict=False)) / Fraction(x))))
    return list(map(float, w))


@pytest.mark.parametrize("size", [1e3, 1e40, 1e200])
@pytest.mark.parametrize("relabels", [False, True])
@pytest.mark.parametrize("light", [False, True])
def test_centres_of_which_margins_cancel_prove_nothing(size: float, relabels: bool, light: bool) -> None:
    rng = np.random.default_rng(1)
    S = rng.normal(size=(20, 6))
    S[:, -1] = np.sign(S[:, -1])
    rows, every = S.tolist(), list(range(20))
    w, open_ = cancelling(rows[3], size), [False] * 4
    with ctx.workprec(64):
        s, e = sums(rows, [arb(1)] * 6, relabels, [arb(0.01)] * 20 if light else None), points(S[:4].tolist(), 6)
        unsure = centre(s, [], w).t[3]
        assert size < 1e39 or (not unsure > 0 and not unsure < 0 and unsure.rad() > 0)
        for loss in ON_SLABS:
            assert box(centre(s, [], w, loss), every, 2, [[1.5] * 20] * 4) is None
        for k, boxes, leaves in ((1, [], [(0, w), (3, w)]), (1, [(0, [CODE] * 20, 48)], []),
                                 (2, [(0, [CODE] * 20, 48)], [])):
            assert proved(s, e, [Node(-1, 0, w, [], [0] * 4, boxes, leaves)], every, k, "here") == open_


def test_of_what_is_no_number_all_curvatures_are_held() -> None:
    for x in (arb("nan"), arb(0, arb("inf").mid()), arb("inf")):
        assert below(x) == 0
        assert above(x) >= 1 << WEIGHT - 2
