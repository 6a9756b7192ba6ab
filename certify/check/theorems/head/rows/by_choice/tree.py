"""D17: a tree of hot rows that covers every choice of two or three deleted rows, point by point."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from certify.check.limits.shares import shared
from certify.check.theorems.head.rows.boxes.codes import TABLE
from certify.check.theorems.head.rows.boxes.fixed_rows import Sums
from certify.check.theorems.head.rows.boxes.leaves import base
from certify.check.theorems.head.rows.boxes.margins import Points
from certify.check.theorems.head.rows.boxes.trap import Centre, centre
from certify.check.theorems.head.rows.boxes.tree import Node, Place, Some, places
from certify.check.theorems.head.rows.by_choice.judge import opened
from certify.check.theorems.head.rows.by_choice.lowered import Metric
from certify.check.theorems.head.rows.by_choice.pieces import Pieces
from certify.check.theorems.head.rows.pair_tree.drops import Drops
from certify.check.theorems.head.rows.pair_tree.moved import NEAR, Step
from certify.check.theorems.head.rows.pair_tree.order import in_order
from certify.check.theorems.head.rows.pair_tree.steps import TURNS, Steps, row_lengths, steps
from certify.check.theorems.head.rows.pair_tree.tree import last_deletion
from certify.format.refusal import Invalid

OWN = {2: 384, 3: 512}
"""Rows with a step of their own, by how many rows may follow."""

MANY, COARSE = 1 << 21, {2: 2.0**-7, 3: 2.0**-12}
"""Entries of the rows from which on steps may leave so much of the gradient, by how many rows may follow: bounds of
pairs are far above it."""

AROUND = 1.0
"""How far around a sum of steps a child looks in the norm of the root's matrix, where it takes that."""


@dataclass(frozen=True)
class Above:
    """What a child takes of the root: its matrix, and its steps as where to begin."""

    metric: Metric
    steps: Mapping[int, Step]


def proved(s: Sums, e: Points, nodes: Sequence[Node], free: Sequence[int], count: int, where: str) -> list[bool]:
    """Which points keep a positive margin under every deletion of at most `count` of the free rows.

    As in D6: a point is proved at a node if every choice without its first h hot rows leaves it positive, h its number
    there, and each of the first h children proves it. At the last level every row is looked at as in D12. Nodes after
    equally many deletions need nothing of each other.

    Raises:
        Invalid: the nodes are no tree, or a row, number, weight or code is out of place.
    """
    stand, some, good = places(s, nodes, free, count, len(e.rows), where), Some(e), [True] * len(e.rows)
    for at, node in enumerate(nodes):
        if any(not 0 <= int(x) < len(TABLE) for _, codes, _ in node.boxes for x in codes):
            raise Invalid(f"{where}.nodes[{at}]", "a code is out of range", f"codes are 0 to {len(TABLE) - 1}")

    def looked_at(at: int, above: Above | None) -> tuple[list[int], Above | None]:
        node, place = nodes[at], stand[at]
        live = [j for j in range(len(e.rows)) if good[j] and node.numbers[j] >= 0]
        if not live:
            return [], None
        c, part = centre(s, place.out, node.weights), some.of(live)
        if place.k == 1:
            return last_deletion(node, place, c, part, live, [None] * len(live)), None
        return _inner(node, place, c, part, live, nodes, above)

    above = None
    for k in sorted({place.k for place in stand}, reverse=True):
        level = [at for at, place in enumerate(stand) if place.k == k]
        if level == [0]:
            open_, above = looked_at(0, None)
            found = [open_]
        else:
            found = shared(partial(_open, looked_at, level, above), len(level))
        for j in {j for open_ in found for j in open_}:
            good[j] = False
    return [ok and nodes[0].numbers[j] >= 0 if nodes else False for j, ok in enumerate(good)]


def _open(look: Callable[[int, Above | None], tuple[list[int], Above | None]], level: Sequence[int],
          above: Above | None, number: int) -> list[int]:
    return look(level[number], above)[0]


def _inner(node: Node, place: Place, c: Centre, part: Points, live: list[int], nodes: Sequence[Node],
           above: Above | None) -> tuple[list[int], Above | None]:
    """The points that a node with k > 1 leaves open, children counted as far as they say something of a point.

    A matrix below that of the root is looked at first where there is one, and the node's own for what it leaves open.
    """
    covered = {at: node.numbers[j] for at, j in enumerate(live) if all(
        a in place.children and nodes[place.children[a]].numbers[j] >= 0 for a in range(node.numbers[j]))}
    left, own = set(covered), None
    st = _steps(node, place, c, above) if node.boxes and place.free and left else None
    for known in (above.metric, None) if above else (None,):
        for h, codes, _ in node.boxes if st is not None else ():
            some = [at for at in sorted(left) if covered[at] >= h]
            reach = [AROUND * x for x in known.long] if known else [TABLE[int(x)] for x in codes]
            found = Pieces(st, h, place.k, reach, known) if some and st else None
            if found is not None and found.proved:
                open_ = opened(found, Drops(found, part.some(some)), [covered[at] - h for at in some])
                left -= {at for a, at in enumerate(some) if a not in open_}
                own = found.metric
    found_open = [j for at, j in enumerate(live) if at not in covered or at in left]
    if st is None or own is None:
        return found_open, None
    return found_open, Above(own, dict(zip(st.rows, st.own, strict=True)))


def _steps(node: Node, place: Place, c: Centre, above: Above | None) -> Steps | None:
    """The steps at a node."""
    b = base(c)
    if b is None:
        return None
    size = row_lengths(c.sums, (b.X, b.off, b.big))
    order, _ = in_order(b, node.hot, place.free, size)
    own, many = max(OWN[place.k], len(node.hot) + place.k), c.sums.n * c.sums.p >= MANY
    turns, near = (TURNS - 1, COARSE[place.k]) if many else (TURNS, NEAR)
    return steps(b, order, own, turns, None, size, above.steps if above else {}, near)
