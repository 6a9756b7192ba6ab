"""D16 in the checker: rows of open choices looked at by themselves, and what every process is to find alike."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from flint import ctx

from certify.check.theorems.head.rows.softmax_pairs import aside, proved
from certify.check.theorems.head.rows.softmax_pairs import leaves as leaves_module
from certify.check.theorems.head.rows.softmax_pairs import tree as tree_module
from certify.check.theorems.head.rows.softmax_pairs.children.child import NEAR, Children
from certify.check.theorems.head.rows.softmax_pairs.leaves import Leaves
from certify.check.theorems.head.rows.softmax_pairs.stated import stated
from certify.check.theorems.head.rows.softmax_pairs.steps import Newton
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.softmax_pairs.tree import Tree
from tests.families.class_heads import as_checked
from tests.unit.check.theorems.head.rows.softmax_pairs.proposals import Arrays, drawn, longest, proposed, stored
from tests.unit.check.theorems.head.rows.softmax_pairs.test_softmax_pairs_parts import made

Patch = pytest.MonkeyPatch


def check(head: Head, arrays: Arrays) -> list[bool]:
    with ctx.workprec(64):
        twin = as_checked(head, tuple(range(head.n)), 2, False)
        return proved(twin, stored(arrays), "claim", [True] * len(head.points))


def test_refits_begin_where_they_would_if_no_child_were_looked_at_before(monkeypatch: Patch) -> None:
    """As in a process that has looked at no other child: refits of rows and of choices are the same numbers."""
    monkeypatch.setattr(aside, "MANY", 1)
    monkeypatch.setattr(aside, "MOST", 2)
    honest, refit = Children.left, Newton.refit
    refitted: dict[tuple[int, ...], list[float]] = {}

    def spied(self: Newton, gone: tuple[int, ...]) -> list[float]:
        found = refit(self, gone)
        if self.gradients.c.out is None:
            refitted[gone] = found
        return found

    def adding(self: Children, *given: Any) -> set[int]:
        self.newton.steps(range(self.data.n), NEAR)
        return honest(self, *given)

    monkeypatch.setattr(Newton, "refit", spied)
    rows = choices = 0
    with ctx.workprec(64):
        for seed in range(3):
            seen = []
            for left in (honest, adding):
                monkeypatch.setattr(Children, "left", left)
                head, refits, root, newton = made((seed, False, None, 0.0))
                newton.steps([2], NEAR)  # only row 2 has one before
                live = np.flatnonzero(refits.stays(2)).tolist()
                read = stated(root.data, stored(proposed(refits, [], [])), "here")
                children = Children(newton, Leaves(root.data, read, live))
                refitted.clear()
                kept = aside.kept(children, {j: list(combinations(range(5), 2)) for j in live})
                seen.append((kept, dict(refitted)))
            assert seen[0] == seen[1] and len(newton.found) > 6
            rows += sum(len(T) == 1 for T in refitted)
            choices += sum(len(T) == 2 for T in refitted)
    assert rows == 6 and choices > 2


def test_leaves_are_judged_before_children_are(monkeypatch: Patch) -> None:
    """Once, and not once by each process; the same is proved where they are not."""
    monkeypatch.setattr(aside, "MOST", 0)
    head, refits = drawn(1, False)
    some = longest(refits, 5)
    arrays = proposed(refits, some[:3], [T for T in combinations(sorted(some), 2) if some[0] in T])  # none at the root
    honest, known = Children.left, list[int]()

    def left(self: Children, *given: Any) -> set[int]:
        known.append(len(self.leaves.all_kept))
        return honest(self, *given)

    monkeypatch.setattr(Children, "left", left)
    found = check(head, arrays)
    assert known == [4, 4, 4] and any(found)
    assert check(head, proposed(refits, some[:3], [])) <= found and known[3:] == [0, 0, 0]


@pytest.mark.parametrize("kind", [OverflowError, ValueError])
def test_numbers_beyond_doubles_beside_a_row_prove_nothing(kind: type[Exception], monkeypatch: Patch) -> None:
    """With no hot row and no refit: what such a row alone proves is not proved where its numbers are too large."""
    monkeypatch.setattr(leaves_module, "OWN", 0)
    monkeypatch.setattr(tree_module, "FORMED", 0)
    monkeypatch.setattr(aside, "MANY", 1)
    honest, needed = Children.left, 0

    def left(*_: Any) -> set[int]:
        raise kind

    for seed in range(3):
        head, refits = drawn(seed, False, 12, 0.3)
        arrays, found = proposed(refits, [], []), list[list[bool]]()
        for most, child in ((64, honest), (0, honest), (64, left)):
            monkeypatch.setattr(aside, "MOST", most)
            monkeypatch.setattr(Children, "left", child)
            found.append(check(head, arrays))
        assert found[2] == found[1]
        needed += sum(found[0]) - sum(found[1])
    assert needed >= 3


def test_the_search_looks_at_pairs_beside_hot_rows_and_at_nothing_else() -> None:
    head, _ = drawn(1, False)
    with pytest.raises(AssertionError):
        Tree(head, RowChange(False, 1, tuple(range(head.n))), lambda: 1e9)._children(head.today)
