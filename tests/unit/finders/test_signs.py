"""The search for rows that turn a sign: it takes the row that takes most, and holds no column for a group."""

from __future__ import annotations

from time import monotonic
from tracemalloc import get_traced_memory, start, stop

import numpy as np

from certify.finders.signs import rows_that_turn
from certify.theorems.signs.design import enclosed
from tests.unit.theorems.signs.test_terms import covariance_of


def test_each_row_is_the_one_without_which_least_is_left():
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(5), 8)
    for labels in (None, groups):
        Z, x = rng.normal(size=(40, 2)), rng.normal(size=40)
        d = enclosed(x, x + Z[:, 0] + 2 * rng.normal(size=40), Z, labels)
        assert d is not None
        found = rows_that_turn(d.a, d.b, d.W, d.groups, monotonic() + 60)
        assert found is not None
        keep = np.ones(40, dtype=bool)
        for row in found:
            left = np.full(40, np.inf)
            for i in np.flatnonzero(keep):
                keep[i] = False
                left[i] = covariance_of(d, keep)
                keep[i] = True
            assert left[row] <= left.min() + 1e-9
            keep[row] = False
        assert covariance_of(d, keep) <= 0


def test_many_groups_take_no_memory():
    rng = np.random.default_rng(3)
    x, groups = rng.normal(size=9000), np.arange(9000) // 2
    d = enclosed(x, x + rng.normal(size=9000), np.zeros((9000, 0)), groups)
    assert d is not None
    start()
    rows_that_turn(d.a, d.b, d.W, d.groups, monotonic() + 0.3)
    peak = get_traced_memory()[1]
    stop()
    assert peak < 8e6  # a column for each group: 3e8


def test_nothing_is_found_after_the_time():
    v = np.array([0.5, 0.5, 0.5])
    assert rows_that_turn(v, v, np.zeros((3, 0)), None, monotonic() - 1) is None
