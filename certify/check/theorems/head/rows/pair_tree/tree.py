"""D12: a tree of bounds that covers every choice of at most m deleted rows, point by point."""

from __future__ import annotations

from collections.abc import Sequence

from certify.check.theorems.head.rows.boxes.codes import TABLE
from certify.check.theorems.head.rows.boxes.fixed_rows import Sums
from certify.check.theorems.head.rows.boxes.leaves import Base, alone, base
from certify.check.theorems.head.rows.boxes.margins import Points
from certify.check.theorems.head.rows.boxes.singles import Singles
from certify.check.theorems.head.rows.boxes.trap import Centre, centre
from certify.check.theorems.head.rows.boxes.tree import Node, Place, places, refused
from certify.check.theorems.head.rows.pair_tree.bound import Bound, Drops
from certify.check.theorems.head.rows.pair_tree.last import Last
from certify.check.theorems.head.rows.pair_tree.order import in_order
from certify.check.theorems.head.rows.pair_tree.steps import steps
from certify.format.refusal import Invalid

MOST = 5632
"""Rows whose steps are formed where labels change."""


def proved(s: Sums, e: Points, nodes: Sequence[Node], free: Sequence[int], count: int, where: str) -> list[bool]:
    """Which points keep a positive margin under every deletion of at most `count` of the free rows.

    As in D6, with the bound of D12 in the place of a box at every node after which two and more rows may follow.

    Raises:
        Invalid: the nodes are no tree, or a row, number, weight or code is out of place.
    """
    stand = places(s, nodes, free, count, len(e.rows), where)
    good, part = [True] * len(e.rows), e
    last: list[int] = []
    for at, (node, place) in enumerate(zip(nodes, stand, strict=True)):
        if any(not 0 <= int(x) < len(TABLE) for _, codes, _ in node.boxes for x in codes):
            raise Invalid(f"{where}.nodes[{at}]", "a code is out of range", f"codes are 0 to {len(TABLE) - 1}")
        live = [j for j in range(len(e.rows)) if node.numbers[j] >= 0 and good[j]]
        if not live:
            continue
        c = centre(s, place.out, node.weights)
        if live != last:
            last, part = live, e.some(live)
        last_one = _last_labels if s.relabels else _last
        open_ = last_one(node, place, c, part, live) if place.k == 1 else _inner(node, place, c, part, live, nodes)
        for j in open_:
            good[j] = False
    return [ok and nodes[0].numbers[j] >= 0 if nodes else False for j, ok in enumerate(good)]


def _drops(node: Node, place: Place, c: Centre, part: Points) -> list[tuple[int, Drops]]:
    """What the bounds that are proved leave of margins, and how many hot rows each is without."""
    b = base(c) if node.boxes and place.free else None
    if b is None:
        return []
    if c.sums.relabels:
        return _label_drops(node, place, b, part)
    order, count = in_order(b, node.hot, place.free)
    if (st := steps(b, order, count)) is None:
        return []
    found = [(h, Bound(st, h, place.k, [TABLE[int(x)] for x in codes])) for h, codes, _ in node.boxes]
    return [(h, Drops(one, part)) for h, one in found if one.proved]


def _label_drops(node: Node, place: Place, b: Base, part: Points) -> list[tuple[int, Drops]]:
    """The same where labels change: steps are formed of the rows after the hot ones alone."""
    found = []
    for h, codes, _ in node.boxes:
        gone = set(node.hot[:h])
        rows = [*node.hot[h:], *(i for i in place.free if i not in set(node.hot))]
        if b.c.out or len(rows) > MOST or gone & set(rows) or not (st := steps(b, rows, len(rows))):
            continue  # a row that is turned would have its margin turned in all of this
        one = Bound(st, 0, place.k, [TABLE[int(x)] for x in codes])
        if one.proved:
            found.append((h, Drops(one, part)))
    return found


def _last_labels(node: Node, place: Place, c: Centre, part: Points, live: list[int]) -> list[int]:
    """The points that a node with k = 1 leaves open where labels change.

    The hot rows before the box need leaves; of the others those that follow are looked at with every margin.
    """
    b = base(c)
    everyone = list(range(len(live)))
    open_ = {at for at, ok in zip(everyone, alone(c, part, everyone, b), strict=True) if not ok}
    needed = {i: everyone for i in place.free}
    if b and node.boxes:
        h, codes, _ = node.boxes[0]
        hot, inside = node.hot[:h], set(node.hot)
        found = Last(b, node.hot[h:], [i for i in place.free if i not in inside], [TABLE[int(x)] for x in codes])
        if found.proved:
            needed = {i: everyone for i in hot} | found.open(part)
    stated = {i: a for a, (i, _) in enumerate(node.leaves)}
    for i in set(needed) - set(stated):
        open_ |= set(needed[i])
    if needed := {i: at for i, at in needed.items() if i in stated}:
        open_ |= refused(node, c, part, stated, needed, b)
    return [live[at] for at in sorted(open_)]


def _last(node: Node, place: Place, c: Centre, part: Points, live: list[int]) -> list[int]:
    """The points that a node with k = 1 leaves open.

    Rows that Singles of D6 leaves open for a point are looked at by their steps, and what these leave needs a leaf.
    """
    b = base(c)
    everyone = list(range(len(live)))
    open_ = {at for at, ok in zip(everyone, alone(c, part, everyone, b), strict=True) if not ok}
    needed = Singles(b, place.free, part).open() if b else {i: everyone for i in place.free}
    if b and needed and node.boxes:
        rows = sorted(needed)
        st = steps(b, rows, len(rows))
        found = Bound(st, 0, 1, [TABLE[int(x)] for x in node.boxes[0][1]]) if st else None
        if found and found.proved:
            drops, needed = Drops(found, part), {}
            for at in everyone:
                for i in drops.blocking(at):
                    needed.setdefault(i, []).append(at)
    stated = {i: a for a, (i, _) in enumerate(node.leaves)}
    for i in set(needed) - set(stated):
        open_ |= set(needed[i])
    if needed := {i: at for i, at in needed.items() if i in stated}:
        open_ |= refused(node, c, part, stated, needed, b)
    return [live[at] for at in sorted(open_)]


def _inner(node: Node, place: Place, c: Centre, part: Points, live: list[int], nodes: Sequence[Node]) -> list[int]:
    """The points that a node with k > 1 leaves open."""
    drops = _drops(node, place, c, part)
    whole = [at for at, j in enumerate(live) if node.numbers[j] == len(place.free)]
    still = dict(zip(whole, alone(c, part, whole), strict=True)) if whole else {}
    open_ = []
    for at, j in enumerate(live):
        number = node.numbers[j]
        covered = all(a in place.children and nodes[place.children[a]].numbers[j] >= 0 for a in range(number))
        rest = still.get(at, False) or any(h <= number and d.holds(at, number - h) for h, d in drops)
        if not (covered and rest):
            open_.append(j)
    return open_
