"""D12: a tree of bounds that covers every choice of at most m deleted rows, point by point."""

from __future__ import annotations

from collections.abc import Sequence

from certify.check.theorems.head.rows.boxes.codes import TABLE
from certify.check.theorems.head.rows.boxes.fixed_rows import Sums
from certify.check.theorems.head.rows.boxes.leaves import alone, base
from certify.check.theorems.head.rows.boxes.margins import Points
from certify.check.theorems.head.rows.boxes.trap import Centre, centre
from certify.check.theorems.head.rows.boxes.tree import Node, Place, last_level, places
from certify.check.theorems.head.rows.pairs.bound import Bound, Drops
from certify.check.theorems.head.rows.pairs.order import in_order
from certify.check.theorems.head.rows.pairs.steps import steps
from certify.format.refusal import Invalid


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
        open_ = last_level(node, place, c, part, live) if place.k == 1 else _inner(node, place, c, part, live, nodes)
        for j in open_:
            good[j] = False
    return [ok and nodes[0].numbers[j] >= 0 if nodes else False for j, ok in enumerate(good)]


def _inner(node: Node, place: Place, c: Centre, part: Points, live: list[int], nodes: Sequence[Node]) -> list[int]:
    """The points that a node with k > 1 leaves open."""
    drops: list[tuple[int, Drops]] = []
    b = base(c) if node.boxes else None
    if b is not None:
        order, count = in_order(b, node.hot, place.free)
        st = steps(b, order, count)
        for h, codes, _ in node.boxes if st else ():
            assert st is not None
            found = Bound(st, h, place.k, [TABLE[int(x)] for x in codes])
            if found.proved:
                drops.append((h, Drops(found, part)))
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
