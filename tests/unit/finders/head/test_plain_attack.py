"""The search for changes that flip, of heads whose rows carry weights: a search without time proposes nothing."""

from __future__ import annotations

import numpy as np

from certify.finders.head.plain_attack import plain_attack
from tests.unit.check.theorems.head.rows.boxes.test_box_weights import drawn


def test_a_search_whose_time_is_up_proposes_nothing() -> None:
    head, change = drawn(0, False, 1)
    assert len(plain_attack(head, change, -1.0).rows) == 0
    found = plain_attack(head, change, 5.0)
    assert len(found.rows) and np.isfinite(found.weights).all()
