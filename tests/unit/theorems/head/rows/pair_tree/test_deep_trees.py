"""Many deleted rows of many: little is done at a node below the root, and what few points ask for comes last."""

from __future__ import annotations

import numpy as np
import pytest
from flint import ctx

from certify.check.theorems.head.rows import pair_tree as check_tree
from certify.systems.head.rows.boxes.slabs import Rows
from certify.systems.head.rows.change import RowChange
from certify.theorems.head.rows.boxes import turns
from certify.theorems.head.rows.boxes.leaves import Base
from certify.theorems.head.rows.boxes.nodes import Node
from certify.theorems.head.rows.boxes.turns import Task
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.pair_tree import tree
from certify.theorems.head.rows.pair_tree.method import PairTrees
from certify.theorems.head.rows.pair_tree.steps import Steps, steps
from tests.families.logistic_heads import as_checked, logistic_head, margins, stored


@pytest.fixture
def worked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Task, Node, Rows]]:
    """The nodes in the order in which they are worked on, of heads that count as large ones."""
    found: list[tuple[Task, Node, Rows]] = []
    work = tree.PairTree._work

    def seen(self: tree.PairTree, task: Task, live: Rows) -> tuple[Node, list[Task]]:
        node, children = work(self, task, live)
        found.append((task, node, live))
        return node, children

    monkeypatch.setattr(turns, "AHEAD", 1)  # so that each node is chosen when all before it are known
    for name, value in (("MANY", 5), ("VAST", 1), ("OWN", 5), ("LITTLE", (4, 6)), ("FIRST", 3)):
        monkeypatch.setattr(tree, name, value)
    monkeypatch.setattr(tree.PairTree, "_work", seen)
    return found


@pytest.mark.parametrize(("count", "seeds", "all_"), [(4, (0, 3), 5), (5, (2,), 1)])
def test_little_at_a_node_says_exactly_what_all_refits_say(
        count: int, seeds: tuple[int, ...], all_: int, worked: list[tuple[Task, Node, Rows]],
        monkeypatch: pytest.MonkeyPatch) -> None:
    few_steps = 0

    def counted(b: Base, order: Rows, k: int, few: int | None = None) -> Steps | None:
        nonlocal few_steps
        few_steps += few == 5
        return steps(b, order, k, few)

    monkeypatch.setattr(tree, "steps", counted)
    stays = 0
    for seed in seeds:
        head = logistic_head(np.random.default_rng([seed, count, 12]), 11, decay=3.0)
        rows = tuple(range(11))
        least = np.min(list(margins(head, rows, count, False).values()), axis=0)
        part = PairTrees().prove(head, RowChange(False, count, rows), head.today >= 0, Budget())
        assert part is not None
        assert (part.proved == (least > 0)).all()
        stays += int(part.proved.sum())
        if part.arrays:
            with ctx.workprec(64):
                found = check_tree.proved(as_checked(head, rows, count, False), stored(dict(part.arrays)), "claim",
                                          part.proved.tolist())
            assert found == part.proved.tolist()
    assert stays == all_ and few_steps > 3


def test_points_that_ask_for_fewer_nodes_are_finished_first(worked: list[tuple[Task, Node, Rows]]) -> None:
    """No grandchild of the root comes before a child that a point waits for which no child has asked more of."""
    told = 0
    for seed in range(3):
        worked.clear()
        head = logistic_head(np.random.default_rng([seed, 4, 78]), 14, decay=4.0)
        PairTrees().prove(head, RowChange(False, 4, tuple(range(14))), head.today >= 0, Budget())
        depth = [len(task.out) for task, _, _ in worked]
        if 2 not in depth:
            continue
        asked = np.zeros(len(head.points), bool)
        for task, node, _ in worked[: depth.index(2)]:
            asked |= (node.h > 0) & (len(task.out) == 1)
        late = [task.points for task, _, _ in worked[depth.index(2):] if len(task.out) == 1]
        assert all(asked[points].all() for points in late)
        told += bool(late) or len(set(depth[: depth.index(2)])) > 1
    assert told


def test_the_checker_follows_nodes_where_most_rows_are_far(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "VAST", 1)
    monkeypatch.setattr(tree, "OWN", 128)
    deep, is_deep = [], tree.PairTree._is_deep

    def asked(self: tree.PairTree, task: Task) -> bool:
        deep.append(is_deep(self, task))
        return deep[-1]

    monkeypatch.setattr(tree.PairTree, "_is_deep", asked)
    head, rows = logistic_head(np.random.default_rng([1, 99]), 620, decay=3.0), tuple(range(620))
    part = PairTrees().prove(head, RowChange(False, 4, rows), head.today >= 0, Budget())
    assert part is not None and part.proved.all() and any(deep)
    with ctx.workprec(64):
        found = check_tree.proved(as_checked(head, rows, 4, False), stored(dict(part.arrays)), "claim", [True] * 6)
    assert all(found)
