"""Equal rows are found by digests, and are equal in every number."""

from __future__ import annotations

import numpy as np
import pytest

from certify.problem import problem
from certify.problem.problem import equal_rows


@pytest.mark.parametrize("columns", [1, 4, 5, 50])
def test_groups_are_those_of_all_pairs(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setattr(problem, "_ROWS", 7)
    X = np.random.default_rng(columns).integers(0, 2, (40, 1)) * np.ones((1, columns))
    X[3], X[17], X[21:23] = 5.0, 5.0, [[-0.0] * columns, [0.0] * columns]
    X[30:] = np.random.default_rng(1).standard_normal((10, columns))
    rows = [tuple(j for j in range(40) if (X[j] == X[i]).all()) for i in range(40)]
    assert equal_rows(X) == tuple(sorted({g for g in rows if len(g) > 1}))


def test_rows_of_one_digest_that_differ_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(problem, "_short", lambda row: b"")
    assert equal_rows(np.array([[1.0], [2.0], [1.0], [3.0]])) == ((0, 2),)
