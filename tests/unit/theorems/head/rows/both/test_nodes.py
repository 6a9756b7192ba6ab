"""D33: what a node of the tree asks about: the head after its changes, and every choice of further ones once."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from certify.finders.head.plain import PlainRefits
from certify.rigor.fp import Array
from certify.systems.head.rows.change import DELETED, Choices
from certify.systems.head.rows.changes.both import BothChange
from certify.systems.head.rows.head import Head, Whole
from certify.theorems.head.rows.both_refits import walk
from certify.theorems.head.rows.both_sums import tree
from certify.theorems.head.rows.both_sums.case import single_changes
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.step_sums.steps import NOTHING
from tests.containment.heads_both import every_choice
from tests.families.heads import drawn_head
from tests.families.other_heads import other_head


@pytest.mark.parametrize("weights", ["", "rows", "labels", "both"])
def test_the_head_of_a_node_is_that_after_its_changes(weights: str) -> None:
    rng = np.random.default_rng(len(weights))
    head = other_head(rng, "logistic", 9, 2, 3, decay=0.4, free=False, weights=weights)
    single, kinds = single_changes(head, BothChange(2, 2, tuple(range(6))))
    node = tree.Node(head, NOTHING, single, kinds)
    for number in (1, 4, 3):  # a deletion, and then some of what may follow
        f = min(number, len(node.single) - 1)
        kind, row = int(node.kinds.of[f]), int(node.single.rows[f, 0])
        child = node.child(f, np.arange(len(node.single)))
        assert child.kinds.most == tuple(most - (other == kind) for other, most in enumerate(node.kinds.most))
        assert not (child.single.rows == row).any() and (np.array(child.kinds.most)[child.kinds.of] > 0).all()
        true = PlainRefits(head).newton(child.made, head.V[None])
        own = PlainRefits(child.head).newton(NOTHING, head.V[None])
        assert np.abs(true - own).max() <= 1e-9
        node = child


@pytest.mark.parametrize("loss, most", [("logistic", (2, 2)), ("logistic", (1, 3)), ("logistic", (3, 1)),
                                        ("cross_entropy", (1, 2)), ("cross_entropy", (2, 1))])
def test_each_choice_is_judged_or_refitted(loss: str, most: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    head = drawn_head(np.random.default_rng(1), loss, n=8, d=1, N=2, decay=0.5, free=False, apart=2.0)
    change, seen = BothChange(*most, (0, 1, 2, 4, 5, 7)), Counter[frozenset[tuple[int, int]]]()

    def noted(choices: Choices) -> None:
        seen.update(frozenset(zip(rows, codes, strict=True)) for rows, codes in
                    zip(choices.rows.tolist(), choices.codes.tolist(), strict=True))

    class Walk(walk.Walk):
        def live(self) -> Whole:  # all points stay open to the end
            return np.arange(len(self.head.points))

        def _worst(self, root: walk.Node) -> None:
            return

        def _refitted(self, choices: Choices, V: Array) -> None:
            noted(choices)

    own = walk.judge_of

    def judge_of(head: Head, start: Array) -> object:
        judge = own(head, start)
        keeps = judge.keeps

        def told(choices: Choices, *args: object) -> Array:
            noted(choices)
            found: Array = keeps(choices, *args)  # type: ignore[arg-type]
            return found

        judge.keeps = told  # type: ignore[method-assign, assignment]
        return judge

    monkeypatch.setattr(walk, "judge_of", judge_of)
    monkeypatch.setattr(walk, "BLOCK", 7)
    Walk(head, change, head.today >= 0, Budget().check).all()
    every = {frozenset(zip(rows, codes, strict=True)) for some in every_choice(head, change)
             for rows, codes in zip(some.rows.tolist(), some.codes.tolist(), strict=True)}
    assert set(seen) == every


def test_a_pair_that_is_not_judged_to_keep_labels_is_refitted(monkeypatch: pytest.MonkeyPatch) -> None:
    head = drawn_head(np.random.default_rng(1), "logistic", n=7, d=1, N=2, decay=0.5, free=False, apart=2.0)
    monkeypatch.setattr(walk, "judge_of", lambda head, start: type("None_", (), {
        "summed": (1.0,), "keeps": lambda self, choices, V, live, reaches: np.zeros(len(V), dtype=bool)})())
    seen: set[frozenset[tuple[int, int]]] = set()

    class Walk(walk.Walk):
        def live(self) -> Whole:
            return np.arange(2)

        def _worst(self, root: walk.Node) -> None:
            return

        def _refitted(self, choices: Choices, V: Array) -> None:
            seen.update(frozenset(zip(rows, codes, strict=True)) for rows, codes in
                        zip(choices.rows.tolist(), choices.codes.tolist(), strict=True))

    change = BothChange(1, 1, tuple(range(7)))
    Walk(head, change, head.today >= 0, Budget().check).all()
    assert len(seen) == change.leaves(head) == 1 + 7 + 7 + 42


def test_a_point_whose_label_no_refit_proves_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    head = drawn_head(np.random.default_rng(1), "logistic", n=7, d=1, N=4, decay=0.5, free=False, apart=2.0)
    made = walk.Walk(head, BothChange(1, 1, tuple(range(7))), head.today >= 0, Budget().check)
    monkeypatch.setattr(walk, "enclose_refits", lambda head, choices, V: np.full(len(V), np.inf))
    made._refitted(Choices(np.array([[2]]), np.array([[DELETED]])), head.V[None])
    assert not made.clear.any()


def test_a_node_without_further_changes_asks_for_its_own_refit(monkeypatch: pytest.MonkeyPatch) -> None:
    head = drawn_head(np.random.default_rng(1), "logistic", n=7, d=1, N=4, decay=0.5, free=False, apart=2.0)
    search, (single, kinds) = tree.Tree(head, Budget()), single_changes(head, BothChange(1, 0, (3,)))
    leaf = tree.Node(head, NOTHING, single, kinds).child(0, np.arange(1))
    assert len(search._stay(leaf, np.arange(4))) >= 3
    monkeypatch.setattr(tree, "enclose_refits", lambda head, choices, V: np.full(len(V), np.inf))
    assert not len(search._stay(leaf, np.arange(4)))


@pytest.mark.parametrize("most", [(1, 1), (2, 1), (1, 2), (2, 2)])
def test_hot_changes_and_all_others_together_are_every_choice(most: tuple[int, int], monkeypatch: pytest.MonkeyPatch,
                                                              ) -> None:
    head = drawn_head(np.random.default_rng(2), "logistic", n=8, d=1, N=2, decay=2.0, free=False, apart=2.0)
    change, seen = BothChange(*most, (0, 2, 3, 5, 6)), Counter[frozenset[tuple[int, int]]]()

    class Stays:
        """A bound that proves all points, and notes of which choices."""

        def __init__(self, node: tree.Node, light: Whole) -> None:
            made = list(zip(node.made.rows[0].tolist(), node.made.codes[0].tolist(), strict=True))
            free = list(zip(node.single.rows[light, 0].tolist(), node.single.codes[light, 0].tolist(), strict=True))
            for r in range(node.kinds.k + 1):
                for some in combinations(free, r):
                    gone = sum(code == DELETED for _, code in some)
                    if len({row for row, _ in some}) == r and gone <= node.kinds.most[0] and r - gone <= (
                            node.kinds.most[1]):
                        seen.update([frozenset([*made, *some])])

        def at_once(self, points: Whole) -> Whole:
            return points

        def in_turn(self, points: Whole) -> Whole:
            return points

    def chosen(self: tree.Tree, node: tree.Node, st: object, hottest: Whole, points: Whole) -> tuple[Stays, int]:
        h = min(3, len(hottest)) if node.kinds.k > 1 else 0
        return Stays(node, np.sort(hottest[h:])), h

    monkeypatch.setattr(tree.Tree, "_chosen", chosen)
    monkeypatch.setattr(tree.Tree, "_alone", lambda self, node: (seen.update([frozenset(zip(
        node.made.rows[0].tolist(), node.made.codes[0].tolist(), strict=True))]), head.today)[1])
    single, kinds = single_changes(head, change)
    left = tree.Tree(head, Budget())._stay(tree.Node(head, NOTHING, single, kinds), np.arange(2))
    assert len(left) == 2 and max(seen.values()) == 1
    assert set(seen) == {frozenset(zip(rows, codes, strict=True)) for some in every_choice(head, change)
                         for rows, codes in zip(some.rows.tolist(), some.codes.tolist(), strict=True)}


def test_what_a_child_loses_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    head = drawn_head(np.random.default_rng(2), "logistic", n=8, d=1, N=3, decay=2.0, free=False, apart=2.0)
    single, kinds = single_changes(head, BothChange(1, 1, (0, 2, 3, 5, 6)))
    stays = tree.Tree(head, Budget())
    monkeypatch.setattr(tree.Tree, "_chosen", lambda self, node, st, hottest, points: (
        type("S", (), {"at_once": lambda self, at: at if node.kinds.k > 1 else at[1:],
                       "in_turn": lambda self, at: iter(())})(), 1 if node.kinds.k > 1 else 0))
    assert stays._stay(tree.Node(head, NOTHING, single, kinds), np.arange(3)).tolist() == [1, 2]
