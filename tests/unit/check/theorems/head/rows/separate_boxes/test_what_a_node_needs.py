"""D34, the tree: what a node needs of boxes, children and refits, each of which is left out in turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
from flint import arb, ctx

from certify.check.theorems.head.rows.boxes.codes import slabs
from certify.check.theorems.head.rows.boxes.trap import box, centre
from certify.check.theorems.head.rows.head import BITS
from certify.check.theorems.head.rows.separate_boxes import lost
from certify.check.theorems.head.rows.separate_boxes.outputs import outputs_of
from certify.check.theorems.head.rows.separate_boxes.stated import Node, Stated
from certify.check.theorems.head.rows.separate_boxes.tree import Follow, largest_sum
from certify.theorems.head.rows.boxes.stated import packed
from certify.theorems.head.rows.separate.outputs import centre_of, held
from tests.containment.heads_separate import drawn
from tests.families.row_heads import as_checked

ROOM, FREE, LABELS = 1.0, [0, 1, 2, 3], 3
Takes = dict[int, float]


def outputs(today: tuple[int, ...] = (0,), relabels: bool = True) -> Any:
    """Three outputs, every row of label 0; a change of label b to c reaches outputs b and c."""
    return SimpleNamespace(head=SimpleNamespace(today=list(today), k=LABELS, relabels=relabels),
                           may=lambda row: [1, 2] if relabels else [-1],
                           reaches=lambda row, code, a: code < 0 or a in (0, code))


def node(k: int, number: int = 0, hot: tuple[int, ...] = (), **other: Any) -> Node:
    return Node(**{"made": (), "free": list(FREE), "k": k, "hot": list(hot), "numbers": [number], "children": {},
                   "uses": [(0, [0] * LABELS)], "leaves": {}, **other})


def pieces(*others: Takes, room: float = ROOM) -> list[list[tuple[arb, Takes]]]:
    """One way for each other output."""
    return [[(arb(room), takes)] for takes in others]


def follow(nodes: list[Node], said: Any, labels: tuple[int, ...] = (), **other: Any) -> Follow:
    """With boxes that are proved and say that."""
    it = Follow(outputs(**other), SimpleNamespace(nodes=nodes, boxes=[], refits=[]))  # type: ignore[arg-type]
    it.labels = [[label] for label in labels]
    vars(it)["_held"] = lambda *_: []
    vars(it)["_pieces"] = lambda at, start, _, live: iter([
        [[(room, {i: x for i, x in takes.items() if i not in at.hot[:start]}) for room, takes in ways] for ways in said]
        for _ in live])
    return it


LITTLE, MUCH = dict.fromkeys(FREE, 0.3), {**dict.fromkeys(FREE, 0.3), 1: 0.8}


def test_the_rows_that_take_most_are_counted_for_every_other_output() -> None:
    assert follow([], pieces(LITTLE, LITTLE))._left(node(2)) == []
    assert follow([], pieces(LITTLE, LITTLE))._left(node(4)) == [0]
    for others in ((LITTLE, MUCH), (MUCH, LITTLE)):  # 0.8 + 0.3 of one of them
        assert follow([], pieces(*others))._left(node(2)) == [0]
    both = [[(arb(ROOM), MUCH), (arb(0.7), LITTLE)], [(arb(ROOM), LITTLE)]]  # of two ways one is enough
    assert follow([], both)._left(node(2)) == []
    assert follow([], [[], [(arb(ROOM), LITTLE)]])._left(node(2)) == [0]
    assert follow([], pieces(LITTLE, LITTLE))._left(node(2, uses=[])) == [0]
    assert follow([], pieces(LITTLE, LITTLE), today=(-1,))._left(node(2)) == []  # nothing is said of a tie
    assert follow([], pieces(LITTLE, LITTLE, room=0.6))._left(node(2)) == [0]  # nor proved by equality


def child(k: int, number: int) -> Node:
    return node(k, number, free=[0, 2, 3])


def test_hot_rows_that_a_point_counts_on_need_a_child_for_each_of_their_ways() -> None:
    hot = (1, 2)
    nodes = [child(1, 0), child(1, 0), child(1, -1)]

    def left(children: dict[tuple[int, int], list[int]], number: int = 1, starts: tuple[int, ...] = (1,)) -> list[int]:
        at = node(2, number, hot, children=children, uses=[(start, [0] * LABELS) for start in starts])
        return follow(nodes, pieces(LITTLE, MUCH))._left(at)

    every = {(0, 1): [0], (0, 2): [1]}
    assert left(every) == []
    assert left(every, starts=(0,)) == []  # a box of more rows serves: what row 1 takes is left out
    assert left({(0, 1): [0]}) == [0]
    assert left({(0, 2): [1]}) == [0]
    assert left({**every, (0, 1): [2]}) == [0]
    assert left({**every, (0, 1): [2, 0]}) == []
    assert left({(1, 1): [0], (1, 2): [1]}) == [0]
    assert left(every, number=2) == [0]
    assert left({**every, (1, 1): [0], (1, 2): [1]}, number=2) == []
    assert left({}, number=0, starts=(1,)) == [0]  # a box without a row that this point does not leave out
    assert left({}, number=0, starts=(0, 1)) == [0]


def test_with_one_change_rows_that_no_box_covers_need_a_refit_for_each_of_their_ways() -> None:
    def left(leaves: dict[tuple[int, int], int], labels: tuple[int, ...] = (0, 0, 0), said: Any = None) -> list[int]:
        it = follow([], pieces(LITTLE, MUCH, room=0.5) if said is None else said, labels)
        return it._left(node(1, leaves=leaves))

    assert left({}, said=pieces(LITTLE, MUCH)) == []
    assert left({}) == [0]
    assert left({(1, 1): 0, (1, 2): 1}) == []
    assert left({(1, 1): 0}) == [0]
    assert left({(1, 2): 0}) == [0]
    for wrong in (1, -1):
        assert left({(1, 1): 0, (1, 2): 1}, (0, wrong)) == [0]
    # boxes that say nothing of no change at all: a refit of that is needed as well
    none = pieces(dict.fromkeys(FREE, -1.0), dict.fromkeys(FREE, -1.0), room=-0.5)
    assert left({}, said=none) == [0]
    assert left({(-1, -1): 0}, said=none) == []
    assert left({(-1, -1): 0}, (1,), said=none) == [0]
    one = [*pieces(LITTLE, room=0.5), *pieces(dict.fromkeys(FREE, -1.0), room=-0.5)]
    assert left({}, said=one) == [0]
    every = {(i, code): 0 for i in FREE for code in (1, 2)}
    assert left(every, said=none[:1] + [[]]) == [0]
    assert left({**every, (-1, -1): 0}, said=none[:1] + [[]]) == []


def serving(**other: Any) -> Callable[..., bool]:
    """Whether boxes at one node serve a use at another."""
    it = Follow(outputs(**other), SimpleNamespace(nodes=[], boxes=[], refits=[]))  # type: ignore[arg-type]

    def serves(at: Node, its: Node, rows: list[int], start: int = 0, proved: bool = True) -> bool:
        vars(it)["tree"] = SimpleNamespace(nodes=[its], boxes=[Stated(a, 0, 0, (), (), 48) for a in range(LABELS)])
        vars(it)["_box"] = lambda _: SimpleNamespace(place=dict.fromkeys(rows, 0)) if proved else None
        return it._held(at, start, list(range(LABELS))) is not None

    return serves


def test_a_box_serves_as_many_changes_after_the_same_ones_of_no_more_rows() -> None:
    serves = serving()
    at = node(2, hot=(3,))
    assert serves(at, node(2), FREE)
    assert not serves(at, node(2), FREE, proved=False)
    assert not serves(at, node(1), FREE)
    assert not serves(at, node(3), FREE)
    assert not serves(at, node(2), FREE[:3])
    assert serves(at, node(2), FREE[:3], start=1)
    moved = replace(at, made=((5, 1),))
    for made in ((), ((4, 1),), ((5, 2),), ((5, 1), (4, 1))):
        assert not serves(moved, replace(at, made=made), FREE)
        assert not serves(replace(at, made=made), moved, FREE)
    assert serves(moved, replace(at, made=((5, 1),)), FREE)
    gone = serving(relabels=False)
    assert gone(replace(at, made=((5, -1), (4, -1))), replace(at, made=((4, -1), (5, -1))), FREE)
    assert not gone(replace(at, made=((5, -1),)), at, FREE)


def test_what_a_row_takes_is_that_of_its_worst_way_and_never_below_0() -> None:
    it = follow([], [])
    assert it._takes(0, 1.0, 2.0, 0, 1) == 3.0  # 0 becomes 1
    assert it._takes(0, 1.0, -2.0, 0, 1) == 1.0  # 0 becomes 2
    assert it._takes(0, 1.0, 2.0, 1, 2) == 2.0  # one of them alone, whatever it becomes
    assert it._takes(0, -1.0, -2.0, 0, 1) == 0.0
    it.o.may = lambda row: [1]  # type: ignore[method-assign, misc, assignment]
    assert it._takes(0, -1.0, -2.0, 0, 1) == 0.0  # of two labels there is no other way
    assert follow([], [], relabels=False)._takes(0, -1.0, -2.0, 0, 1) == 0.0
    assert follow([], [], relabels=False)._takes(0, 3.0, -2.0, 0, 1) == 1.0


def test_a_centre_beside_the_minimiser_counts() -> None:
    """With no change made an output is off by what the centre is, which what is fixed has to hold."""
    seen = 0
    for seed in range(40):
        head, change, _, W = drawn(np.random.default_rng([51, seed]))
        if head.weights is not None:
            continue
        with ctx.workprec(BITS):
            o = outputs_of(as_checked(head, change), "here")
            for a in range(head.k):
                rows = sorted(change.rows)
                most = min(change.count, len(rows))
                own = held(centre_of(head, change.relabels, a), np.array(rows), most, lambda: 1.0)
                if own is None:
                    continue
                codes = sum(np.minimum(((packed(own.codes) >> 12 * b) & 4095) + 40, 4095) << 12 * b for b in range(4))
                w = own.c.w + 1e-3 * np.random.default_rng(seed).choice([-1.0, 1.0], own.c.w.shape)
                beside = centre(o.sums[a], [], w.tolist(), o.loss)
                proof = box(beside, rows, change.count, slabs(codes.tolist()), own.wide)
                if proof is None:
                    continue
                true = (W[0, a] @ head.points.T.astype(np.longdouble)).astype(float)
                for j, one in enumerate(lost.Held(proof).lost(o.points)):
                    assert one is not None
                    off = abs(true[j] - float(one.margin.mid()))
                    assert off < min(float(x.mid()) for x in one.fixed)
                    seen += off > 1e-4
    assert seen > 20


def test_every_other_output_is_compared_with_what_is_fixed_of_both() -> None:
    it, rows = follow([], []), dict.fromkeys(FREE, 0)

    def said(margin: float, fixed: float) -> lost.Lost:
        nothing = [0.0] * len(FREE)
        return lost.Lost(arb(margin), (arb(fixed), arb(fixed + 1)), nothing, nothing, nothing)

    boxes = [SimpleNamespace(place=dict(zip(rows, range(len(FREE)), strict=True)), lost=lambda _, one=one: [one])
             for one in (said(9.0, 0.5), said(4.0, 0.25), said(2.0, 0.125))]
    vars(it)["_pieces"] = Follow._pieces.__get__(it)
    it.o.points = SimpleNamespace(some=lambda live: live)
    (found,) = it._pieces(node(2), 0, boxes, [0])  # type: ignore[arg-type]
    assert [[float(room) for room, _ in ways] for ways in found] == [[4.25, 2.25], [6.375, 4.375]]
    (found,) = it._pieces(node(1), 0, boxes, [0])  # type: ignore[arg-type]
    assert [[float(room) for room, _ in ways] for ways in found] == [[4.25], [6.375]]


def test_a_sum_of_the_largest_is_no_less_than_its_terms() -> None:
    assert largest_sum([2.0**-53, 1.0, 2.0**-53, 2.0**-54], 3) >= arb(1) + arb(2) ** -52
    assert largest_sum([], 2) == 0
