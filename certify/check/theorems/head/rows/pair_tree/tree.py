"""D12: a tree of bounds that covers every choice of at most m deleted rows, point by point."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from operator import itemgetter

from certify.check.limits.shares import shared
from certify.check.theorems.head.rows.boxes.codes import TABLE
from certify.check.theorems.head.rows.boxes.ends.bent import refused
from certify.check.theorems.head.rows.boxes.fixed_rows import Sums
from certify.check.theorems.head.rows.boxes.leaves import Base, alone, base
from certify.check.theorems.head.rows.boxes.margins import Points
from certify.check.theorems.head.rows.boxes.singles import Singles
from certify.check.theorems.head.rows.boxes.trap import Centre, centre
from certify.check.theorems.head.rows.boxes.tree import Node, Place, Some, places
from certify.check.theorems.head.rows.pair_tree.bound import Bound
from certify.check.theorems.head.rows.pair_tree.drops import Drops
from certify.check.theorems.head.rows.pair_tree.effort import MOST, NOT_MANY, efforts
from certify.check.theorems.head.rows.pair_tree.labels import last_labels, left_of_labels
from certify.check.theorems.head.rows.pair_tree.order import in_order
from certify.check.theorems.head.rows.pair_tree.steps import row_lengths, steps
from certify.check.theorems.head.rows.pair_tree.together import both
from certify.format.refusal import Invalid

Rest = dict[int, dict[int, set[int] | None]]
"""For points what is left to children by their branches: some rows, or all that are free there."""
Looked = tuple[list[int], Rest]
"""Points that a node leaves open, and what it leaves to its children."""

MORE = 4096
"""Pairs of steps that are formed for the points which few pairs leave open."""
REFITTED = 48
"""And how many of these are refitted, those that most points need."""


def proved(s: Sums, e: Points, nodes: Sequence[Node], free: Sequence[int], count: int, where: str) -> list[bool]:
    """Which points keep a positive margin under every deletion of at most `count` of the free rows.

    As in D6, with the bound of D12 in the place of a box at every node after which two and more rows may follow. A node
    is asked what its parent leaves, so that those after equally many deletions are looked at together.

    Raises:
        Invalid: the nodes are no tree, or a row, number, weight or code is out of place.
    """
    stand, some = places(s, nodes, free, count, len(e.rows), where), Some(e)
    for at, node in enumerate(nodes):
        if any(not 0 <= int(x) < len(TABLE) for _, codes, _ in node.boxes for x in codes):
            raise Invalid(f"{where}.nodes[{at}]", "a code is out of range", f"codes are 0 to {len(TABLE) - 1}")
    good, rest = [True] * len(e.rows), dict[int, Rest]()

    def looked_at(at: int) -> Looked:
        node, place, asked = nodes[at], stand[at], rest.get(nodes[at].parent, {})
        live = [j for j in range(len(e.rows)) if good[j] and (
            node.branch in asked[j] if j in asked else node.numbers[j] >= 0)]
        if not live:
            return [], {}
        c, part, own = centre(s, place.out, node.weights), some.of(live), Rest()
        last_one = last_labels if s.relabels else last_deletion
        open_ = last_one(node, place, c, part, live, [asked[j][node.branch] if j in asked else None for j in live]) if (
            place.k == 1) else _inner(node, place, c, part, live, nodes, own)
        return open_, own

    for k in sorted({place.k for place in stand}, reverse=True):  # nodes after equally many deletions
        level = [at for at, place in enumerate(stand) if place.k == k]
        for at, (open_, own) in zip(level, shared(partial(_of, looked_at, level), len(level)), strict=True):
            rest[at] = own
            for j in open_:
                good[j] = False
    return [ok and nodes[0].numbers[j] >= 0 if nodes else False for j, ok in enumerate(good)]


def _of(look: Callable[[int], Looked], level: Sequence[int], number: int) -> Looked:
    return look(level[number])


def _left(node: Node, place: Place, c: Centre, part: Points, numbers: dict[int, int], rest: Rest) -> set[int]:
    """Those of the points, each with how many hot rows are apart for it, that no bound of the node leaves positive."""
    left = set(numbers)
    b = base(c) if node.boxes and place.free and left else None
    if b is None:
        return left
    if c.sums.relabels:
        return left_of_labels(node, place, b, part, numbers)
    size = row_lengths(b.c.sums, (b.X, b.off, b.big))
    order, count = in_order(b, node.hot, place.free, size)
    first, *others = sorted(node.boxes, key=itemgetter(0))
    boxes = [first, *reversed(others)]  # the first one speaks of all points, and few are left that need the sharpest
    st, made = None, None
    for effort in efforts(len(node.hot), count, len(order), not c.out and c.sums.n < NOT_MANY):
        if not left:
            break
        if effort.steps != made:
            st, made = steps(b, order, *effort.steps, size), effort.steps
        if st is None:
            break
        for h, codes, _ in boxes:
            some = [at for at in sorted(left) if numbers[at] >= h]
            found = Bound(st, h, place.k, [TABLE[int(x)] for x in codes], effort.pairs) if some else None
            if found and found.proved:
                left -= settled(found, part, some, numbers, node.hot, h, place.children, rest)
    return left


def settled(found: Bound, part: Points, some: list[int], numbers: dict[int, int], hot: Sequence[int], h: int,
            children: Collection[int], rest: Rest) -> set[int]:
    """The points that a bound for the rows after the first h leaves positive, if children prove the others.

    Pairs of later rows that stay open are refitted, if they are few. Where that leaves any the first of both in the
    order of hot rows has a child, and of this the other one alone is asked, or everything where it stays open with any
    far row or by itself: see `rest`.
    """
    drops, done, later = Drops(found, part.some(some)), set[int](), dict[int, list[tuple[int, int]]]()
    for a, at in enumerate(some):
        if numbers[at] == h and drops.holds(a, 0):
            done.add(at)
        elif (open_ := drops.pairs(a)) is not None:
            later[a] = open_
    drops.form(sorted({pair for open_ in later.values() for pair in open_ if pair[1] >= 0})[:MORE])
    later = {a: open_ for a in later if (open_ := drops.pairs(a)) is not None}
    wanted: dict[tuple[int, int], list[int]] = {}
    for a, open_ in later.items():
        for pair in open_:
            if pair[1] >= 0:
                wanted.setdefault(pair, []).append(some[a])
    firm = {pair: both(found.st, (found.h + pair[0], found.h + pair[1]), part, at) for pair, at in sorted(
        wanted.items(), key=lambda entry: -len(entry[1]))[:REFITTED]}
    for a, at in enumerate(some):
        asked = _asked(found, [x for x in later[a] if at not in firm.get(x, ())], hot, h) if a in later else None
        if asked is not None and all(branch < h or branch in children for branch in asked):
            rest[at] = asked
        elif at in done or not drops.holds(a, numbers[at] - h):
            continue
        done.add(at)
    return done


def _asked(found: Bound, open_: list[tuple[int, int]], hot: Sequence[int], h: int) -> dict[int, set[int] | None]:
    """What is asked of children by their branches: of the first h everything, of others one row of each open pair."""
    first, asked = {i: a for a, i in enumerate(hot)}, dict[int, set[int] | None](dict.fromkeys(range(h)))
    for pair in open_:
        i, j = (found.rows[a] if a >= 0 else -1 for a in pair)
        one, other = (first.get(x, len(hot)) for x in (i, j))
        if j < 0:
            asked[one] = None
        elif (rows := asked.setdefault(min(one, other), set())) is not None:
            rows.add(j if one < other else i)
    return asked


def last_deletion(node: Node, place: Place, c: Centre, part: Points, live: list[int], asked: Sequence[set[int] | None],
          ) -> list[int]:
    """The points that a node with k = 1 leaves open; of some of them some rows are asked alone.

    Rows that Singles of D6 leaves open for a point are looked at by their steps, and what these leave needs a leaf. One
    long step spoils the bound of all the others: rows with a leaf are first left out of it.
    """
    b = base(c)
    everyone = list(range(len(live)))
    open_ = {at for at, ok in zip(everyone, alone(c, part, everyone, b), strict=True) if not ok}
    if b is None:
        return live
    whole = [at for at, rows in enumerate(asked) if rows is None]
    needed = {i: [whole[at] for at in some] for i, some in Singles(b, place.free, part.some(whole)).open().items()
              } if whole else {}
    for at, rows in enumerate(asked):
        for i in rows or ():
            needed.setdefault(i, []).append(at)
    left = _missing(node, c, part, needed, b)
    leaves = {i for i, _ in node.leaves}
    for turns, without in ((MOST, leaves), (1, leaves), (MOST, set[int]())) if node.boxes else ():
        if left:
            needed = _by_steps(b, node, part, needed, turns, without)
            left = _missing(node, c, part, needed, b)
    return [live[at] for at in sorted(open_ | left)]


def _missing(node: Node, c: Centre, part: Points, needed: dict[int, list[int]], b: Base) -> set[int]:
    """The points for which a row that needs a leaf has none that holds."""
    stated = {i: a for a, (i, _) in enumerate(node.leaves)}
    asked = {i: at for i, at in needed.items() if i in stated}
    found = {at for i in set(needed) - set(stated) for at in needed[i]}
    return found | set(refused(node.leaves, c, part, stated, asked, b)) if asked else found


def _by_steps(b: Base, node: Node, part: Points, needed: dict[int, list[int]], turns: int,
              without: set[int]) -> dict[int, list[int]]:
    """For each of some rows the points that its deletion is not proved to leave positive by its own step either."""
    rows = sorted(set(needed) - without)
    if not rows:
        return needed
    st = steps(b, rows, len(rows), turns)
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
           rest: Rest) -> list[int]:
    """The points that a node with k > 1 leaves open."""
    whole = [at for at, j in enumerate(live) if node.numbers[j] == len(place.free)]
    still = {at for at, ok in zip(whole, alone(c, part, whole), strict=True) if ok} if whole else set()
    covered = {at: node.numbers[j] for at, j in enumerate(live) if all(
        a in place.children and nodes[place.children[a]].numbers[j] >= 0 for a in range(node.numbers[j]))}
    some: Rest = {}
    left = _left(node, place, c, part, {at: number for at, number in covered.items() if at not in still}, some)
    rest |= {live[at]: asked for at, asked in some.items()}
    return [j for at, j in enumerate(live) if at not in covered or at in left]
