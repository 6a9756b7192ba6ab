"""D13: which points a node of changed labels leaves positive."""

from __future__ import annotations

from collections.abc import Sequence

from certify.check.theorems.head.rows.boxes.codes import TABLE
from certify.check.theorems.head.rows.boxes.ends.bent import refused
from certify.check.theorems.head.rows.boxes.leaves import Base, alone, base
from certify.check.theorems.head.rows.boxes.margins import Points
from certify.check.theorems.head.rows.boxes.trap import Centre
from certify.check.theorems.head.rows.boxes.tree import Node, Place
from certify.check.theorems.head.rows.pair_tree.bound import Bound
from certify.check.theorems.head.rows.pair_tree.drops import Drops
from certify.check.theorems.head.rows.pair_tree.last import Last
from certify.check.theorems.head.rows.pair_tree.steps import row_lengths, steps

MOST, TURNS = 5632, 12
"""Rows whose steps are formed, and turns of Newton's method at most."""


def left_of_labels(node: Node, place: Place, b: Base, part: Points, numbers: dict[int, int]) -> set[int]:
    """Those of the points, each with how many hot rows are apart for it, that no bound of the node leaves positive.

    Steps are formed of the rows after the hot ones alone; a row that is turned would have to be so in all of them.
    """
    left = set(numbers)
    size = row_lengths(b.c.sums, (b.X, b.off, b.big))
    for h, codes, _ in node.boxes:
        inside = set(node.hot)
        rest = sorted((i for i in place.free if i not in inside), key=size.__getitem__, reverse=True)
        rows = [*node.hot[h:], *rest]
        some = [at for at in sorted(left) if numbers[at] >= h]
        if b.c.out or len(rows) > MOST or not some or (st := steps(b, rows, len(rows), TURNS, None, size)) is None:
            continue
        found = Bound(st, 0, place.k, [TABLE[int(x)] for x in codes])
        if found.proved:
            drops = Drops(found, part.some(some))
            left -= {at for a, at in enumerate(some) if drops.holds(a, numbers[at] - h)}
    return left


def last_labels(node: Node, place: Place, c: Centre, part: Points, live: list[int],
                asked: Sequence[set[int] | None]) -> list[int]:
    """The points that a node with k = 1 leaves open.

    The hot rows before the box need leaves; of the others those that follow are looked at with every margin.
    """
    b = base(c)
    if b is None:
        return live
    everyone = list(range(len(live)))
    open_ = {at for at, ok in zip(everyone, alone(c, part, everyone, b), strict=True) if not ok}
    needed = {i: everyone for i in place.free}
    if node.boxes:
        h, codes, _ = node.boxes[0]
        inside = set(node.hot)
        found = Last(b, node.hot[h:], [i for i in place.free if i not in inside], [TABLE[int(x)] for x in codes])
        if found.proved:
            needed = {i: everyone for i in node.hot[:h]} | found.open(part)
    stated = {i: a for a, (i, _) in enumerate(node.leaves)}
    for i in set(needed) - set(stated):
        open_ |= set(needed[i])
    if needed := {i: at for i, at in needed.items() if i in stated}:
        open_ |= refused(node.leaves, c, part, stated, needed, b)
    return [live[at] for at in sorted(open_)]
