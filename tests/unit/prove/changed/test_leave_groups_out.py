"""Outputs without each group of rows: enclosed, with the exact direction, and the groups that matter most by name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flint import arb
from sklearn.linear_model import LogisticRegression, RidgeClassifier

import certify
from certify.finders.head.refits import Refitter
from certify.format.errors import InputError
from certify.prove.changed.left import groups as leave_groups_out
from certify.systems.head.rows.centred import FAR
from certify.systems.head.rows.of_problem import head_of
from tests.oracles.head_refit import refit

pytestmark = pytest.mark.filterwarnings("ignore:the exact minimum of the stated loss")  # weights are given as 0

POINTS = np.array([[0.5, -1.0], [2.0, 0.25]])
GROUPS = ["anne", "bert", "anne", "cleo", "bert", "anne", "dora", "dora", "anne", "cleo", "bert", "cleo"]


def drawn(loss, free, normalization="fixed", shift=0.0, seed=0):
    """Twelve rows of two features, of two or three labels, or of amounts."""
    rng = np.random.default_rng(seed)
    X, k = rng.normal(size=(12, 2)) + shift, 3 if loss == "cross_entropy" else 1
    y = np.arange(12) % 3 if k == 3 else np.where(np.arange(12) % 4 < 2, 1.0, -1.0)
    y = rng.integers(0, 4, 12).astype(float) if loss == "poisson" else y
    return certify.from_arrays([np.zeros((k, 2))], [np.zeros(k)], X, y, loss=loss, weight_decay=0.05,
                               bias_decay=not free, normalization=normalization)


def exact(problem, out, points):
    """The outputs without some rows, as balls; of several less the first of them."""
    phi = np.hstack([problem.X, np.ones((12, 1))]).tolist()
    Y = head_of(replace(problem, map="critical", base="nearby", set="sparse", count=1, parameter="deletions",
                        evaluation=points)).Y.tolist()
    left = 12 - len(out) if problem.normalization == "remaining" else 12
    W = refit(phi, Y, problem.loss, arb(problem.weight_decay) * left, [True, True, problem.bias_decay], gone=out)
    return [[sum((w * arb(x) for w, x in zip(row, [*point, 1.0], strict=True)), arb(0)) for row in W]
            for point in points.tolist()]


def within(low, value, high):
    return low <= float(value.upper()) + 1e-30 and float(value.lower()) - 1e-30 <= high


@pytest.mark.parametrize(("loss", "free", "normalization", "shift"), [
    ("logistic", True, "fixed", 0.0), ("logistic", False, "remaining", 0.0), ("squared", True, "remaining", 0.0),
    ("cross_entropy", True, "fixed", 0.0), ("logistic", True, "fixed", 2 * FAR), ("poisson", True, "remaining", 0.0)])
def test_outputs_and_changes_hold_those_of_the_exact_refits(loss, free, normalization, shift):
    problem, points = drawn(loss, free, normalization, shift), POINTS + shift
    found = certify.leave_one_out(problem, points, groups=GROUPS)
    assert found.groups == ("anne", "bert", "cleo", "dora") and found.members[3] == (6, 7)
    assert found.lower.shape == (4, 2, problem.outputs) and (found.upper - found.lower).max() < 1e-6
    today = exact(problem, (), points)
    for j in range(2):
        for g, one in enumerate(found.changes(j)):
            new = exact(problem, found.members[g], points)[j]
            for a in range(problem.outputs):  # several are determined but for a number that all share
                other = (a + 1) % problem.outputs
                low, high = found.lower[g, j], found.upper[g, j]
                assert (within(low[a], new[a], high[a]) if problem.outputs == 1 else
                        within(low[a] - high[other], new[a] - new[other], high[a] - low[other]))
            if problem.outputs == 1:
                change = new[0] - today[j][0]
            else:
                own = max(range(3), key=lambda c: float(today[j][c].mid()))
                lead = [z[own] - max((z[c] for c in range(3) if c != own), key=lambda x: float(x.mid()))
                        for z in (new, today[j])]
                change = lead[0] - lead[1]
            assert within(one.lower, change, one.upper) and one.upper - one.lower < 1e-5
            assert one.direction == ("raises" if float(change.mid()) > 0 else "lowers")
            assert (one.group, one.rows) == (found.groups[g], found.members[g])
        sizes = [abs(one.lower + one.upper) for one in found.most_influential(j, 4)]
        assert sizes == sorted(sizes, reverse=True) and len(found.most_influential(j, 2)) == 2


def test_a_ranking_is_by_name_and_groups_of_one_row_are_rows():
    problem = drawn("logistic", True)
    alone = certify.leave_one_out(problem, POINTS, groups=range(12))
    rows = certify.leave_one_out(problem, POINTS)
    assert (np.maximum(alone.lower, rows.lower) <= np.minimum(alone.upper, rows.upper)).all()
    assert [one.group for one in alone.most_influential(0, 3)] == [one.row for one in rows.most_influential(0, 3)]
    assert repr(alone) == "LeaveGroupsOut(12 groups of 12 rows, each left out: 2 evaluation rows, 1 output)"


def test_steps_of_large_heads_reach_the_same_refits(monkeypatch):
    problem = drawn("cross_entropy", True)
    plain = certify.leave_one_out(problem, POINTS, groups=GROUPS)
    monkeypatch.setattr("certify.finders.head.refits.LARGE", 1)
    mixed = certify.leave_one_out(problem, POINTS, groups=GROUPS)
    low, high = (np.maximum(plain.lower[:, :, 0] - plain.upper[:, :, 1], mixed.lower[:, :, 0] - mixed.upper[:, :, 1]),
                 np.minimum(plain.upper[:, :, 0] - plain.lower[:, :, 1], mixed.upper[:, :, 0] - mixed.lower[:, :, 1]))
    assert (low <= high).all() and (mixed.upper - mixed.lower).max() < 1e-6


def test_weights_that_are_no_refit_are_enclosed_wide_and_not_wrong(monkeypatch):
    """The finder promises nothing: steps that stay at today's weights leave the true outputs inside all the same."""
    problem = drawn("squared", False)
    right = certify.leave_one_out(problem, POINTS, groups=GROUPS)
    monkeypatch.setattr(Refitter, "from_root", lambda self, choices, check: np.repeat(
        self.V0[None], len(choices), axis=0))
    lazy = certify.leave_one_out(problem, POINTS, groups=GROUPS)
    assert (lazy.lower <= right.lower).all() and (right.upper <= lazy.upper).all()
    assert (lazy.upper - lazy.lower).max() > 1e-2
    monkeypatch.setattr(Refitter, "from_root", lambda self, choices, check: np.full(
        (len(choices), *self.V0.shape), np.nan))
    nothing = certify.leave_one_out(problem, POINTS, groups=GROUPS)
    assert (nothing.lower == -np.inf).all() and (nothing.upper == np.inf).all()
    assert {one.direction for one in nothing.changes(0)} == {"open"}


def test_a_group_with_every_row_of_a_label_is_open_and_told():
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(12, 2)), np.array([0] * 8 + [1] * 4)
    problem = certify.from_sklearn(LogisticRegression(tol=1e-10).fit(X, y), X, y)
    with pytest.warns(UserWarning, match="a label may lose all its rows"):
        found = certify.leave_one_out(problem, POINTS, groups=[0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2])
    assert np.isfinite(found.upper[:2]).all() and not np.isfinite(found.upper[2]).any()
    assert found.most_influential(0)[-1].group == 2


def test_rows_that_carry_balanced_weights_are_fitted_anew():
    rng = np.random.default_rng(2)
    X, users = rng.normal(size=(60, 2)), np.arange(60) % 7
    y = (X[:, 0] + rng.normal(size=60) > 0.5).astype(int)
    model = RidgeClassifier(class_weight="balanced").fit(X, y)
    found = certify.leave_one_out(certify.from_sklearn(model, X, y), POINTS, groups=users)
    for g in range(7):
        kept = users != g
        again = RidgeClassifier(class_weight="balanced").fit(X[kept], y[kept]).decision_function(POINTS)
        assert np.abs(found.middle[g, :, 0] - again).max() < 1e-8


def test_the_part_that_is_done_is_told(monkeypatch):
    heard = []
    monkeypatch.setattr(leave_groups_out, "PLACES", 3)
    whole = certify.leave_one_out(drawn("squared", True), POINTS, groups=GROUPS,
                                  progress=lambda stage, share: heard.append((stage, share)))
    assert {share for stage, share in heard if stage == leave_groups_out.STAGE} == {0, 0.25, 0.5, 0.75}
    assert np.isfinite(whole.lower).all()


def test_frames_name_the_groups():
    pytest.importorskip("pandas")
    found = certify.leave_one_out(drawn("squared", True), POINTS, groups=[(name, 1) for name in GROUPS])
    frame = found.to_frame(1)
    assert list(frame.index) == [("anne", 1), ("bert", 1), ("cleo", 1), ("dora", 1)]
    assert list(frame["rows"]) == [4, 3, 3, 2] and list(frame.direction) == [c.direction for c in found.changes(1)]
    plain = certify.leave_one_out(drawn("squared", True), POINTS, groups=GROUPS).to_frame()
    assert plain.index.names == ["group", "point", "output"] and plain.loc[("bert", 1, 0)].lower == found.lower[1, 1, 0]


@pytest.mark.parametrize(("groups", "said"), [
    (["a"] * 12, "give two groups or more"), (["a"] * 11, "give 12 labels"), ("anne", "give 12 labels"),
    ([1, "1"] * 6, "labels of several types"), ([None, *GROUPS[1:]], "no label in row 0")])
def test_groups_that_are_none_are_refused(groups, said):
    with pytest.raises(InputError, match=said):
        certify.leave_one_out(drawn("squared", True), POINTS, groups=groups)


def test_groups_of_some_rows_alone_are_refused():
    with pytest.raises(InputError, match="all of whose rows may change"):
        certify.leave_one_out(replace(drawn("squared", True), rows=(0, 1)), POINTS, groups=GROUPS)
