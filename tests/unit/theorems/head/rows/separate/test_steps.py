"""D34: each step of the search by itself: every way of a hot row, the node's own change, rows that boxes leave open."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from certify.systems.head.rows.change import Choices, RowChange
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.separate.joint import gains
from certify.theorems.head.rows.separate.outputs import Lost, centre_of
from certify.theorems.head.rows.separate.record import ROOT
from certify.theorems.head.rows.separate.tree import Node, Tree
from tests.families.other_heads import other_head

NONE = np.zeros((1, 0), np.int64)


def search(k: int = 2) -> tuple[Tree, Node]:
    head = other_head(np.random.default_rng(44), "squared_hinge", 9, 1, 5, k=3, free=False, decay=1.0)
    it = Tree(head, RowChange(True, k, tuple(range(9))), Budget(60.0))
    return it, Node(head, Choices(NONE, NONE), np.arange(9), k)


def test_every_way_of_a_hot_row_is_looked_at_and_all_later_rows_may_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    it, root = search()
    seen: list[tuple[int, int, list[int], int]] = []

    def stay(it: Any, node: Node, points: Any) -> Any:
        seen.append((int(node.made.rows[0, 0]), int(node.made.codes[0, 0]), node.rows.tolist(), node.k))
        return points

    monkeypatch.setattr(Tree, "_stay", stay)
    order = np.array([3, 1, 4, 0, 2, 5, 6, 7, 8])
    it._children(root, 0, order, np.arange(5), np.array([0, 1, 2, 2, 0]))
    label = it.head.label
    assert label is not None
    assert seen == [(row, code, order[a + 1 :].tolist(), 1) for a, row in enumerate([3, 1])
                    for code in range(3) if code != label[row]]


def test_a_change_with_no_further_row_is_refitted_itself() -> None:
    """Weights under which points have labels that the minimum does not give them."""
    it, root = search()
    wrong = replace(it.head, V=-it.head.V)
    it = Tree(wrong, it.change, Budget(60.0))
    moved = np.flatnonzero((wrong.today >= 0) & (wrong.today != root.head.today))
    assert len(moved)
    for node in (replace(root, rows=np.zeros(0, np.int64)), replace(root, k=0)):
        assert not len(it._stay(node, moved))


@pytest.mark.parametrize("first", [True, False])
def test_what_one_other_output_leaves_open_is_open(first: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two other outputs one is proved to stay below in every way, and of the other nothing is known."""
    it, root = search(1)
    alone, opened = [], []

    def pairs(it: Any, node: Any, light: Any, known: Any, points: Any, fully: bool) -> Any:
        told = [(np.arange(len(points)), [(np.full(len(points), room), np.zeros((len(points), len(light))))])
                for room in (1.0, -1.0)]
        yield from told if first else told[::-1]

    def boxes(it: Any, node: Any, at: int, centres: Any, order: Any, h: int, anew: bool = False) -> Any:
        return [] if h else None

    monkeypatch.setattr(Tree, "_pairs", pairs)
    monkeypatch.setattr(Tree, "_boxes", boxes)
    monkeypatch.setattr(Tree, "_alone", lambda it, node, W, points: (alone.append(points), points)[1])
    monkeypatch.setattr(Tree, "_leaves", lambda it, node, at, order, points, open_: (opened.append(open_), points)[1])
    centres = [centre_of(it.head, True, a) for a in range(3)]
    it.record.begin(ROOT, np.arange(9))
    it._last(root, 0, centres, np.arange(9), np.arange(5))
    assert len(alone) == 1 and (alone[0] == np.arange(5)).all() and opened[0].all()
    monkeypatch.setattr(Tree, "_pairs", lambda *args: iter(list(pairs(*args))[:1] if first else list(pairs(*args))[1:]))
    it._last(root, 0, centres, np.arange(9), np.arange(5))  # both stay below: but the first two rows are in no box
    assert len(alone) == 1 and opened[1][:, :2].all() and not opened[1][:, 2:].any()


def test_a_row_that_only_adds_takes_nothing() -> None:
    one = Lost(np.ones(2), np.full((2, 3), -0.5), np.zeros(2))
    for kinds in ({(True, True): np.ones(3, bool)}, {(True, False): np.ones(3, bool), (False, True): np.ones(3, bool)}):
        assert (gains(one, one, kinds) == 0.0).all()


@pytest.mark.parametrize("turned", [1, -1])
def test_a_point_needs_what_its_worst_other_output_needs(turned: int, monkeypatch: pytest.MonkeyPatch) -> None:
    it, root = search()
    much = np.array([[2.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]])
    told = [(np.zeros(1, np.int64), [(np.ones(1), part * much)]) for part in (1.0, 0.0)][::turned]
    monkeypatch.setattr(Tree, "_pairs", lambda *args: iter(told))
    assert it._counted(root, np.arange(9), 0, [], np.zeros(1, np.int64), False).tolist() == [3]
