"""D16 in the checker: where numbers leave the doubles nothing is proved."""

from __future__ import annotations

from math import inf, nan

import numpy as np
import pytest
from flint import ctx

from certify.check.theorems.head.rows.softmax_pairs import proved
from certify.check.theorems.head.rows.softmax_pairs.bound import over
from certify.check.theorems.head.rows.softmax_pairs.metric import Blocks, rooted
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.losses.cross_entropy import CrossEntropyHead
from tests.families.class_heads import as_checked, refit
from tests.unit.check.theorems.head.rows.softmax_pairs.proposals import Refits, proposed, stored


def far_point(size: float) -> tuple[Head, Refits]:
    """One row holds the first feature; without it a point far along this feature gets another of five labels."""
    rows = [[20.0, 0.0, 1.0]]
    labels = [0]
    for s in (3.0, -3.0):
        for c in range(5):
            rows += [[s, 30.0 if c < 2 else -30.0, 1.0]] * 20
            labels += [c] * 20
    rows += [[3.0, 30.0, 1.0]] * 2
    labels += [1, 1]
    phi, y, decayed = np.array(rows), np.array(labels), np.ones(3, bool)
    Y = np.eye(5)[y]
    V = refit(phi, Y, 1.0, decayed)
    points = np.array([[size, 0.1 * size, 1.0]])
    head = Head(phi, np.zeros(len(y)), Y, np.eye(5), y.astype(np.int64), CrossEntropyHead(), V, 1.0 / len(y), decayed,
                False, points, np.zeros(1))
    return head, Refits(head)


@pytest.mark.parametrize("size", [1.0, 2.0**511, 1.0436 * 2.0**512])
def test_a_point_whose_length_is_beyond_doubles_is_not_proved(size: float) -> None:
    """The square of the last one's length overflows where a row is out: differences of two such are no number."""
    head, refits = far_point(size)
    x = head.points[0] / size
    assert (refits() @ x).argmax() == 0 and (refits(0) @ x).argmax() == 1
    with ctx.workprec(64):
        for count, moving in ((1, (0,)), (2, (0, 1))):
            found = proved(as_checked(head, moving, count, False), stored(proposed(refits, [0], [])), "here", [True])
            assert found == [False]


def test_what_is_no_number_is_infinitely_much() -> None:
    assert rooted(nan) == rooted(inf) == over(nan, 0.0) == over(1.0, nan) == over(inf, 0.0) == inf
    far = Blocks(2, [[[inf, inf], [inf, inf]], [[1.0, 0.0], [0.0, 1.0]]], [0.0, 0.0])
    assert far.seen(0, 0, 1) == far.widest(0) == far.farthest([1.0, 1.0]) == far.all_own(0, [0.5, 0.5], 0.0) == inf
