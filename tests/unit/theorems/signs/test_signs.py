"""Signs of coefficients under deletions: exact answers of small regressions, wrong versions of the theorem."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from certify.theorems.signs import bound
from certify.theorems.signs.bound import Bounds
from certify.theorems.signs.design import enclosed
from certify.theorems.signs.groups import Tables, tables, worst
from certify.theorems.signs.pairs import Pairs
from certify.theorems.signs.survey import survival, turns
from tests.containment.signs import drawn, proved_of
from tests.oracles.least_squares import coefficient, survived


def problem(seed: int) -> tuple[Any, ...]:
    rows, y, groups, codes = drawn(np.random.default_rng([77, seed]))
    X = np.asarray(rows, dtype=np.float64)
    return rows, y, (X[:, 0], np.asarray(y, dtype=np.float64), X[:, 1 : X.shape[1] - codes], groups)


def without(part: str) -> Any:
    """Tables of groups with one part forgotten."""
    def wrong(*given: Any) -> Tables:
        right = tables(*given)
        parts = {name: getattr(right, name) for name in ("products", "turns", "squares")}
        return Tables(**{**parts, part: [np.zeros_like(table) for table in parts[part]]})
    return wrong


WEIGHTED, EIGENVALUE = Pairs.weighted, Pairs.largest_eigenvalue
WRONG = {
    "a partner too few": (217, Pairs, "weighted",
                          lambda self, u, c, k, f, h: WEIGHTED(self, u, c, max(k - 1, 1), f, h)),
    "groups whose other rows stay": (27, bound, "tables", without("products")),
    "groups that turn nothing": (480, bound, "tables", without("turns")),
    "groups that take no squares": (480, bound, "tables", without("squares")),
    "single rows for kappa": (98, Pairs, "largest_eigenvalue",
                              lambda self, k: float(np.einsum("ij,ij->i", self.W, self.W).max())),
    "no kappa": (73, Pairs, "largest_eigenvalue", lambda self, k: 0.0),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_versions_claim_too_much_where_the_theorem_does_not(name, monkeypatch):
    seed, place, attribute, wrong = WRONG[name]
    rows, y, arrays = problem(seed)
    exact = survived(rows, y, 3)
    assert proved_of(*arrays, 3) <= exact
    monkeypatch.setattr(place, attribute, wrong)
    assert proved_of(*arrays, 3) > exact


def test_half_of_what_clear_regressions_survive_is_proved():
    rng, ones = np.random.default_rng(3), np.ones(12, dtype=int)
    for _ in range(4):
        x, z = rng.integers(-20, 21, 12), rng.integers(-5, 6, 12)
        y = x + rng.integers(-9, 10, 12)
        exact = survived(np.stack([x, z, ones], 1).tolist(), y.tolist(), 4)
        found = survival(x.astype(float), y.astype(float), np.stack([z, ones], 1).astype(float), None, 60.0, 4)
        assert found is not None
        assert exact // 2 <= found.lower <= exact


def test_a_group_may_go_as_a_whole():
    """Two rows of a group of two: the others still fix the coefficient, and no leverage of 1 is in the way."""
    x = np.array([0.0, 1, 2, 3, 4, 5, 6, 7, 0, 1])
    y = 2 * x + np.array([0.1, -0.1, 0.1, 0, -0.1, 0.1, 0, -0.1, 7, 7])
    groups = np.array([0] * 8 + [1, 1])
    found = survival(x, y, np.zeros((10, 0)), groups, 60.0, 3)
    assert found is not None
    assert (found.sign, found.lower) == (1, 3)


def test_a_column_that_single_rows_hold_is_not_proved_past_them():
    """All of the column stands in two rows: without both of them nothing determines the coefficient."""
    x = np.zeros(12)
    x[:2] = 1.0, 2.0
    y = 3 * x + 0.01 * np.cos(np.arange(12.0))
    rows = np.stack([x * 100, 100 * np.ones(12)], 1).astype(int).tolist()
    assert coefficient(rows[2:], [1] * 10) is None
    found = survival(x, y, np.ones((12, 1)), None, 60.0, None)
    assert found is not None
    assert found.lower <= 1


def test_dependent_columns_and_broken_numbers_are_not_enclosed():
    x = np.arange(8.0)
    ones = np.ones((8, 1))
    assert enclosed(x, x, np.hstack([ones, 2 * ones]), None) is None
    assert enclosed(x, x, x[:, None], None) is None
    assert enclosed(np.full(8, 3.0), x, np.zeros((8, 0)), np.zeros(8, dtype=np.int64)) is None
    assert enclosed(x, np.where(x > 3, np.nan, 1.0), ones, None) is None
    assert enclosed(x[:2], x[:2], ones[:2], None) is None
    whole = enclosed(x, x + np.cos(x), ones, None)
    assert whole is not None
    assert np.isinf(Bounds(whole).ratio(7))
    assert not Bounds(enclosed(x, np.cos(x), ones, None) or whole).ratio(6) < 1


def test_turning_rows_are_believed_only_after_a_fit_without_them():
    x = np.array([1.0, 2, 3, 4, 5, 40])
    y = np.array([5.0, 4, 3, 2, 1, 90])
    ones = np.ones((6, 1))
    assert turns(x, y, ones, None, np.array([5]), 1)
    assert not turns(x, y, ones, None, np.array([4]), 1)
    assert not turns(x, y, ones, None, np.array([5]), -1)
    assert not turns(x, y, ones, None, np.arange(5), 1)


def test_the_worst_choice_of_places_is_that_of_all_choices():
    rng = np.random.default_rng(1)
    parts = [np.concatenate([[0.0], rng.normal(size=m)]) for m in (1, 2, 3)]
    best = np.full(5, -np.inf)
    for a in range(2):
        for b in range(3):
            for c in range(4):
                if a + b + c <= 4:
                    best[a + b + c] = max(best[a + b + c], parts[0][a] + parts[1][b] + parts[2][c])
    found = worst(parts, 4)
    assert (found >= best).all()
    assert np.allclose(found, best, atol=1e-12)


def test_the_eigenvalue_holds_for_every_choice_of_rows():
    from itertools import combinations

    rng = np.random.default_rng(5)
    W = np.linalg.qr(rng.normal(size=(9, 3)) * np.array([[1], [5], [1], [1], [3], [1], [1], [1], [2]]))[0]
    for k in (1, 2, 4):
        truth = max(np.linalg.eigvalsh(W[list(T)].T @ W[list(T)])[-1] for T in combinations(range(9), k))
        found = Pairs(W, 0.0).largest_eigenvalue(k)
        assert truth <= found <= 1.5 * truth + 1e-12
