"""Outputs without each row: enclosed, with the exact direction, and the rows that matter most first."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from certify import leave_one_out
from certify.finders.head import refits
from certify.format.errors import InputError
from certify.prove.changed.leave_one_out import LeaveOneOut
from tests.oracles.squared_head import refit
from tests.unit.prove.changed.test_coefficients import squared

POINTS = np.array([[0.5, -1.0], [2.0, 0.25]])


def outputs(problem, left):
    """Exact outputs at the points after training on some rows."""
    phi, y = np.hstack([problem.X, np.ones((7, 1))])[left].tolist(), problem.y[left].tolist()
    W = refit(phi, y, 7 * problem.weight_decay, [True, True, problem.bias_decay])
    return [[sum(Fraction(x) * Fraction(int(W[a, c].p), int(W[a, c].q)) for a, x in enumerate([*point, 1.0]))
             for c in range(problem.outputs)] for point in POINTS.tolist()]


@pytest.mark.parametrize(("seed", "k"), [(0, 1), (1, 1), (5, 3)])
def test_changes_enclose_the_exact_ones(seed, k):
    problem = squared(np.random.default_rng(seed), free=bool(seed % 2), k=k)
    found = leave_one_out(problem, POINTS)
    today = outputs(problem, list(range(7)))
    for j in range(2):
        own = max(range(k), key=lambda c: today[j][c])
        for i, one in enumerate(found.changes(j)):
            new = outputs(problem, [r for r in range(7) if r != i])[j]
            lead = [z[own] - max((z[c] for c in range(k) if c != own), default=0) for z in (new, today[j])]
            assert one.row == i and one.lower <= lead[0] - lead[1] <= one.upper <= one.lower + 1e-9
            assert one.direction == ("raises" if lead[0] > lead[1] else "lowers")
            assert all(found.lower[i, j, c] <= new[c] <= found.upper[i, j, c] for c in range(k))
        most = found.most_influential(j, 3)
        sizes = sorted((abs(one.lower + one.upper) for one in found.changes(j)), reverse=True)
        assert [abs(one.lower + one.upper) for one in most] == sizes[:3]


def test_the_lead_is_over_whichever_output_is_next_after_training_again():
    """By hand: 3 over 2 and 0; the output that is last today is next without row 0, and above without row 1."""
    today, new = np.array([[3.0, 2.0, 0.0]]), np.array([[[3.0, 1.0, 2.75]], [[3.0, 1.0, 4.0]], [[3.5, 2.0, 0.0]]])
    found = LeaveOneOut(new, new, np.arange(3), today, today)
    for one, change in zip(found.changes(0), (-0.75, -2.0, 0.5), strict=True):
        assert one.lower <= change <= one.upper <= one.lower + 1e-12
        assert one.direction == ("raises" if change > 0 else "lowers")
    assert [one.row for one in found.most_influential(0)] == [1, 0, 2]
    low, high = found.ends(0, 1)  # of another label: -1 today
    assert (low <= [-1.0, -2.0, -0.5]).all() and (high >= [-1.0, -2.0, -0.5]).all() and (high - low < 1e-12).all()


def test_where_two_outputs_may_be_the_largest_today_the_lead_is_that_of_either():
    low, high = np.array([[2.0, 1.5, 0.0]]), np.array([[2.0, 2.5, 0.0]])
    new = np.array([[[3.0, 1.0, 0.0]]])
    (one,) = LeaveOneOut(new, new, np.array([0]), low, high).changes(0)
    assert one.lower <= -2.5 and one.upper >= 2.5 and one.direction == "open"


def test_a_change_that_is_not_told_from_none_has_no_direction():
    wide, none = np.array([[[1.0]], [[-np.inf]]]), np.array([[[2.0]], [[np.inf]]])
    found = LeaveOneOut(wide, none, np.array([4, 9]), np.array([[1.5]]), np.array([[1.6]]))
    one, other = found.changes(0)
    assert (one.row, one.direction) == (4, "open") and one.lower < -0.6 + 1e-9 and one.upper >= 0.5
    ends = np.array([[[-np.inf]], [[1.0]], [[1.0]]]), np.array([[[np.inf]], [[1.0]], [[2.5]]])
    found = LeaveOneOut(*ends, np.arange(3), np.array([[1.5]]), np.array([[1.5]]))
    assert [one.row for one in found.most_influential(0)] == [1, 2, 0]
    assert (other.row, other.lower, other.upper, other.direction) == (9, -np.inf, np.inf, "open")


def test_the_part_that_is_done_is_told(monkeypatch):
    """Where a few rows at a time are solved one hears of each of them, of the rows asked about and not of all."""
    problem, heard = squared(np.random.default_rng(1), free=True), []
    whole = leave_one_out(problem, POINTS)
    monkeypatch.setattr(refits, "AT_ONCE", 2 * 7)
    found = leave_one_out(problem, POINTS, progress=lambda stage, share: heard.append((stage, share)))
    assert sorted({share for stage, share in heard if stage == "leaving each row out"}) == [0, 2 / 7, 4 / 7, 6 / 7]
    assert np.allclose(found.lower, whole.lower, atol=1e-9) and (found.lower <= whole.upper).all()


def test_frames_and_line():
    pytest.importorskip("pandas")
    found = leave_one_out(squared(np.random.default_rng(5), free=True, k=3), POINTS)
    assert repr(found) == "LeaveOneOut(7 rows, each left out: 2 evaluation rows, 3 outputs)"
    frame = found.to_frame()
    assert frame.index.names == ["row", "point", "output"] and len(frame) == 7 * 2 * 3
    assert frame.loc[(3, 1, 2)].lower == found.lower[3, 1, 2]
    assert list(found.to_frame(1).direction) == [one.direction for one in found.changes(1)]


@pytest.mark.parametrize("point", [-1, 2, 0.5])
def test_points_that_are_none_are_refused(point):
    found = leave_one_out(squared(np.random.default_rng(1), free=False), POINTS)
    for ask in (found.changes, found.most_influential, found.to_frame):
        with pytest.raises(InputError, match=r"give the number of an evaluation row, 0 to 1|pandas"):
            ask(point)
