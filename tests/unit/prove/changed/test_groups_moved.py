"""How far predictions move without any few groups of rows: both ends, against the refit of every choice in balls."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from flint import arb
from sklearn.linear_model import LinearRegression, Ridge

import certify
from certify.format.errors import InputError
from certify.prove.moved import groups as by_groups
from certify.systems.head.rows.of_problem import head_of
from tests.oracles.head_refit import refit

pytestmark = pytest.mark.filterwarnings("ignore:the exact minimum of the stated loss")  # weights are given as 0

POINTS = np.array([[0.5, -1.0], [2.0, 0.25], [0.0, 0.0]])
GROUPS = ["anne", "bert", "anne", "cleo", "bert", "anne", "dora", "dora", "anne", "cleo", "bert", "cleo"]
MEMBERS = {name: [row for row, one in enumerate(GROUPS) if one == name] for name in ("anne", "bert", "cleo", "dora")}


def drawn(loss, free, normalization="fixed", k=1, seed=0):
    """Twelve rows of two features, of two labels or of amounts."""
    rng = np.random.default_rng(seed)
    X, amounts = rng.normal(size=(12, 2)), rng.normal(size=(12, k))
    y = np.where(np.arange(12) % 4 < 2, 1.0, -1.0) if loss == "logistic" else amounts if k > 1 else amounts[:, 0]
    return certify.from_arrays([np.zeros((k, 2))], [np.zeros(k)], X, y, loss=loss, weight_decay=0.05,
                               bias_decay=not free, normalization=normalization)


def exact(problem, out):
    """The outputs without some rows, as balls."""
    phi = np.hstack([problem.X, np.ones((12, 1))]).tolist()
    Y = head_of(replace(problem, map="critical", base="nearby", set="sparse", count=1, parameter="deletions",
                        evaluation=POINTS)).Y.tolist()
    left = 12 - len(out) if problem.normalization == "remaining" else 12
    W = refit(phi, Y, problem.loss, arb(problem.weight_decay) * left, [True, True, problem.bias_decay], gone=out)
    return [[sum((w * arb(x) for w, x in zip(row, [*point, 1.0], strict=True)), arb(0)) for row in W]
            for point in POINTS.tolist()]


def largest(problem, count):
    """The largest change of every prediction over all choices, with the groups that make it."""
    today, found = exact(problem, ()), [(0.0, ())] * len(POINTS)
    for size in range(1, count + 1):
        for names in combinations(MEMBERS, size):
            after = exact(problem, tuple(sorted(row for name in names for row in MEMBERS[name])))
            for j, (a, b) in enumerate(zip(today, after, strict=True)):
                moved = float(sum(((x - y) ** 2 for x, y in zip(a, b, strict=True)), arb(0)).sqrt().mid())
                found[j] = max(found[j], (moved, names))
    return found


@pytest.mark.parametrize(("loss", "free", "normalization", "k", "count"), [
    ("squared", True, "fixed", 1, 1), ("squared", False, "remaining", 1, 2), ("squared", True, "fixed", 2, 2),
    ("logistic", True, "fixed", 1, 2), ("logistic", False, "remaining", 1, 1)])
def test_both_ends_hold_the_largest_change_of_any_choice_and_name_its_groups(loss, free, normalization, k, count):
    problem = drawn(loss, free, normalization, k)
    found = certify.prediction_change(problem, POINTS, delete=count, groups=GROUPS)
    for j, (moved, names) in enumerate(largest(problem, count)):
        assert found.lower[j] <= moved * (1 + 1e-12) and moved * (1 - 1e-12) <= found.upper[j]
        assert found.upper[j] - found.lower[j] <= 1e-6 * moved
        assert set(found.groups[j]) == set(names)
        assert sorted(found.rows[j][found.rows[j] >= 0]) == sorted(row for name in names for row in MEMBERS[name])
        assert (np.maximum(found.falls[j], found.rises[j]).max() >= moved / np.sqrt(k) * (1 - 1e-12))
    assert f"any {count} " in repr(found) and "4 groups" in repr(found)


def test_one_group_fewer_moves_less_somewhere():
    problem = drawn("squared", True)
    one, two = (certify.prediction_change(problem, POINTS, delete=count, groups=GROUPS) for count in (1, 2))
    assert (one.upper <= two.upper).all() and (one.upper < two.lower).any()


def test_ends_without_every_choice_are_open_above_and_true_below():
    problem = drawn("squared", True)
    found = certify.prediction_change(problem, POINTS, delete=2, groups=GROUPS, seconds=1e-9)
    assert np.isinf(found.upper).all() and np.isinf(found.falls).all() and (found.lower == 0).all()
    assert all(names == () for names in found.groups)


@pytest.mark.parametrize(("sizes", "above", "below"), [
    ([[3.0, 4.0]], 5.0, 5.0), ([[1e200, 1e200]], np.inf, 0.0), ([[np.inf, 0.0]], np.inf, 0.0),
    ([[0.0, 0.0]], 0.0, 0.0)])
def test_sizes_of_several_outputs_are_rounded_outward(sizes, above, below):
    up, down = (by_groups._together(np.array(sizes), end)[0] for end in (True, False))
    assert up >= above and down <= below and (np.isinf(above) or up <= above * (1 + 1e-14) + 1e-140)


def test_what_is_not_bounded_is_refused_with_what_to_ask():
    problem = drawn("logistic", True)
    with pytest.raises(InputError, match="other labels of groups.*stable_predictions"):
        certify.prediction_change(problem, POINTS, relabel=1, groups=GROUPS)
    rng = np.random.default_rng(1)
    X, amounts = rng.normal(size=(40, 2)), rng.normal(size=40)
    ridge = certify.from_sklearn(Ridge().fit(X, amounts), X, amounts)
    with pytest.raises(InputError, match="choices of groups.*1000000"):
        certify.prediction_change(ridge, POINTS, delete=12, groups=list(range(40)))
    classes = certify.from_arrays([np.zeros((3, 2))], [np.zeros(3)], X[:12], np.arange(12) % 3, loss="cross_entropy",
                                  weight_decay=0.1)
    with pytest.raises(InputError, match="neither squared nor logistic.*leave_one_out"):
        certify.prediction_change(classes, POINTS, delete=1, groups=GROUPS)
    plain = certify.from_sklearn(LinearRegression().fit(X, amounts), X, amounts)
    with pytest.raises(InputError, match="has no penalty"):
        certify.prediction_change(plain, POINTS, delete=1, groups=[row % 5 for row in range(40)])
    with pytest.raises(InputError):
        certify.prediction_change(ridge, POINTS, delete=3, groups=["a"] * 20 + ["b"] * 20)
