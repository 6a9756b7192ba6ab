"""D17: a tree of hot rows that covers every choice of two or three deleted rows, point by point."""

from __future__ import annotations

from collections.abc import Sequence

from certify.check.theorems.head.rows.boxes.codes import TABLE
from certify.check.theorems.head.rows.boxes.fixed_rows import Sums
from certify.check.theorems.head.rows.boxes.leaves import base
from certify.check.theorems.head.rows.boxes.margins import Points
from certify.check.theorems.head.rows.boxes.trap import Centre, centre
from certify.check.theorems.head.rows.boxes.tree import Node, Place, places
from certify.check.theorems.head.rows.by_choice.judge import opened
from certify.check.theorems.head.rows.by_choice.pieces import Pieces
from certify.check.theorems.head.rows.pair_tree.drops import Drops
from certify.check.theorems.head.rows.pair_tree.order import in_order
from certify.check.theorems.head.rows.pair_tree.steps import TURNS, row_lengths, steps
from certify.check.theorems.head.rows.pair_tree.tree import last_deletion
from certify.format.refusal import Invalid

OWN = {2: 384, 3: 512}
"""Rows with a step of their own, by how many rows may follow."""


def proved(s: Sums, e: Points, nodes: Sequence[Node], free: Sequence[int], count: int, where: str) -> list[bool]:
    """Which points keep a positive margin under every deletion of at most `count` of the free rows.

    As in D6: a point is proved at a node if every choice without its first h hot rows leaves it positive, h its number
    there, and each of the first h children proves it. At the last level every row is looked at as in D12.

    Raises:
        Invalid: the nodes are no tree, or a row, number, weight or code is out of place.
    """
    stand = places(s, nodes, free, count, len(e.rows), where)
    good, part = [True] * len(e.rows), e
    last = list[int]()
    for at, (node, place) in enumerate(zip(nodes, stand, strict=True)):
        if any(not 0 <= int(x) < len(TABLE) for _, codes, _ in node.boxes for x in codes):
            raise Invalid(f"{where}.nodes[{at}]", "a code is out of range", f"codes are 0 to {len(TABLE) - 1}")
        live = [j for j in range(len(e.rows)) if good[j] and node.numbers[j] >= 0]
        if not live:
            continue
        c = centre(s, place.out, node.weights)
        if live != last:
            last, part = live, e.some(live)
        open_ = last_deletion(node, place, c, part, live, [None] * len(live)) if place.k == 1 else (
            _inner(node, place, c, part, live, nodes))
        for j in open_:
            good[j] = False
    return [ok and nodes[0].numbers[j] >= 0 if nodes else False for j, ok in enumerate(good)]


def _inner(node: Node, place: Place, c: Centre, part: Points, live: list[int], nodes: Sequence[Node]) -> list[int]:
    """The points that a node with k > 1 leaves open, children counted as far as they say something of a point."""
    covered = {at: node.numbers[j] for at, j in enumerate(live) if all(
        a in place.children and nodes[place.children[a]].numbers[j] >= 0 for a in range(node.numbers[j]))}
    left = set(covered)
    b = base(c) if node.boxes and place.free and left else None
    if b is not None:
        size = row_lengths(c.sums, (b.X, b.off, b.big))
        order, _ = in_order(b, node.hot, place.free, size)
        own = max(OWN[place.k], len(node.hot) + place.k)
        st = steps(b, order, own, TURNS, None, size)
        for h, codes, _ in node.boxes if st is not None else ():
            some = [at for at in sorted(left) if covered[at] >= h]
            found = Pieces(st, h, place.k, [TABLE[int(x)] for x in codes]) if some and st else None
            if found is not None and found.proved:
                open_ = opened(found, Drops(found, part.some(some)), [covered[at] - h for at in some])
                left -= {at for a, at in enumerate(some) if a not in open_}
    return [j for at, j in enumerate(live) if at not in covered or at in left]
