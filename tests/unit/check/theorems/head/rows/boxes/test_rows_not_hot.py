"""D6, inner nodes without a box: choices that no child holds are left open, of at most two rows and of exactly two."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from flint import arb, ctx

from certify.check.theorems.head.rows.boxes.fixed_rows import sums
from certify.check.theorems.head.rows.boxes.margins import points
from certify.check.theorems.head.rows.boxes.tree import Node, proved
from tests.families.logistic_heads import refit

FREE = [0, 1, 2]


def after(S: np.ndarray, gone: tuple[int, ...]) -> np.ndarray:
    kept = np.ones(len(S))
    kept[list(gone)] = 0.0
    return refit(S, kept, np.array([0.1]))


def said(rows: list[float], hot: int, exact: bool) -> bool:
    """Of a root with so many hot rows and honest children, whether the point 1 is proved for deletions of `FREE`."""
    S = np.array([rows]).T
    root = Node(-1, 0, after(S, ()).tolist(), FREE[:hot], [hot], [], [])
    children = [Node(0, i, after(S, (i,)).tolist(), [], [0], [], [(j, after(S, (i, j)).tolist()) for j in FREE[i + 1:]])
                for i in FREE[:hot]]
    with ctx.workprec(64):
        s = sums(S.tolist(), [arb(0.1)], False)
        return proved(s, points([[1.0]], 1), [root, *children], FREE, 2, "here",
                      (lambda _, free: free) if exact else None) == [True]


@pytest.mark.parametrize(("rows", "hot", "exact", "flips"), [
    ([-2.0, -2.0, 5.0, 3.0], 2, False, (2,)), ([-2.0, 2.5, 2.5, 1.0], 1, True, (1, 2))])
def test_the_rows_that_are_left_flip_it(rows: list[float], hot: int, exact: bool, flips: tuple[int, ...]) -> None:
    """All other choices keep the point: it is only this one that no child sees. Where it keeps it too, all are seen."""
    S = np.array([rows]).T
    every = [gone for size in ([2] if exact else [0, 1, 2]) for gone in combinations(FREE, size)]
    assert [gone for gone in every if after(S, gone)[0] < 0] == [flips]
    assert not said(rows, hot, exact)
    assert not said(rows, 3, exact)
    assert said([-0.25, -0.25, 0.25, 9.0], 3, exact)
