"""D34: a tree of boxes of several outputs covers every choice of changed rows, point by point."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import nlargest
from math import isfinite

from flint import arb

from certify.check.limits.shares import shared
from certify.check.theorems.head.rows.boxes.codes import slabs
from certify.check.theorems.head.rows.boxes.fixed_rows import UP
from certify.check.theorems.head.rows.boxes.trap import box, centre
from certify.check.theorems.head.rows.refitted.refit import labels_after
from certify.check.theorems.head.rows.separate_boxes.lost import Held, Lost, down
from certify.check.theorems.head.rows.separate_boxes.outputs import Outputs
from certify.check.theorems.head.rows.separate_boxes.stated import Node, Tree

Pieces = list[list[tuple[arb, dict[int, float]]]]
"""For each other output, in ways of which one is enough: what changes may take, and what each row takes."""
BATCH, SEEN = 64, 32
"""Refits, and points at a node, that are looked at together."""


class Follow:
    """The tree of a head, derived again.

    Args:
        o: the outputs.
        tree: what is stated.
    """

    def __init__(self, o: Outputs, tree: Tree) -> None:
        self.o, self.tree, self.made = o, tree, dict[int, Held | None]()
        self.labels = list[list[int]]()

    def open(self) -> set[int]:
        """The points that some node leaves open of which it says something."""
        refits = self.tree.refits
        parts = [refits[at : at + BATCH] for at in range(0, len(refits), BATCH)]
        self.labels = [one for some in shared(lambda b: labels_after(
            self.o.head, [made for made, _ in parts[b]], [list(w) for _, w in parts[b]]), len(parts)) for one in some]
        nodes = self.tree.nodes
        return {j for some in shared(lambda at: self._left(nodes[at]), len(nodes)) for j in some}

    def _left(self, node: Node) -> list[int]:
        """The points that a node leaves open; a few at a time, as of each other output every row has two numbers."""
        live = [j for j, number in enumerate(node.numbers) if number >= 0 and self.o.head.today[j] >= 0]
        decide = self._last if node.k == 1 else self._inner
        return [j for at in range(0, len(live), SEEN) for j in decide(node, live[at : at + SEEN])]

    def _inner(self, node: Node, live: list[int]) -> list[int]:
        """Where two and more rows may change: boxes for those after the first hot ones, and a child for each of these.

        `x·(w_y − w_c)` falls by at most the k largest of what single rows take, each at least 0, and what is fixed.
        """
        left = [j for j in live if self._followed(node, j)]
        closed = set[int]()
        for start, some in node.uses:
            asked = [j for j in left if j not in closed and start <= node.numbers[j]]
            if asked and (held := self._held(node, start, some)) is not None:
                closed |= {j for j, pieces in zip(asked, self._pieces(node, start, held, asked), strict=True)
                           if self._holds(pieces, set(node.hot[: node.numbers[j]]), node.k)}
        return [j for j in live if j not in closed]

    def _followed(self, node: Node, j: int) -> bool:
        """Whether every hot row that a point counts on has a child for all that it may become."""
        return all(any(self.tree.nodes[child].numbers[j] >= 0 for child in node.children.get((a, code), ()))
                   for a in range(node.numbers[j]) for code in self.o.may(node.hot[a]))

    def _holds(self, pieces: Pieces, out: set[int], k: int) -> bool:
        """Whether no other output catches up while any k rows change, none of some."""
        return all(any(room > largest_sum([x for i, x in takes.items() if i not in out], k) for room, takes in ways)
                   for ways in pieces)

    def _last(self, node: Node, live: list[int]) -> list[int]:
        """Where one row may change: by itself it is covered by boxes, or refitted in each of its ways."""
        still, covered = dict.fromkeys(live, False), {j: set[int]() for j in live}
        for start, some in node.uses:
            asked = [j for j in live if not still[j] or len(covered[j]) < len(node.free)]
            if asked and (held := self._held(node, start, some)) is not None:
                for j, pieces in zip(asked, self._pieces(node, start, held, asked), strict=True):
                    still[j] = still[j] or all(any(room > 0 for room, _ in ways) for ways in pieces)
                    covered[j] |= self._covered(pieces)
        return [j for j in live if not self._refitted(node, j, still[j], covered[j])]

    def _covered(self, pieces: Pieces) -> set[int]:
        """The rows each of which may change by itself."""
        rooms = [[(down(room), takes) for room, takes in ways] for ways in pieces]
        return {i for i in (rooms[0][0][1] if rooms[0] else ())
                if all(any(takes[i] < room for room, takes in ways) for ways in rooms)}

    def _refitted(self, node: Node, j: int, still: bool, covered: set[int]) -> bool:
        """Whether refits show of a point all that boxes leave."""
        rest = [(i, code) for i in node.free if i not in covered for code in self.o.may(i)]
        return all((leaf := node.leaves.get(change)) is not None and self.labels[leaf][j] == self.o.head.today[j]
                   for change in (rest if still else [(-1, -1), *rest]))

    def _held(self, node: Node, start: int, some: list[int]) -> list[Held] | None:
        """The boxes of all outputs for the rows of a node but its first hot ones; None where one is not proved for it.

        A box for more rows, and as many of them, holds for fewer; an output that changes do not reach is as it was.
        """
        light, found = set(node.free) - set(node.hot[:start]), list[Held]()
        for a, b in enumerate(some):
            stated = self.tree.boxes[b]
            its = self.tree.nodes[stated.node]
            if its.k != node.k or self._reached(its, a) != self._reached(node, a):
                return None
            if (one := self._box(b)) is None or not light <= set(one.place):
                return None
            found.append(one)
        return found

    def _reached(self, node: Node, a: int) -> list[int]:
        """The rows whose changes reach an output."""
        return sorted(row for row, code in node.made if self.o.reaches(row, code, a))

    def _box(self, b: int) -> Held | None:
        """A box, if it is proved."""
        if b not in self.made:
            stated = self.tree.boxes[b]
            node, a = self.tree.nodes[stated.node], stated.output
            gone = set(node.hot[: stated.start])
            free = [i for i in node.free if i not in gone]
            c = centre(self.o.sums[a], self._reached(node, a), stated.weights, self.o.loss)
            found = box(c, free, node.k, slabs(stated.slabs), stated.wide) if free else None
            self.made[b] = None if found is None else Held(found)
        return self.made[b]

    def _pieces(self, node: Node, start: int, held: list[Held], live: list[int]) -> Iterator[Pieces]:
        """What boxes say of points: for every other output in both ways what is left, and what each row takes."""
        light = [i for i in node.free if i not in set(node.hot[:start])]
        said = [one.lost(self.o.points.some(live)) for one in held]
        for at, j in enumerate(live):
            y = self.o.head.today[j]
            yield [self._ways(said[y][at], said[c][at], (held[y], held[c]), light, (y, c, node.k))
                   for c in range(self.o.head.k) if c != y]

    def _ways(self, up: Lost | None, against: Lost | None, held: tuple[Held, Held], light: list[int],
              asked: tuple[int, int, int]) -> list[tuple[arb, dict[int, float]]]:
        """Theorem D34: what rows take of `x·w_y` and of `−x·w_c` together, with one sum over the rows that change."""
        if up is None or against is None:
            return []
        y, c, k = asked
        found = []
        for alone in (False, True)[: 1 + (k > 1)]:
            first, second = up.takes(1, alone), against.takes(-1, alone)
            takes = {i: self._takes(i, first[held[0].place[i]], second[held[1].place[i]], y, c) for i in light}
            found.append((up.margin - against.margin - up.fixed[alone] - against.fixed[alone], takes))
        return found

    def _takes(self, i: int, first: float, second: float, y: int, c: int) -> float:
        """What a row takes at most in one of its ways, at least 0."""
        if not self.o.head.relabels:
            return max(first + second, 0.0)
        reaches = [(self.o.reaches(i, code, y), self.o.reaches(i, code, c)) for code in self.o.may(i)]
        return max(0.0, *(first * a + second * b for a, b in reaches))


def largest_sum(values: list[float], k: int) -> arb:
    """Above the sum of the k largest of nonnegative doubles; no number where one of them is none."""
    return arb(sum(nlargest(k, values)) * UP) if isfinite(sum(values)) else arb("nan")
