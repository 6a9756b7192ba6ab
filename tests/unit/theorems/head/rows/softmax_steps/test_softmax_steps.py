"""D35: points of small heads under any few deleted rows, every choice refitted; trees that are wrong; cut-off runs."""

from __future__ import annotations

import dataclasses
from functools import cache
from itertools import combinations

import numpy as np
import pytest

from certify.problem.limits import OutOfTime
from certify.rigor.fp import Array
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Whole
from certify.theorems.head.rows.method import Budget, Mask
from certify.theorems.head.rows.softmax_by_choice.candidates import lines_of
from certify.theorems.head.rows.softmax_steps import last
from certify.theorems.head.rows.softmax_steps.bound import Margins
from certify.theorems.head.rows.softmax_steps.last import Judge, choices_of, open_of
from certify.theorems.head.rows.softmax_steps.method import SoftmaxSteps
from certify.theorems.head.rows.softmax_steps.node import Node, node_of
from certify.theorems.head.rows.softmax_steps.tree import Tree, margins_of
from certify.theorems.head.rows.survey import survey
from tests.containment.heads_softmax_by_choice import worst
from tests.unit.theorems.head.rows.softmax_steps.test_nodes import NEAR, drawn, refitted

ROWS = tuple(range(9))
CASES = [(0, False, 3), (17, True, 3), (6, False, 4), (36, True, 4), (7, False, 3)]
"""Seeds, whether the intercept is free, and how many rows go."""


@cache
def truth(seed: int, free: bool, most: int, rows: tuple[int, ...] = ROWS) -> Array:
    """`(N,)` the least margin of today's labels under every choice."""
    head = drawn(seed, free)
    sets = [T for size in range(most + 1) for T in combinations(rows, size)]
    return np.asarray(np.min([worst(head, W) for W in refitted(head, sets)], axis=0))


def tree_of(seed: int, free: bool, most: int) -> tuple[Tree, Mask]:
    """A tree that has run, and what it proved."""
    head = drawn(seed, free)
    tree = Tree(head, RowChange(False, most, ROWS), lambda: None)
    with np.errstate(all="ignore"):
        return tree, tree.run(head.today >= 0)


@pytest.mark.parametrize(("seed", "free", "most"), CASES)
def test_what_is_proved_stays_and_nothing_is_open(seed: int, free: bool, most: int) -> None:
    """Points that no choice moves are proved, and the others flipped."""
    low, (tree, proved) = truth(seed, free, most), tree_of(seed, free, most)
    flipped = tree.found.flipped
    assert (low[proved] > -NEAR).all() and (low[flipped] < NEAR).all()
    assert proved.any() and flipped.any() and (proved | flipped)[np.abs(low) > 1e-3].mean() > 0.95


@pytest.mark.parametrize(("seed", "free", "most"), CASES)
def test_points_stay_by_bounds_alone(seed: int, free: bool, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Choices that bounds leave open leave their points open: no refit is believed."""
    monkeypatch.setattr(last, "enclose_refits", lambda head, choices, V: np.full(len(V), np.inf))
    low, (tree, proved) = truth(seed, free, most), tree_of(seed, free, most)
    assert (low[proved] > -NEAR).all() and not tree.found.flipped.any() and (low < -NEAR).any()
    assert proved.any() or seed != 0


def wrong(monkeypatch: pytest.MonkeyPatch) -> int:
    """How many points are said to stay that do not."""
    return sum(int((truth(*one)[tree_of(*one)[1]] < -1e-4).sum()) for one in CASES)


def test_rows_that_are_set_apart_all_have_a_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tree that leaves out the first child, or that of the last row that is needed, says too much."""
    right = Tree._apart

    def fewer(self: Tree, node: Node, m: Margins) -> tuple[list[int], Whole]:
        apart, need = right(self, node, m)
        return apart, np.where(need > len(apart), need, np.maximum(need - 3, 0))

    monkeypatch.setattr(Tree, "_apart", fewer)
    assert wrong(monkeypatch)


def test_children_may_lose_all_rows_that_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Tree._below
    monkeypatch.setattr(Tree, "_below", lambda self, out, rows, most, places, start: right(
        self, out, rows[:4], most, places, (start[0], start[1][:4])))
    assert wrong(monkeypatch)


def test_every_choice_that_is_open_is_refitted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Judge, "judge", lambda self, sets, W, places, wanted: None)
    assert wrong(monkeypatch)


@pytest.mark.parametrize("after", [0, 1, 5, 20, 60, 120, 200])
def test_runs_that_are_cut_off(after: int) -> None:
    """Wherever the time ends, what is proved stays."""
    low, calls = truth(6, False, 4), [0]

    def check() -> None:
        calls[0] += 1
        if calls[0] > after:
            raise OutOfTime

    tree = Tree(drawn(6), RowChange(False, 4, ROWS), check)
    with np.errstate(all="ignore"):
        proved = tree.run(drawn(6).today >= 0)
    assert tree.late and tree.why and (low[proved] > -NEAR).all()


@pytest.mark.parametrize("out", [(), (3,), (1, 6)])
def test_pairs_that_are_not_open_stay(out: tuple[int, ...]) -> None:
    """Of a last node: every choice of at most two rows, each by itself; most are known."""
    head = drawn(4)
    rows, at = np.setdiff1d(np.arange(head.n), out), np.flatnonzero(head.today >= 0)
    with np.errstate(all="ignore"):
        node = node_of(head, out, rows, 2, None, lambda: None)
        assert node is not None
        T, open_ = open_of(node, margins_of(lines_of(head, at), node), lambda: None)
    sets = [tuple(sorted({*out, *rows[[i for i in one if i < len(rows)]].tolist()})) for one in T.tolist()]
    assert len(set(sets)) == len(sets) == 1 + len(rows) * (len(rows) + 1) // 2
    low = np.array([worst(head, W)[at] for W in refitted(head, sets)])
    assert (low[~open_] > -NEAR).all() and 0.0 < open_.mean() < 0.9


def test_all_choices_of_a_few() -> None:
    assert choices_of(0).tolist() == [[0, 0]] and choices_of(1).tolist() == [[0, 1], [1, 1]]
    assert len(choices_of(9)) == 36 + 9 + 1 == len({tuple(T) for T in choices_of(9).tolist()})


@pytest.mark.parametrize("rows", [(2,), (1, 4), (0, 3, 5), (2, 4, 6, 8)])
def test_few_rows_may_go(rows: tuple[int, ...]) -> None:
    """As many as are deleted, or fewer."""
    head, low = drawn(0), truth(0, False, min(len(rows), 3), rows)
    part = SoftmaxSteps().prove(head, RowChange(False, 3, rows), head.today >= 0, Budget())
    assert part is not None and part.proved.any() and (low[part.proved] > -NEAR).all()


def test_other_questions_are_refused() -> None:
    head = drawn(0)
    for change in (RowChange(True, 3, ROWS), RowChange(False, 2, ROWS), RowChange(False, 10, ROWS)):
        assert SoftmaxSteps().able(head, change)
    for count in (3, 4, 7):
        assert not SoftmaxSteps().able(head, RowChange(False, count, ROWS))
    unsure = dataclasses.replace(head, phi_rad=np.full(head.n, 0.1))
    assert SoftmaxSteps().able(unsure, RowChange(False, 3, ROWS))
    assert SoftmaxSteps().able(dataclasses.replace(head, remaining=True), RowChange(False, 3, ROWS))


def test_heads_beyond_doubles_prove_nothing() -> None:
    head = drawn(0)
    for other in (dataclasses.replace(head, points=head.points * 2.0**520),
                  dataclasses.replace(head, weight_decay=1e-14), dataclasses.replace(head, phi=head.phi * 1e160)):
        tree = Tree(other, RowChange(False, 3, ROWS), lambda: None)
        with np.errstate(all="ignore"):
            assert not tree.run(np.ones(len(head.points), dtype=bool)).any()


def test_the_survey_takes_it_where_no_certificate_is_asked_for() -> None:
    head, low = drawn(6), truth(6, False, 4)
    found = survey(head, RowChange(False, 4, ROWS), 60.0, methods=("softmax_steps",))
    assert found.parts["softmax_steps"].proved.any() and (low[found.proved] > -NEAR).all()
    assert not found.undecided[np.abs(low) > 1e-3].any()
