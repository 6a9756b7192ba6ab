"""Rows left out of large heads by one Hessian, beside the same rows solved one by one, and where that has to help."""

from __future__ import annotations

import warnings
from dataclasses import replace as replaced

import numpy as np
import pytest

import certify
from certify.finders.head.unchanged import unchanged_refit
from certify.prove import rows
from certify.prove.changed import each_row, leave_one_out
from certify.prove.changed.leave_one_out import left_out
from certify.systems.head.rows.of_problem import head_of


def problem_of(seed, k, n=30, p=160, bias_decay=False, C=1.0):
    """A head with k outputs whose weights are those of a few steps, and evaluation rows."""
    rng = np.random.default_rng(seed)
    label = np.arange(n) % max(k, 2)
    X = rng.standard_normal((n, p)) / np.sqrt(p) + 0.5 * rng.standard_normal((max(k, 2), p))[label] / np.sqrt(p)
    X[:, 3] = 0.0
    y = label if k > 1 else 2.0 * label - 1.0
    loss = "cross_entropy" if k > 1 else "logistic"
    problem = certify.from_arrays([np.zeros((k, p))], [np.zeros(k)], X, y, loss=loss, weight_decay=1.0 / (C * n),
                                  bias_decay=bias_decay)
    return problem, rng.standard_normal((4, p)) / np.sqrt(p)


def same(one, other):
    """Whether ends of two kinds can hold one refit: of several outputs up to one number added to all of a row."""
    low = np.maximum(one.lower, other.lower) - np.minimum(one.upper, other.upper)
    if one.lower.shape[2] == 1:
        return (low <= 0).all()
    return ((one.lower - other.upper).max(axis=2) <= (one.upper - other.lower).min(axis=2)).all()


@pytest.mark.parametrize(("k", "p", "bias_decay"), [(10, 160, False), (10, 160, True), (1, 1600, False)])
def test_both_ways_enclose_the_same_refits(k, p, bias_decay, monkeypatch):
    problem, points = problem_of(0, k, p=p, bias_decay=bias_decay)
    fast = certify.leave_one_out(problem, points)
    monkeypatch.setattr(leave_one_out, "able", lambda head: False)
    slow = certify.leave_one_out(problem, points)
    assert same(fast, slow) and (fast.rows == slow.rows).all()
    largest = np.abs(fast.base_lower).max(axis=1, keepdims=True)
    assert ((fast.upper - fast.lower) / 2 <= 1e-6 * np.maximum(largest, largest.max() / 64)).all()
    assert (fast.base_lower <= fast.base_upper).all() and (fast.base_upper - fast.base_lower).max() < 1e-6
    point = int(np.argmax(np.abs(fast.middle).max(axis=(0, 2))))
    both = (fast.ends(point), slow.ends(point))
    assert (np.maximum(both[0][0], both[1][0]) <= np.minimum(both[0][1], both[1][1])).all()


def test_some_rows_alone_in_their_order():
    problem, points = problem_of(1, 10)
    whole = certify.leave_one_out(problem, points)
    some = (3, 7, 12)
    few = certify.leave_one_out(replaced(problem, rows=some), points)
    at = list(some)
    assert tuple(few.rows) == some and same(few, leave_one_out.LeaveOneOut(
        whole.lower[at], whole.upper[at], few.rows, whole.base_lower, whole.base_upper))


def test_rows_that_stay_without_ends_are_solved_one_by_one(monkeypatch):
    problem, points = problem_of(2, 10)
    whole, plain = certify.leave_one_out(problem, points), leave_one_out.each_left_out

    def hidden(head, rows, tell):
        ends = plain(head, rows, tell)
        ends.low[5], ends.high[5] = -np.inf, np.inf
        return ends

    monkeypatch.setattr(leave_one_out, "each_left_out", hidden)
    found = certify.leave_one_out(problem, points)
    assert np.isfinite(found.lower).all() and same(found, whole)
    monkeypatch.setattr(leave_one_out, "each_left_out", lambda head, rows, tell: None)
    assert same(certify.leave_one_out(problem, points), whole)


def test_rows_that_one_hessian_leaves_wide_are_held_by_their_own(monkeypatch):
    problem, points = problem_of(3, 10, C=100.0)
    whole = certify.leave_one_out(problem, points)
    monkeypatch.setattr(each_row, "STEPS", 3)
    wide = []
    plain = leave_one_out.each_left_out
    monkeypatch.setattr(leave_one_out, "each_left_out", lambda *given: wide.append(plain(*given)) or wide[0])
    found = certify.leave_one_out(problem, points)
    assert len(wide[0].wide) and np.isfinite(found.lower).all() and same(found, whole)


def test_progress_is_told_and_may_end_it():
    problem, points = problem_of(4, 10)
    told = []

    def tell(stage, share):
        told.append(share)
        if share > 0.02:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        left_out(problem, points, tell)
    assert told[0] == 0.0 and all(0.0 <= share <= 1.0 for share in told)


def test_an_evaluation_row_of_which_nothing_is_known_has_no_ends() -> None:
    """The square of its length overflows: ends are infinite and not NaN, and the other evaluation row is as it was."""
    rng, (k, n, p) = np.random.default_rng(0), (10, 30, 160)
    label = np.arange(n) % k
    X = (rng.standard_normal((n, p)) + 0.5 * rng.standard_normal((k, p))[label]) / np.sqrt(p)
    problem = certify.from_arrays([np.zeros((k, p))], [np.zeros(k)], X, label, loss="cross_entropy", weight_decay=1 / n,
                                  bias_decay=False)
    points = X[:2] * np.array([[1.0], [1e160]])
    found = certify.leave_one_out(problem, points)
    assert not np.isnan(found.base_lower).any() and not np.isnan(found.base_upper).any()
    assert np.isinf(found.base_upper[1]).all() and np.isfinite(found.base_upper[0]).all()
    assert np.isfinite(found.lower[:, 0]).all()
    found.changes(0)


@pytest.mark.parametrize("k", [10, 1])
def test_a_minimum_beside_the_given_weights_is_told_by_what_the_one_hessian_found(k, monkeypatch):
    """Near the given weights, however their intercepts are shifted together, nothing is said."""
    problem, points = problem_of(5, k, p=160 if k > 1 else 1600)
    head = head_of(rows.asked_any(problem, points, "delete", 1))
    V = unchanged_refit(head)
    V[:, -1] += 5.0 if k > 1 else 0.0
    targets = np.asarray(problem.labels).astype(int) if problem.y is None else problem.y
    monkeypatch.setattr(rows, "unchanged_refit", lambda head: pytest.fail("the minimum is looked for twice"))
    for off in (0.0, 0.5):
        given = (1.0 + off) * V
        one = certify.from_arrays([given[:, :-1]], [given[:, -1]], problem.X, targets, loss=problem.loss,
                                  weight_decay=problem.weight_decay, bias_decay=False)
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            certify.leave_one_out(one, points)
        said = [str(each.message) for each in heard if "exact minimum" in str(each.message)]
        assert len(said) == (off > 0)
