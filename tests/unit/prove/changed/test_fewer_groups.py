"""Witnesses of groups: by name, and without a group that is not needed."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier

import certify


@pytest.fixture(scope="module")
def asked():
    rng = np.random.default_rng(3)
    X, users = rng.normal(size=(120, 3)), np.array([f"C{i:03d}" for i in rng.permutation(np.arange(120) % 60)])
    y = (X[:, 0] + 0.7 * rng.normal(size=120) > 0).astype(int)
    model = RidgeClassifier().fit(X, y)
    points = rng.normal(size=(25, 3)) * [0.25, 1, 1]
    problem = certify.from_sklearn(model, X, y)
    return X, y, users, points, certify.stable_predictions(problem, points, delete=5, groups=users, seconds=20)


def test_a_witness_names_its_groups_and_needs_each_of_them(asked) -> None:
    X, y, users, points, found = asked
    sizes = set()

    def flips(groups: tuple[str, ...], i: int) -> bool:
        kept = ~np.isin(users, groups)
        margins = [RidgeClassifier().fit(X[rows], y[rows]).decision_function(points[i:i + 1])[0]
                   for rows in (np.ones(len(y), bool), kept)]
        return margins[0] * margins[1] < 0

    for i in found.attacked:
        one = found.witness(int(i))
        assert set(one.groups) == set(users[list(one.rows)]) and np.isin(users, one.groups).sum() == len(one.rows)
        assert (one.before[0] > 0) != (one.after[0] > 0) and flips(one.groups, i)
        sizes.add(len(one.groups))  # the search alone gives five groups to each
        assert len(one.groups) == 1 or not any(flips(tuple(g for g in one.groups if g != out), i)
                                               for out in one.groups)
    assert len(found.attacked) >= 3 and len(sizes) > 1, sizes


def test_tables_name_the_groups(asked) -> None:
    pytest.importorskip("pandas")
    found = asked[-1]
    frame, i = found.to_frame(), int(found.attacked[0])
    assert frame["groups"][i] == found.witness(i).groups and str(frame["groups"][i][0]).startswith("C0")
    assert f"of {', '.join(found.witness(i).groups)}" in found._repr_html_()
