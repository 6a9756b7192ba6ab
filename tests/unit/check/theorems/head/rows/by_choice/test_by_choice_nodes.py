"""D17 in the checker: what a point rests on at a node, with a judge that leaves nothing open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from flint import arb, ctx

from certify.check.theorems.head.rows.boxes.codes import TABLE
from certify.check.theorems.head.rows.boxes.fixed_rows import sums
from certify.check.theorems.head.rows.boxes.margins import points
from certify.check.theorems.head.rows.boxes.tree import Node
from certify.check.theorems.head.rows.by_choice import tree
from certify.check.theorems.head.rows.pair_tree.drops import Drops
from tests.families.logistic_heads import logistic_head

N, POINTS, H = 9, 4, 2
NUMBERS = [0, 1, 2, 2]


def made() -> tuple[list[Node], list[list[float]], list[list[float]]]:
    """A root with two hot rows and a child for each, rows, and points that need no, one and two children."""
    head = logistic_head(np.random.default_rng([2, 5]), N, POINTS, decay=60.0)
    w, codes = head.V[0].tolist(), [float(len(TABLE) - 1200)] * N
    root = Node(-1, -1, w, list(range(H)), NUMBERS, [(0, codes, 48)], [])
    children = [Node(0, a, w, [], [0 if x > a else -1 for x in NUMBERS], [], []) for a in range(H)]
    return [root, *children], (head.phi * head.Y).tolist(), head.points.tolist()


def found(monkeypatch: pytest.MonkeyPatch, nodes: list[Node]) -> tuple[list[bool], list[list[int]]]:
    """Which points are proved if no choice and no single row leaves one open; and the cuts that were asked about."""
    asked = list[list[int]]()

    def opened(p: object, drops: Drops, cuts: Sequence[int]) -> set[int]:
        assert len(drops.margins) == len(cuts)
        asked.append(list(cuts))
        return set()

    monkeypatch.setattr(tree, "opened", opened)
    monkeypatch.setattr(tree, "last_deletion", lambda *_: [])
    _, S, e = made()
    with ctx.workprec(64):
        s = sums(S, [arb(60)] * len(S[0]), False)
        return tree.proved(s, points(e, len(S[0])), nodes, list(range(N)), 2, "claim"), asked


def test_a_point_rests_on_its_children_and_on_a_box(monkeypatch: pytest.MonkeyPatch) -> None:
    nodes, _, _ = made()
    assert found(monkeypatch, nodes) == ([True] * POINTS, [NUMBERS])
    assert found(monkeypatch, nodes[:2]) == ([True, True, False, False], [[0, 1]])
    assert found(monkeypatch, [nodes[0], nodes[2]]) == ([True, False, False, False], [[0]])
    silent = replace(nodes[2], numbers=[-1, -1, -1, 0])
    assert found(monkeypatch, [*nodes[:2], silent]) == ([True, True, False, True], [[0, 1, 2]])
    said = replace(nodes[0], numbers=[0, 1, -1, 2])
    assert found(monkeypatch, [said, *nodes[1:]]) == ([True, True, False, True], [[0, 1, 2]])


def test_a_box_speaks_of_points_that_set_its_hot_rows_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns are those of the box: a point looks at them from its own number on, less the box's."""
    nodes, _, _ = made()
    (_, codes, wide), = nodes[0].boxes
    for h, proved, cuts in ((1, [False, True, True, True], [0, 1, 1]), (2, [False, False, True, True], [0, 0])):
        boxed = replace(nodes[0], boxes=[(h, codes, wide)])
        assert found(monkeypatch, [boxed, *nodes[1:]]) == (proved, [cuts])
    assert found(monkeypatch, [replace(nodes[0], boxes=[]), *nodes[1:]]) == ([False] * POINTS, [])


def test_what_a_child_leaves_open_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    nodes, _, _ = made()
    found(monkeypatch, nodes)
    monkeypatch.setattr(tree, "last_deletion", lambda node, place, c, part, live, none: live[:1] if node.branch else [])
    _, S, e = made()
    with ctx.workprec(64):
        s = sums(S, [arb(60)] * len(S[0]), False)
        answer = tree.proved(s, points(e, len(S[0])), nodes, list(range(N)), 2, "claim")
    assert answer == [True, True, False, True]
