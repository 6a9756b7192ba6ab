"""Ranges of weights under changed rows: the exact ones lie between both ends; what cannot be answered is refused."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from certify import Problem, coefficients
from certify.finders.head.refits import Refitter
from certify.format.errors import InputError
from certify.network.network import Network
from certify.prove.changed.coefficients import _Ranges
from certify.systems.head.rows.change import NONE, choices_of
from certify.systems.head.rows.refit import enclose_refits
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
    ranges = _Ranges(np.eye(head.k * head.m), head)
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
    ranges = _Ranges(np.eye(3), head)
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


def test_too_many_choices_are_refused() -> None:
    X, y = np.arange(200.0).reshape(200, 1) % 7, np.where(np.arange(200) % 2, 1.0, -1.0)[:, None]
    net = Network((np.zeros((1, 1)),), (np.zeros(1),), "identity")
    problem = Problem(net, X, y=y, parameter="deletions", rows=tuple(range(200)), loss="squared", weight_decay=0.125,
                      map="critical", base="nearby", set="sparse", count=1)
    with pytest.raises(InputError, match=r"5, which has 2.6e\+9 choices of rows"):
        coefficients(problem, delete=5)


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


def test_of_another_loss_too_many_choices_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("certify.prove.changed.coefficients.LEAVES", 1)
    with pytest.raises(InputError, match="can be refitted"):
        coefficients(squared(np.random.default_rng(0), free=False), delete=2)
