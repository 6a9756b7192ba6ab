"""D34: what boxes say of two outputs at every node of a tree, boxes of other nodes among them, against every refit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest

from certify.rigor.fp import Array
from certify.systems.head.rows.change import Choices, RowChange
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.separate import tree
from certify.theorems.head.rows.separate.method import Separate
from certify.theorems.head.rows.separate.outputs import centre_of
from tests.containment.rigor import Violation
from tests.families.other_heads import other_head
from tests.oracles.separate_refits import Choice, refitted

OWN, TOUCHED = tree.Tree._pairs, tree.touched


class Watch:
    """A tree whose nodes hold what they are told against all choices; `deep` counts points at nodes with changes."""

    def __init__(self, patch: pytest.MonkeyPatch, relabels: bool, loss: str, n: int, seed: int) -> None:
        self.head = other_head(np.random.default_rng([42, seed]), loss, n, 1, 8, k=3, free=False, decay=0.6)
        self.change = RowChange(relabels, 3, tuple(range(n)))
        every, self.W = refitted(self.head, self.change)
        self.place = {tuple(sorted(one)): a for a, one in enumerate(every)}
        self.deep, self.asked = 0, (0, 0)
        patch.setattr(tree, "touched", self._touched)
        patch.setattr(tree.Tree, "_pairs", lambda it, *args: self._pairs(it, *args))

    def _touched(self, head: Any, change: Any, rows: Any, y: int, c: int) -> Any:
        self.asked = y, c
        return TOUCHED(head, change, rows, y, c)

    def _pairs(self, it: Any, node: Any, light: Any, known: Any, points: Any, fully: bool) -> Iterator[Any]:
        made = list(zip(node.made.rows[0].tolist(), node.made.codes[0].tolist(), strict=True))
        for mine, pieces in OWN(it, node, light, known, points, fully):
            (y, c), X = self.asked, self.head.points[points[mine]]
            self.deep += len(mine) * len(pieces) * bool(made)
            for places, more in self._further(light, node.k):
                V = self.W[self.place[tuple(sorted([*made, *more]))]]
                value = np.asarray(X @ (V[y] - V[c]), float)
                for room, gain in pieces:
                    if (value < room - gain[:, places].sum(axis=1) - 1e-9).any():
                        raise Violation("two outputs come closer than is said")
            yield mine, pieces

    def _further(self, light: Array, k: int) -> Iterator[tuple[list[int], Choice]]:
        for size in range(k + 1):
            for places in combinations(range(len(light)), size):
                rows = [int(light[a]) for a in places]
                for codes in product(*(self.change.alternatives(self.head, row) for row in rows)):
                    yield list(places), tuple(zip(rows, codes, strict=True))

    def run(self) -> int:
        Separate().prove(self.head, self.change, self.head.today >= 0, Budget(20.0))
        return self.deep


KINDS = [(True, "one_vs_rest", 10, 0), (True, "squared_hinge", 10, 1), (False, "one_vs_rest", 12, 2)]


@pytest.mark.parametrize("kind", KINDS)
def test_what_nodes_are_told_holds_for_all_further_choices(kind: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch,
                                                           ) -> None:
    assert Watch(monkeypatch, *kind).run() >= 20


def test_boxes_of_other_nodes_that_know_nothing_of_changes_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree.Tree, "_reached", lambda it, node, a: ())
    with pytest.raises(Violation):
        for kind in KINDS:
            Watch(monkeypatch, *kind).run()


def test_boxes_are_used_again_for_the_same_changes_and_number_and_rows_they_are_for(monkeypatch: pytest.MonkeyPatch,
                                                                                    ) -> None:
    made: list[int] = []
    own = tree.held
    monkeypatch.setattr(tree, "held", lambda c, rows, k, left, bends: (made.append(k), own(c, rows, k, left))[1])
    head = other_head(np.random.default_rng(43), "squared_hinge", 12, 1, 3, k=3, free=False, decay=1.0)
    it, none = tree.Tree(head, RowChange(True, 3, tuple(range(12))), Budget(60.0)), np.zeros((1, 0), np.int64)
    order = np.arange(1, 12)

    def asked(node: tree.Node, h: int, anew: bool = False) -> list[int]:
        made.clear()
        centres = [centre_of(node.head, True, a) for a in range(3)]
        boxes = it._boxes(node, 0, centres, order, h, anew)
        assert boxes is not None and all(np.isin(order[h:], one.rows).all() for one in boxes)
        return list(made)

    root = tree.Node(head, Choices(none, none), order, 2)
    assert asked(root, 2) == [2, 2, 2]
    assert asked(root, 2) == asked(root, 4) == []
    assert asked(root, 0) == [2, 2, 2] and asked(root, 1) == [] and asked(root, 1, True) == [2, 2, 2]
    assert asked(replace(root, k=1), 1) == [1, 1, 1]
    label = int(head.label[0])
    child = root.child(0, (label + 1) % 3, order, tree.ROOT)
    assert child.k == 1 and len(asked(child, 1)) == 2  # the third output does not see that change
    # only the output of the new label has targets of its own
    assert len(asked(root.child(0, (label + 2) % 3, order, tree.ROOT), 1)) == 1
    assert asked(replace(child, head=head, made=root.made), 1) == []
