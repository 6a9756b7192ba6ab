"""How many deleted groups predictions survive: both ends against a refit of every choice of groups."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest

import certify

linear_model = pytest.importorskip("sklearn.linear_model")
clone = pytest.importorskip("sklearn.base").clone


def drawn(n: int = 30) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
    """Rows of six groups of several sizes, of two labels that overlap, and some to predict."""
    rng = np.random.default_rng(7)
    X = rng.normal(size=(n, 2))
    y = (X[:, 0] + 0.8 * rng.normal(size=n) > 0).astype(int)
    return X, y, rng.normal(size=(12, 2)), [f"user {u}" for u in rng.permutation(np.arange(n) % 6)]


@pytest.mark.parametrize("model", [linear_model.LogisticRegression(C=1.0, tol=1e-10),
                                   linear_model.RidgeClassifier(alpha=1.0)])
def test_both_ends_hold_the_number_that_every_refit_gives(model: Any) -> None:
    X, y, points, users = drawn()
    problem = certify.from_sklearn(model.fit(X, y), X, y)
    found = certify.tolerated_changes(problem, points, "delete", groups=users, most=3, seconds=20.0)
    today, names = model.predict(points), sorted(set(users))
    survived = np.full(len(points), 3)
    for count in (3, 2, 1):
        for gone in combinations(names, count):
            kept = [u not in gone for u in users]
            flips = clone(model).fit(X[kept], y[kept]).predict(points) != today
            survived[flips] = count - 1
    assert (found.lower <= survived).all() and (found.lower >= 0).all()
    assert (np.minimum(found.upper, 3) >= survived).all()
    assert (found.lower == np.minimum(found.upper, 3)).sum() >= 10 and survived.min() < 3 < survived.sum()
    for i, rows in enumerate(found.changed):
        if rows:
            kept = np.setdiff1d(np.arange(len(X)), rows)
            gone = {users[row] for row in rows}
            assert found.upper[i] == len(gone) - 1 and not gone & {users[row] for row in kept}
            assert clone(model).fit(X[kept], y[kept]).predict(points[[i]])[0] != today[i]
    assert "groups deleted" in repr(found) and found.rows()[0].upper == found.upper[0]


def test_groups_of_one_row_are_rows() -> None:
    X, y, points, _ = drawn(16)
    problem = certify.from_sklearn(linear_model.RidgeClassifier().fit(X, y), X, y)
    one = certify.tolerated_changes(problem, points, "delete", groups=np.arange(16), most=2, seconds=20.0)
    other = certify.tolerated_changes(problem, points, "delete", most=2, seconds=20.0)
    assert (one.lower <= other.upper).all() and (other.lower <= one.upper).all()


def test_what_cannot_be_asked_is_said() -> None:
    X, y, points, users = drawn()
    problem = certify.from_sklearn(linear_model.RidgeClassifier().fit(X, y), X, y)
    for given, kind, said in ((users, "relabel", "relabel=1, groups="), (users[:-1], "delete", "groups"),
                              (["one"] * 30, "delete", "1|group")):
        with pytest.raises(certify.InputError, match=said):
            certify.tolerated_changes(problem, points, kind, groups=given)
