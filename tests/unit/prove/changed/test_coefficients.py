"""Ranges of weights under changed rows: the exact ones lie between both ends; what cannot be answered is refused."""

from __future__ import annotations

import time
from fractions import Fraction
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from certify import Problem, coefficients
from certify.finders.head.refits import Refitter
from certify.format.errors import InputError
from certify.network.network import Network
from certify.systems.head.rows.change import NONE, choices_of
from certify.systems.head.rows.refit import enclose_refits
from certify.theorems.head.rows.moves.counted_ranges import Ranges
from tests.effort import FULL
from tests.families.heads import any_rows, drawn_head
from tests.oracles.squared_head import refit, relabelled


def squared(rng: np.random.Generator, free: bool, k: int = 1) -> Problem:
    """Seven rows of two features, codes of labels as targets, in quarters, so that rationals stay short."""
    X = np.round(4 * rng.normal(size=(7, 2))) / 4
    y = np.where(rng.permutation(7)[:, None] % max(k, 2) == (np.arange(k) if k > 1 else 1), 1.0, -1.0)
    net = Network((np.zeros((k, 2)),), (np.zeros(k),), "identity")
    return Problem(net, X, y=y, parameter="deletions", rows=tuple(range(7)), loss="squared", weight_decay=0.125,
                   map="critical", base="nearby", set="sparse", count=1, bias_decay=not free)


def exact(problem: Problem, kind: str, count: int) -> list[list[Fraction]]:
    """The weights after every change of at most `count` rows."""
    phi, y = np.hstack([problem.X, np.ones((7, 1))]).tolist(), problem.y.tolist()
    decayed, found = [True, True, problem.bias_decay], []
    for m in range(count + 1):
        if kind == "delete":
            changed = [([phi[i] for i in range(7) if i not in out], [y[i] for i in range(7) if i not in out])
                       for out in combinations(range(7), m)]
        else:
            codes = sorted(map(list, {tuple(row) for row in y}))
            may = [[c for c, code in enumerate(codes) if code != row] for row in y]
            changed = [(phi, T) for T in relabelled(y, codes, may, m)]
        for P, T in changed:
            W = refit(P, T, 7 * problem.weight_decay, decayed)
            assert W is not None
            found.append([Fraction(int(W[a, c].p), int(W[a, c].q)) for c in range(len(y[0])) for a in range(3)])
    return found


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("kind", "count"), [("delete", 1), ("delete", 2), ("relabel", 1), ("relabel", 2)])
def test_the_exact_range_lies_between_the_ends(seed: int, kind: str, count: int) -> None:
    rng = np.random.default_rng(seed)
    problem = squared(rng, free=bool(seed % 2), k=3 if seed == 5 else 1)
    true = exact(problem, kind, count)
    A = np.vstack([np.eye(3 * problem.outputs), rng.integers(-3, 4, size=(2, 3 * problem.outputs))])
    found = coefficients(problem, combinations=A, **{kind: count})
    for j, a in enumerate(A.tolist()):
        values = [sum(Fraction(x) * w for x, w in zip(a, weights, strict=True)) for weights in true]
        assert found.lower[j] <= min(values) <= found.reached_lower[j] <= found.lower[j] + 1e-9
        assert found.upper[j] >= max(values) >= found.reached_upper[j] >= found.upper[j] - 1e-9
        assert len(found.lower_rows[j]) <= count and len(found.upper_rows[j]) <= count
        assert found.keeps_sign[j] == (min(values) > 0 or max(values) < 0)
        assert found.loses_sign[j] == (min(values) < 0 < max(values))


@pytest.mark.parametrize("loss", ["logistic", "cross_entropy"])
def test_rows_that_reach_an_end_do(loss: str) -> None:
    """A refit in floats of the rows named, the intercepts centred, lies at the end."""
    head = drawn_head(np.random.default_rng(3), loss, n=9, free=True, decay=0.3)
    change, refitter = any_rows(head, 1, False), Refitter(head)
    ranges = Ranges(np.eye(head.k * head.m), head)
    for choices in choices_of(head, change, 1):
        V = refitter.solve(choices)
        ranges.take(choices.rows, V, enclose_refits(head, choices, V))
    every = {int(c.rows[0, 0]): refitter.newton(c, head.V[None])[0] for c in choices_of(head, change, 1, at_once=1)}
    for V in every.values():
        V[:, -1] -= V[:, -1].mean() if head.k > 1 else 0.0
    table = np.array([V.ravel() for _, V in sorted(every.items())])
    assert np.isfinite(ranges.low).all() and (ranges.low <= table.min(axis=0) + 1e-12).all()
    assert (np.abs(ranges.reached_low - table.min(axis=0)) < 1e-6).all()
    assert [rows[0] for rows in ranges.high_rows] == table.argmax(axis=0).tolist()


def test_a_refit_of_which_nothing_is_known_bounds_nothing() -> None:
    head = drawn_head(np.random.default_rng(3), "logistic", free=False)
    ranges = Ranges(np.eye(3), head)
    ranges.take(np.array([[0], [1]]), np.stack([head.V, head.V]), np.array([0.0, np.inf]))
    assert (ranges.low == -np.inf).all() and (ranges.high == np.inf).all()
    assert (ranges.reached_low >= head.V[0]).all() and ranges.low_rows == [(0,)] * 3
    assert NONE not in ranges.low_rows[0]


def test_names_line_and_frame() -> None:
    problem = squared(np.random.default_rng(1), free=False)
    found = coefficients(problem, delete=1)
    assert found.names == ("input 0", "input 1", "intercept") and found.today.tolist() == [0.0, 0.0, 0.0]
    assert repr(found).startswith("Coefficients(any 1 row deleted: ") and "of 3 proved to keep their s" in repr(found)
    pytest.importorskip("pandas")
    frame = found.to_frame()
    assert frame.index.name == "coefficient" and (frame.lower <= frame.reached_lower).all()


@pytest.mark.parametrize(("given", "said"), [
    ({}, "none or both kinds"), ({"delete": 1, "relabel": 1}, "none or both kinds"), ({"delete": 0}, "from 1 on"),
    ({"delete": 8}, "8 of 7 rows"), ({"delete": 1, "combinations": np.ones((1, 2))}, r"give \(q, 3\) numbers"),
    ({"delete": 1, "combinations": [[np.nan, 0, 0]]}, "nan"),
])
def test_questions_that_are_none_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        coefficients(squared(np.random.default_rng(1), free=False), **given)


def ridge_of(n: int, k: int = 1) -> Problem:
    """A fit by squares to codes of k or 2 labels, from weights near its minimum."""
    rng = np.random.default_rng(n)
    X = rng.normal(size=(n, 3))
    y = np.where((X @ rng.normal(size=3) > 0)[:, None] == (np.arange(k) == 0), 1.0, -1.0)
    phi = np.hstack([X, np.ones((n, 1))])
    W = np.linalg.solve(phi.T @ phi + np.eye(4), phi.T @ y).T
    net = Network((W[:, :3].copy(),), (W[:, 3].copy(),), "identity")
    return Problem(net, X, y=y, parameter="deletions", rows=tuple(range(n)), loss="squared", weight_decay=1 / n,
                   map="critical", base="nearby", set="sparse", count=1)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("kind", "count"), [("delete", 1), ("delete", 2), ("relabel", 1), ("relabel", 2)])
def test_what_counts_no_choice_holds_the_exact_range(seed: int, kind: str, count: int, monkeypatch: pytest.MonkeyPatch,
                                                     ) -> None:
    """Trees of deletions (D23) and sums of labels (D3), which are exact where one row changes and labels are."""
    rng = np.random.default_rng(seed)
    problem = squared(rng, free=bool(seed % 2), k=3 if seed == 5 else 1)
    true = exact(problem, kind, count)
    A = np.vstack([np.eye(3 * problem.outputs), rng.integers(-3, 4, size=(2, 3 * problem.outputs))])
    monkeypatch.setattr("certify.prove.changed.coefficients.LEAVES", 1)
    found = coefficients(problem, combinations=A, **{kind: count})
    for j, a in enumerate(A.tolist()):
        values = [sum(Fraction(x) * w for x, w in zip(a, weights, strict=True)) for weights in true]
        assert found.lower[j] <= min(values) <= found.reached_lower[j]
        assert found.upper[j] >= max(values) >= found.reached_upper[j]
        if kind == "relabel":
            assert found.reached_lower[j] - found.lower[j] < 1e-9 > found.upper[j] - found.reached_upper[j]


def test_more_choices_than_can_be_refitted_are_bounded_and_met() -> None:
    """Any 3 of 200 rows, 1.3 million choices, and any 20 labels: single weights, and a difference of two outputs."""
    problem, rng = ridge_of(200), np.random.default_rng(1)
    phi, y = np.hstack([problem.X, np.ones((200, 1))]), problem.y[:, 0]
    some, labels = coefficients(problem, delete=3, seconds=20.0), coefficients(problem, relabel=20, seconds=20.0)
    for found in (some, labels):
        assert (found.upper - found.reached_upper < 1e-2 * (found.upper - found.today)).all() and not found.reason
        assert (found.reached_lower - found.lower < 1e-2 * (found.today - found.lower)).all()
    for _ in range(50):
        gone, other = rng.choice(200, 3, replace=False), rng.choice(200, 20, replace=False)
        left, new = np.delete(phi, gone, 0), y.copy()
        new[other] *= -1
        w = np.linalg.solve(left.T @ left + np.eye(4), left.T @ np.delete(y, gone))
        v = np.linalg.solve(phi.T @ phi + np.eye(4), phi.T @ new)
        assert (some.lower < w).all() and (w < some.upper).all()
        assert (labels.lower < v).all() and (v < labels.upper).all()
    two = coefficients(ridge_of(200, k=2), combinations=[[1.0, 0, 0, 0, -1.0, 0, 0, 0]], delete=3, seconds=20.0)
    assert np.isfinite(two.upper - two.lower).all() and two.lower[0] < two.reached_lower[0] < two.reached_upper[0]


def softmax_of(n: int) -> Problem:
    """Three labels, of whose choices nothing but a refit says something."""
    X = np.random.default_rng(n).normal(size=(n, 3))
    net = Network((np.zeros((3, 3)),), (np.zeros(3),), "identity")
    return Problem(net, X, y=None, labels=(np.arange(n) % 3).astype(float), parameter="deletions", count=1,
                   rows=tuple(range(n)), loss="cross_entropy", weight_decay=0.5, map="critical", base="nearby",
                   set="sparse")


def test_of_too_many_choices_what_some_rows_do_is_proved_and_no_end() -> None:
    found = coefficients(softmax_of(200), delete=5)
    assert np.isinf(found.lower).all() and np.isinf(found.upper).all() and not found.keeps_sign.any()
    assert np.isfinite(found.reached_lower).all() and (found.reached_lower < found.reached_upper).all()
    assert all(1 <= len(set(rows)) <= 5 for rows in (*found.lower_rows, *found.upper_rows))
    assert "there are 2.6e+9 choices, of which 2e+06 can be refitted" in found.reason
    assert found.reason.endswith("each by the refit without some rows; ask about 3 rows or fewer")


@pytest.mark.parametrize("kind", ["delete", "relabel"])
@pytest.mark.parametrize(("free", "k"), [(False, 1), (True, 1), (True, 3)])
def test_values_that_a_search_reaches_lie_in_the_exact_range(kind: str, free: bool, k: int,
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the squared loss, whose every refit is exact, with nothing but the search: each by the rows that it names."""
    problem = squared(np.random.default_rng([k, free]), free=free, k=k)
    true = exact(problem, kind, 2)
    alone = ("label_ranges", "deleted_ranges", "counted_ranges", "_boxed")
    for way in alone:
        monkeypatch.setattr(f"certify.prove.changed.coefficients.{way}", lambda *given, **more: None)
    found = coefficients(problem, **{kind: 2})
    met = 0
    for j in range(3 * k):
        low, high = min(w[j] for w in true), max(w[j] for w in true)
        assert low <= found.reached_lower[j] <= float(low) + 2 * float(high - low)
        assert found.reached_lower[j] <= found.reached_upper[j] + 1e-9 and found.reached_upper[j] <= high
        met += int(found.reached_lower[j] - float(low) < 1e-6) + int(float(high) - found.reached_upper[j] < 1e-6)
    assert np.isinf(found.lower).all() and met >= 3 * k  # half of the ends are the true ones, about


def test_the_time_limit_binds_and_what_is_left_open_is_said() -> None:
    """1.3 million choices of a softmax take minutes; what was met by then stands, and no end is claimed."""
    begun = time.monotonic()
    found = coefficients(softmax_of(200), delete=3, seconds=1.0)
    assert time.monotonic() - begun < 30.0
    assert np.isinf(found.lower).all() and np.isinf(found.upper).all() and not found.keeps_sign.any()
    assert (found.reached_lower < found.reached_upper).all() and "12 without both ends: to refit every" in repr(found)
    seconds = float(found.reason.split(" s,")[0].split()[-1])
    assert seconds > 5.0 and "there were 1:" in found.reason


@pytest.mark.parametrize("kind", ["delete", "relabel"])
@pytest.mark.parametrize("free", [False, True])
def test_boxes_hold_what_counting_out_finds(kind: str, free: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A logistic head, whose choices are counted out first and then said to be too many."""
    decided = 0
    for seed in range(4):
        if seed >= 2 and decided > 8 and not FULL:
            break
        rng = np.random.default_rng([seed, 22])
        X = rng.normal(size=(14, 2))
        net = Network((rng.normal(size=(1, 2)),), (np.zeros(1),), "identity")
        problem = Problem(net, X, y=None, labels=(np.arange(14) % 2).astype(float), parameter="deletions",
                          rows=tuple(range(14)), loss="logistic", weight_decay=0.2, map="critical", base="nearby",
                          set="sparse", count=1, bias_decay=not free)
        A = np.vstack([np.eye(3), rng.normal(size=(1, 3))])
        counted = coefficients(problem, combinations=A, **{kind: 2})
        with monkeypatch.context() as patch:
            patch.setattr("certify.prove.changed.coefficients.LEAVES", 1)
            boxed = coefficients(problem, combinations=A, **{kind: 2})
        assert (boxed.lower <= counted.reached_lower).all() and (boxed.upper >= counted.reached_upper).all()
        assert (boxed.reached_lower >= counted.lower).all() and (boxed.reached_upper <= counted.upper).all()
        assert all(len(set(rows)) <= 2 for rows in (*boxed.lower_rows, *boxed.upper_rows))
        decided += int(np.isfinite(boxed.lower).sum() + np.isfinite(boxed.upper).sum())
    assert decided > 8


def test_where_single_rows_are_too_many_too_the_question_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("certify.prove.changed.coefficients.LEAVES", 1)
    monkeypatch.setattr("certify.theorems.head.rows.moves.searched_ranges.MOST", 1)
    with pytest.raises(InputError, match="can be refitted"):
        coefficients(softmax_of(9), delete=2)


def test_a_search_that_lies_reaches_nothing_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights that are no refits are enclosed with their distance, or count for nothing."""
    problem = squared(np.random.default_rng(3), free=False)
    true = exact(problem, "delete", 2)
    for way in ("label_ranges", "deleted_ranges", "counted_ranges", "_boxed"):
        monkeypatch.setattr(f"certify.prove.changed.coefficients.{way}", lambda *given, **more: None)
    monkeypatch.setattr(Refitter, "from_root", lambda self, choices, check: np.repeat(
        10.0 + self.V0[None], len(choices), axis=0))
    found = coefficients(problem, delete=2)
    for j in range(3):
        assert min(w[j] for w in true) <= found.reached_lower[j] and found.reached_upper[j] <= max(w[j] for w in true)
