"""Rows that carry weights: counted out as they are, and no tree or norm, which are for rows that count the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from certify.format.words import By
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.weights import RowWeights
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.moves import boxed, claims, counted
from certify.theorems.head.rows.moves.measures import Distance, Outputs
from tests.families.heads import drawn_head


def test_weights_are_counted_and_nothing_else_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    head = drawn_head(np.random.default_rng(4), "logistic", n=10, decay=0.3, free=False)
    change = RowChange(False, 1, tuple(range(10)))
    heavy = replace(head, weights=RowWeights(np.linspace(0.2, 5.0, 10), None, False))
    plain, weighed = (claims.reach(one, change, Distance, Budget(20.0)) for one in (head, heavy))
    assert plain is not None and weighed is not None and weighed.by is By.COUNTED and weighed.upper != plain.upper
    assert boxed.able(head, change) and not boxed.able(heavy, change)
    monkeypatch.setattr(counted, "LEAVES", 1)
    monkeypatch.setattr(counted, "ONE_BY_ONE", 1)
    for kind in (Distance, Outputs):
        found = claims.reach(heavy, change, kind, Budget(20.0))
        assert found is not None and found.by is None and np.isinf(found.upper) and found.why
