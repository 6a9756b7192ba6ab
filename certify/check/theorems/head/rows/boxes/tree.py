"""D6 in balls: a tree of boxes that covers every choice of at most m changed rows, point by point."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from certify.check.limits.shares import shared
from certify.check.theorems.head.rows.boxes.codes import slabs
from certify.check.theorems.head.rows.boxes.ends.base import End
from certify.check.theorems.head.rows.boxes.ends.bent import BentEnd
from certify.check.theorems.head.rows.boxes.ends.flat import FlatEnd
from certify.check.theorems.head.rows.boxes.fixed_rows import Sums
from certify.check.theorems.head.rows.boxes.margins import Margins, Points
from certify.check.theorems.head.rows.boxes.second import Second
from certify.check.theorems.head.rows.boxes.trap import Box, Centre, box, centre
from certify.check.theorems.head.rows.losses.on_slabs import LOGISTIC, Logistic, OnSlabs, SquaredHinge
from certify.format.refusal import Invalid

Follow = Callable[[list[int], list[int]], list[int]]
"""Rows that are changed, and free ones: which of these may follow, where exactly so many rows of each kind change."""


@dataclass(frozen=True)
class Node:
    """One node as the certificate states it.

    Attributes:
        parent, branch: the parent's number (−1: none), and which of its hot rows is changed.
        weights: p numbers.
        hot: the sequence of hot rows.
        numbers: for each point how many hot rows its children take; −1: nothing is said of it.
        boxes: a number of hot rows, slabs, one number a row, and of how many rows products are formed.
        leaves: pairs of a row and weights.
        second: for each box a λ for every point; negative, or no box's: the first order.
    """

    parent: int
    branch: int
    weights: Sequence[float]
    hot: Sequence[int]
    numbers: Sequence[int]
    boxes: Sequence[tuple[int, Sequence[float], int]]
    leaves: Sequence[tuple[int, Sequence[float]]]
    second: Sequence[Sequence[float]] = ()


@dataclass
class Place:
    """Where a node stands: rows that are changed, free rows, how many may follow, and its children by branch."""

    out: list[int]
    free: list[int]
    k: int
    children: dict[int, int] = field(default_factory=dict)


def proved(s: Sums, e: Points, nodes: Sequence[Node], free: Sequence[int], count: int, where: str,
           follow: Follow | None = None, loss: OnSlabs = LOGISTIC) -> list[bool]:
    """Which points keep a positive margin under every change of at most `count` free rows, or of exactly `count`.

    A point is proved at a node if one of its boxes proves it for sets that avoid the first h hot rows, h its number
    there, and each of the first h children proves it: a set that does not avoid them has a first one among them. At
    k = 1 rows that no box proves need a leaf. A node says something of a point only if all its claims are proved.

    Raises:
        Invalid: the nodes are no tree, or a row, number or weight is out of place.
    """
    stand, some, exact = places(s, nodes, free, count, len(e.rows), where, follow), Some(e), follow is not None

    def left_open(at: int) -> list[int]:
        node, place = nodes[at], stand[at]
        live = [j for j, number in enumerate(node.numbers) if number >= 0]
        if not live:
            return []
        c, part = centre(s, place.out, node.weights, loss), some.of(live)
        return (last_level(node, place, c, part, live, exact) if place.k == 1 else
                _inner(node, place, c, part, live, nodes, exact))

    open_ = {j for found in shared(left_open, len(nodes)) for j in found}
    return [j not in open_ and nodes[0].numbers[j] >= 0 if nodes else False for j in range(len(e.rows))]


class Some:
    """Some of the points, which brothers often speak of one after another."""

    def __init__(self, e: Points) -> None:
        self.e, self._last, self._part = e, list[int](), e

    def of(self, live: list[int]) -> Points:
        """Those."""
        if live != self._last:
            self._last, self._part = live, self.e.some(live)
        return self._part


def places(s: Sums, nodes: Sequence[Node], free: Sequence[int], count: int, N: int, where: str,
           follow: Follow | None = None) -> list[Place]:
    """The form of the tree; `follow` says of rows which may follow others, None: all.

    Raises:
        Invalid: see above.
    """
    found: list[Place] = []
    for at, node in enumerate(nodes):
        here = f"{where}.nodes[{at}]"
        if at == 0:
            if node.parent != -1:
                raise Invalid(here, f"its parent is {node.parent}", "the first node has none, -1")
            place = Place([], sorted(free), count)
        else:
            if not 0 <= node.parent < at:
                raise Invalid(here, f"its parent is {node.parent}", "an earlier node is needed")
            up, above = found[node.parent], nodes[node.parent]
            if not 0 <= node.branch < len(above.hot) or node.branch in up.children or up.k < 2:
                raise Invalid(here, f"it is branch {node.branch}", "a branch of its parent that no other node is")
            up.children[node.branch] = at
            gone = set(above.hot[: node.branch + 1])
            out, rest = [*up.out, above.hot[node.branch]], [i for i in up.free if i not in gone]
            place = Place(out, rest if follow is None else follow(out, rest), up.k - 1)
        if len(node.weights) != s.p or len(node.numbers) != N or not all(x - x == 0 for x in node.weights):
            raise Invalid(here, f"{len(node.weights)} weights, {len(node.numbers)} numbers",
                          f"{s.p} finite weights and {N} numbers are needed")
        inside = set(place.free)
        if len(set(node.hot)) != len(node.hot) or not set(node.hot) <= inside:
            raise Invalid(here, "a hot row is twice there or not free", "each is one of the free rows")
        if any(h > len(node.hot) for h in node.numbers) or any(not 0 <= h <= len(node.hot) for h, _, _ in node.boxes):
            raise Invalid(here, "a number of hot rows", f"there are {len(node.hot)}")
        if any(len(packed) != s.n for _, packed, _ in node.boxes):
            raise Invalid(here, "slabs of another shape", f"{s.n} numbers are needed")
        if any(i not in inside or len(w) != s.p or not all(x - x == 0 for x in w) for i, w in node.leaves):
            raise Invalid(here, "a leaf", f"a free row and {s.p} finite weights are needed")
        found.append(place)
    return found


def _boxes(node: Node, place: Place, c: Centre) -> list[tuple[int, Box, Sequence[float]]]:
    """The boxes that are proved, each with its λ for every point."""
    found = []
    none: list[Sequence[float]] = [()] * len(node.boxes)
    for (h, packed, wide), shares in zip(node.boxes, node.second or none, strict=True):
        out = set(node.hot[:h])
        free = [i for i in place.free if i not in out]
        proof = box(c, free, place.k, slabs(packed), wide) if free else None
        if proof is not None:
            found.append((h, proof, shares or [-1.0] * len(node.numbers)))
    return found


def _inner(node: Node, place: Place, c: Centre, part: Points, live: list[int], nodes: Sequence[Node],
           exact: bool = False) -> list[int]:
    """The points that a node with k > 1 leaves open, children counted as far as they say something of a point.

    Where all free rows are hot that move the minimiser no further row changes or does so alone, and the centre itself
    is judged, or no choice is left if exact.
    """
    margins = []
    for h, proof, shares in _boxes(node, place, c):
        shares = [shares[j] for j in live]
        second = Second(proof, part) if any(x >= 0 for x in shares) else None
        margins.append((h, Margins(proof, part), second, shares))
    end = ENDS[type(c.loss)](c)
    hot = set(end.pulling(place.free))
    whole = [at for at, j in enumerate(live) if hot <= set(node.hot[: node.numbers[j]])]
    still = dict(zip(whole, [True] * len(whole) if exact else end.alone(part, whole), strict=True)) if whole else {}
    open_ = []
    for at, j in enumerate(live):
        number = node.numbers[j]
        covered = all(a in place.children and nodes[place.children[a]].numbers[j] >= 0 for a in range(number))
        rest = still.get(at, False) or any(
            h <= number and (m.holds(at, out := set(node.hot[h:number])) or (
                second is not None and second.holds(at, shares[at], out))) for h, m, second, shares in margins)
        if not (covered and rest):
            open_.append(j)
    return open_


def last_level(node: Node, place: Place, c: Centre, part: Points, live: list[int], exact: bool = False) -> list[int]:
    """The points that a node with k = 1 leaves open; if exact one more row changes, and else at most one."""
    boxes = _boxes(node, place, c)
    everyone = list(range(len(live)))
    bare, needed, end = everyone, dict[int, list[int]](), ENDS[type(c.loss)](c)
    if boxes:
        h, proof, _ = boxes[0]
        m = Margins(proof, part)
        for at in everyone:
            for i in [*node.hot[:h], *m.blocking(at)]:
                needed.setdefault(i, []).append(at)
        bare = [at for at in everyone if not m.still(at)]
    else:
        needed = end.open(place.free, part)
    open_: set[int] = set()
    if bare and not exact:  # leaves say nothing of the case that no further row changes
        open_ |= {at for at, ok in zip(bare, end.alone(part, bare), strict=True) if not ok}
    rows = {i: a for a, (i, _) in enumerate(node.leaves)}
    for i in set(needed) - set(rows):
        open_ |= set(needed[i])
    needed = {i: at for i, at in needed.items() if i in rows}
    if needed:
        open_ |= end.refused(node.leaves, part, rows, needed)
    return [live[at] for at in sorted(open_)]


ENDS: Mapping[type[OnSlabs], type[End]] = {Logistic: BentEnd, SquaredHinge: FlatEnd}
"""What is proved at minimisers, for each loss."""
