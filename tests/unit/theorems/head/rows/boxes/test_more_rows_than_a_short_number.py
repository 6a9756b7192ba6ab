"""A node at which all rows are hot, where rows are more than 2¹⁵."""

from __future__ import annotations

import numpy as np
import pytest

from certify.systems.head.rows.boxes.sums import sums
from certify.theorems.head.rows.boxes import tree


def test_all_rows_may_be_hot(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    n = 2**15 + 200
    x = rng.standard_normal(n)
    S = np.c_[x, np.ones(n)] * np.where(x + rng.standard_normal(n) > 0.0, 1.0, -1.0)[:, None]
    monkeypatch.setattr(tree, "LARGE", 1)  # no box is tried of such a head: each label that may change has a leaf
    clock = iter([60.0])  # the time is up when the leaves would begin, which are tested elsewhere
    search = tree.Tree(sums(S, np.array([1.0, 0.0]), relabels=True), np.array([[1.0, 1.0]]), lambda: next(clock, 0.0))
    assert not search.run(1, np.array([True])).any()
    assert (search.nodes[0].h[0], len(search.nodes[0].hot)) == (n, n)
