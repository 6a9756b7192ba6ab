"""D35: what an evaluation row waits for in a tree, step by step, and what counts as proved by then."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Whole
from certify.theorems.head.rows.softmax_steps import tree as trees
from certify.theorems.head.rows.softmax_steps.bound import Margins
from certify.theorems.head.rows.softmax_steps.last import Judge
from certify.theorems.head.rows.softmax_steps.node import Node
from certify.theorems.head.rows.softmax_steps.tree import Tree
from tests.unit.theorems.head.rows.softmax_steps.test_nodes import drawn

NEEDS = [0, 1, 2, 3, 2]
"""Of five evaluation rows of a node that sets two rows apart: that with 3 needs more than there are."""


class Scripted(Tree):
    """A node sets the fifth and the third of five rows apart; children are noted, and lose what they are told to."""

    def begin(self, lose: dict[int, int]) -> list[tuple[tuple[int, ...], list[int], int, list[int], list[int]]]:
        """Five evaluation rows; of a row that is gone the evaluation row that is lost without it."""
        self.lose, self.seen = lose, []
        self.proved = np.zeros(20, dtype=bool)
        self.lines: Any = SimpleNamespace(at=np.arange(5) + 10)
        judge: Any = Judge.__new__(Judge)
        judge.lost, judge.at = np.zeros(5, bool), self.lines.at
        judge.found = SimpleNamespace(flipped=np.zeros(20, bool))
        self.judge = judge
        return self.seen

    def _apart(self, node: Node, m: Margins) -> tuple[list[int], Whole]:
        return [4, 2], np.array(NEEDS)

    def _below(self, out: tuple[int, ...], rows: Whole, most: int, places: Whole, start: Any) -> None:
        assert len(start[1]) == len(rows)
        self.seen.append((out, rows.tolist(), most, places.tolist(), np.flatnonzero(self.proved).tolist()))
        for row, place in self.lose.items():
            self.judge.lost[place] |= row == out[-1]


def grown(out: tuple[int, ...], lose: dict[int, int]) -> tuple[Scripted, list[Any]]:
    """A node without some rows, of which at most three more of five may follow."""
    tree = Scripted(drawn(0), RowChange(False, 3, tuple(range(9))), lambda: None)
    seen = tree.begin(lose)
    node: Any = SimpleNamespace(W=np.zeros((5, 2, 2)), V=np.zeros((2, 2)), most=3)
    tree._grow(node, out, np.array([0, 2, 5, 7, 8]), Margins(*np.zeros((3, 0))), np.arange(5))  # type: ignore[arg-type]
    return tree, seen


def test_of_the_root_what_is_proved_by_when() -> None:
    tree, seen = grown((), {8: 2})
    assert seen == [((8,), [0, 2, 5, 7], 2, [1, 2, 4], [10]), ((5,), [0, 2, 7], 2, [4], [10, 11])]
    assert np.flatnonzero(tree.proved).tolist() == [10, 11, 14] and tree.judge.lost.tolist() == [0, 0, 1, 1, 0]


def test_what_the_last_child_loses_is_not_proved() -> None:
    tree, _ = grown((), {5: 4})
    assert np.flatnonzero(tree.proved).tolist() == [10, 11, 12]


def test_of_a_child_nothing_is_proved_and_what_needs_more_is_given_up() -> None:
    tree, seen = grown((3,), {})
    assert [one[0] for one in seen] == [(3, 8), (3, 5)] and seen[0][3] == [1, 2, 4] and seen[1][3] == [2, 4]
    assert not tree.proved.any() and tree.judge.lost.tolist() == [0, 0, 0, 1, 0]


@pytest.mark.parametrize("most", [2, 3])
def test_a_child_without_a_node_gives_all_up(most: int) -> None:
    tree = Tree(drawn(0), RowChange(False, 4, tuple(range(9))), lambda: None)
    tree.judge = Judge.__new__(Judge)
    tree.judge.lost = np.zeros(5, dtype=bool)
    tree._node = lambda *_: None  # type: ignore[method-assign]
    tree._below((1,), np.array([0, 2, 3, 4]), most, np.array([1, 3]), (np.zeros((2, 2)), np.zeros((4, 2, 2))))
    assert tree.judge.lost.tolist() == [0, 1, 0, 1, 0]


def test_margins_that_are_not_positive_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a child where three more may follow: the others alone go on."""
    tree, asked, went = Tree(drawn(0), RowChange(False, 4, tuple(range(9))), lambda: None), list[Any](), list[Any]()
    judge: Any = SimpleNamespace(lost=np.zeros(3, dtype=bool), all_of=lambda *one: asked.append(one))
    tree.judge, tree.lines = judge, SimpleNamespace(part=lambda places: None)  # type: ignore[assignment]
    monkeypatch.setattr(trees, "margins_of", lambda lines, node: Margins(
        np.zeros((5, 3, 1)), np.array([[1.0], [0.0], [np.nan]]), (np.zeros((3, 1)),)))
    monkeypatch.setattr(Tree, "_node", lambda self, *_: SimpleNamespace(V=None))
    monkeypatch.setattr(Tree, "_grow", lambda self, node, out, rows, m, places: went.append((len(m.gap), places)))
    tree._below((1,), np.array([0, 2, 3, 4]), 3, np.arange(3), (np.zeros((2, 2)), np.zeros((4, 2, 2))))
    assert judge.lost.tolist() == [0, 1, 1] and [(n, p.tolist()) for n, p in went] == [(1, [0])]
    assert len(asked) == 1 and asked[0][1].tolist() == [] and asked[0][4].tolist() == [1, 2]


@pytest.mark.parametrize("seed", range(4))
def test_no_flip_has_more_rows_than_may_go(seed: int) -> None:
    """Of two, a number that the method refuses: where one more may go no two do."""
    tree = Tree(drawn(seed), RowChange(False, 2, tuple(range(9))), lambda: None)
    with np.errstate(all="ignore"):
        tree.run(drawn(seed).today >= 0)
    flips = tree.found.flips()
    assert flips.rows.shape[1] <= 2 and tree.found.flipped.any()


def test_a_point_without_a_label_is_not_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    head = drawn(0)
    tied = dataclasses.replace(head, points=np.vstack([np.zeros(head.m), head.points[1:]]))
    assert tied.today[0] == -1
    asked = list[list[int]]()
    monkeypatch.setattr(Tree, "_run", lambda self, at: asked.append(at.tolist()))
    Tree(tied, RowChange(False, 3, tuple(range(9))), lambda: None).run(np.ones(len(tied.points), dtype=bool))
    assert asked == [np.flatnonzero(tied.today >= 0).tolist()] and 0 not in asked[0]
