"""Steps to refits that one factor does not settle: nearer than before, and the others as they were."""

from __future__ import annotations

import numpy as np
import pytest

from certify.finders.head.boxes import minimiser
from certify.systems.head.rows.boxes.trap import centre
from certify.systems.head.rows.change import RowChange
from certify.theorems.head.rows.box_tree import oriented
from certify.theorems.head.rows.boxes import leaves
from certify.theorems.head.rows.pair_tree import settle
from tests.families.logistic_heads import logistic_head, refit


def test_steps_are_nearer_to_refits_than_where_they_began() -> None:
    longer = 0
    for seed in range(8):
        rng = np.random.default_rng([96, seed])
        head = logistic_head(rng, 14, decay=float(10.0 ** rng.uniform(-1.0, 1.0)))
        s, _ = oriented(head, RowChange(False, 2, tuple(range(14))))
        b = leaves.base(centre(s, s.whole, minimiser(s, s.whole, head.V[0])))
        if b is None:
            continue
        rows, start = np.arange(14), np.zeros((14, s.S.shape[1]))
        found = settle.settle(b, rows, start)
        for i in rows:
            kept = s.whole.copy()
            kept[i] = 0.0
            true = refit(s.S, kept, s.decay) - b.c.w
            assert np.linalg.norm(found[i] - true) <= 1e-3 * np.linalg.norm(true) + 1e-6
            longer += int(np.linalg.norm(true) > 1e-2)
    assert longer > 20


@pytest.mark.parametrize("worse", [np.nan, np.inf, 1e3])
def test_what_is_no_nearer_is_not_taken(monkeypatch: pytest.MonkeyPatch, worse: float) -> None:
    head = logistic_head(np.random.default_rng(95), 12, decay=3.0)
    s, _ = oriented(head, RowChange(False, 2, tuple(range(12))))
    b = leaves.base(centre(s, s.whole, minimiser(s, s.whole, head.V[0])))
    assert b is not None
    monkeypatch.setattr(settle, "refits", lambda b, rows: np.full((len(rows), s.S.shape[1]), worse))
    start = np.zeros((12, s.S.shape[1]))
    assert (settle.settle(b, np.arange(12), start) == start).all()
