"""D8: cells too narrow for anything but rounding are not halved on, so that one point does not take all the time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from certify.theorems.head.rows.cells import Cells
from certify.theorems.head.rows.cover import tree
from certify.theorems.head.rows.method import Budget
from tests.families.heads import any_rows, drawn_head
from tests.oracles.head_rows import stays


@pytest.mark.parametrize("seed", [1, 39, 86])
def test_a_face_that_is_a_point_is_not_halved(seed, monkeypatch):
    """Of two inputs the hyperplane is a line: 10,000 halvings of a face of it took seconds, and the box grew after."""
    head = drawn_head(np.random.default_rng([seed, False, 2, 1]), "logistic", n=6, d=1, N=8, apart=3.0, decay=0.1)
    head, judged, excluded = replace(head, threshold=-0.5), [0], tree.excluded

    def counted(*args):
        judged[0] += 1
        assert judged[0] < 500
        return excluded(*args)

    monkeypatch.setattr(tree, "excluded", counted)
    change = any_rows(head, 2, False)
    part = Cells().prove(head, change, head.today >= 0, Budget(60.0))
    assert part.proved.any() and not (part.proved & ~stays(head, change)).any()
