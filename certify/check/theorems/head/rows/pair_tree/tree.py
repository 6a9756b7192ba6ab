"""D12: a tree of bounds that covers every choice of at most m deleted rows, point by point."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from operator import itemgetter

from certify.check.theorems.head.rows.boxes.codes import TABLE
from certify.check.theorems.head.rows.boxes.fixed_rows import Sums
from certify.check.theorems.head.rows.boxes.leaves import Base, alone, base
from certify.check.theorems.head.rows.boxes.margins import Points
from certify.check.theorems.head.rows.boxes.singles import Singles
from certify.check.theorems.head.rows.boxes.trap import Centre, centre
from certify.check.theorems.head.rows.boxes.tree import Node, Place, places, refused
from certify.check.theorems.head.rows.pair_tree.bound import Bound, Drops
from certify.check.theorems.head.rows.pair_tree.effort import MOST, efforts
from certify.check.theorems.head.rows.pair_tree.labels import last_labels, left_of_labels
from certify.check.theorems.head.rows.pair_tree.order import in_order
from certify.check.theorems.head.rows.pair_tree.steps import row_lengths, steps
from certify.format.refusal import Invalid


def proved(s: Sums, e: Points, nodes: Sequence[Node], free: Sequence[int], count: int, where: str) -> list[bool]:
    """Which points keep a positive margin under every deletion of at most `count` of the free rows.

    As in D6, with the bound of D12 in the place of a box at every node after which two and more rows may follow.

    Raises:
        Invalid: the nodes are no tree, or a row, number, weight or code is out of place.
    """
    stand = places(s, nodes, free, count, len(e.rows), where)
    good, part = [True] * len(e.rows), e
    last, enough = list[int](), dict[int, dict[int, int]]()
    for at, (node, place) in enumerate(zip(nodes, stand, strict=True)):
        if any(not 0 <= int(x) < len(TABLE) for _, codes, _ in node.boxes for x in codes):
            raise Invalid(f"{where}.nodes[{at}]", "a code is out of range", f"codes are 0 to {len(TABLE) - 1}")
        alike = enough.get(node.parent, {})
        live = [j for j in range(len(e.rows)) if node.numbers[j] >= 0 and good[j] and node.branch < alike.get(j, inf)]
        if not live:
            continue
        c = centre(s, place.out, node.weights)
        if live != last:
            last, part = live, e.some(live)
        last_one = last_labels if s.relabels else _last
        open_ = last_one(node, place, c, part, live) if place.k == 1 else _inner(
            node, place, c, part, live, nodes, enough.setdefault(at, {}))
        for j in open_:
            good[j] = False
    return [ok and nodes[0].numbers[j] >= 0 if nodes else False for j, ok in enumerate(good)]


def _left(node: Node, place: Place, c: Centre, part: Points, numbers: dict[int, int], fewer: dict[int, int],
          ) -> set[int]:
    """Those of the points, each with how many hot rows are apart for it, that no bound of the node leaves positive.

    In `fewer` is put of how many hot rows children are enough, where two by two nothing follows the others.
    """
    left = set(numbers)
    b = base(c) if node.boxes and place.free and left else None
    if b is None:
        return left
    if c.sums.relabels:
        return left_of_labels(node, place, b, part, numbers, fewer)
    size = row_lengths(b.c.sums, (b.X, b.off, b.big))
    order, count = in_order(b, node.hot, place.free, size)
    boxes, tries, proved_any = sorted(node.boxes, key=itemgetter(0)), efforts(len(node.hot), count), False
    for effort in tries:
        if effort not in (tries[0], tries[-1]) and not proved_any:  # where little proves nothing all is needed
            continue
        if not left or (st := steps(b, order, effort.own, effort.turns, effort.products, size)) is None:
            break
        for h, codes, _ in boxes:
            some = [at for at in sorted(left) if numbers[at] >= h]
            found = Bound(st, h, place.k, [TABLE[int(x)] for x in codes], effort.pairs) if some else None
            if found and found.proved:
                proved_any = True
                left -= settled(found, part, some, numbers, h, fewer)
    return left


def settled(found: Bound, part: Points, some: list[int], numbers: dict[int, int], h: int, fewer: dict[int, int],
            ) -> set[int]:
    """The points that a bound for the rows after the first h leaves positive, if children prove the others."""
    drops, done = Drops(found, part.some(some)), set()
    for a, at in enumerate(some):
        if numbers[at] > h and drops.pairs(a):
            fewer[at] = h
        elif not drops.holds(a, numbers[at] - h):
            continue
        done.add(at)
    return done


def _last(node: Node, place: Place, c: Centre, part: Points, live: list[int]) -> list[int]:
    """The points that a node with k = 1 leaves open.

    Rows that Singles of D6 leaves open for a point are looked at by their steps, and what these leave needs a leaf. One
    long step spoils the bound of all the others: rows with a leaf are first left out of it.
    """
    b = base(c)
    everyone = list(range(len(live)))
    open_ = {at for at, ok in zip(everyone, alone(c, part, everyone, b), strict=True) if not ok}
    if b is None:
        return live
    singles = Singles(b, place.free, part)
    needed = singles.open()
    left = _missing(node, c, part, needed, b)
    leaves = {i for i, _ in node.leaves}
    for turns, without in ((1, leaves), (MOST, leaves), (MOST, set[int]())) if node.boxes else ():
        if left:
            needed = _by_steps(b, singles.lengths, node, part, needed, turns, without)
            left = _missing(node, c, part, needed, b)
    return [live[at] for at in sorted(open_ | left)]


def _missing(node: Node, c: Centre, part: Points, needed: dict[int, list[int]], b: Base) -> set[int]:
    """The points for which a row that needs a leaf has none that holds."""
    stated = {i: a for a, (i, _) in enumerate(node.leaves)}
    asked = {i: at for i, at in needed.items() if i in stated}
    found = {at for i in set(needed) - set(stated) for at in needed[i]}
    return found | set(refused(node, c, part, stated, asked, b)) if asked else found


def _by_steps(b: Base, size: list[float], node: Node, part: Points, needed: dict[int, list[int]], turns: int,
              without: set[int]) -> dict[int, list[int]]:
    """For each of some rows the points that its deletion is not proved to leave positive by its own step either."""
    rows = sorted(set(needed) - without)
    if not rows:
        return needed
    st = steps(b, rows, len(rows), turns, None, size)
    found = Bound(st, 0, 1, [TABLE[int(x)] for x in node.boxes[0][1]]) if st else None
    if found is None or not found.proved:
        return needed
    drops = Drops(found, part)
    left = {i: at for i, at in needed.items() if i in without}
    for at in range(len(part.rows)):
        for i in drops.blocking(at):
            if at in needed[i]:
                left.setdefault(i, []).append(at)
    return left


def _inner(node: Node, place: Place, c: Centre, part: Points, live: list[int], nodes: Sequence[Node],
           enough: dict[int, int]) -> list[int]:
    """The points that a node with k > 1 leaves open; in `enough` is put after how many children nothing is needed."""
    whole = [at for at, j in enumerate(live) if node.numbers[j] == len(place.free)]
    still = {at for at, ok in zip(whole, alone(c, part, whole), strict=True) if ok} if whole else set()
    covered = {at: node.numbers[j] for at, j in enumerate(live) if all(
        a in place.children and nodes[place.children[a]].numbers[j] >= 0 for a in range(node.numbers[j]))}
    fewer = dict[int, int]()
    left = _left(node, place, c, part, {at: number for at, number in covered.items() if at not in still}, fewer)
    enough |= {live[at]: h for at, h in fewer.items()}
    return [j for at, j in enumerate(live) if at not in covered or at in left]
