"""One point's tree: nodes of alternatives that are in, alternatives that may still come, and how many (D7).

A node is closed when no set's score is positive. Alternatives in no set of positive score leave the node, which
sharpens the bounds of the rest; the most harmful ones become children in which they are in, and leave the node.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field

import numpy as np

from certify.rigor.fp import Array
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.energy.duals import Duals, average, duals
from certify.theorems.head.rows.energy.finder import minimise, rays, singles, slopes
from certify.theorems.head.rows.energy.lists import SLACK, distinct, greedy, listing, most_harmful, survivors
from certify.theorems.head.rows.energy.primals import Family, Moves, along, bowl, flat, newton_moves
from certify.theorems.head.rows.energy.record import BOWL, CLOSED, FLAT, FRESH, KEEP, LIST, REST, SPLIT, Record, short
from certify.theorems.head.rows.energy.refits import refits
from certify.theorems.head.rows.energy.rows import Index, Rows
from certify.theorems.head.rows.energy.scores import Scores, halves, scores, side, spread

_CHUNK = 1024
_FRANK_WOLFE = 4

WORTHY, WORTH = 50, 0.05
"""Sets in a list for which dual points of the node's own are solved; what one must gain to be kept by itself."""


class Open(Exception):
    """A set of changes that could not be shown to leave the label."""

    def __init__(self, chosen: Index) -> None:
        super().__init__("a set of changes is left open")
        self.chosen = chosen


@dataclass(frozen=True, eq=False)
class Node:
    """Alternatives that are in, those that may come, how many, their dual points, and the refit without more."""

    chosen: Index
    free: Index
    k: int
    points: Duals
    w: Array
    solved: bool = False

    def keep(self, kept: Index) -> Node:
        """The node with some of the alternatives alone."""
        points = self.points.take(np.append(kept, len(self.free)))
        return Node(self.chosen, self.free[kept], self.k, points, self.w, self.solved)


Found = list[tuple[Family, Scores, Moves | None]]


@dataclass
class Tree:
    """The proof for one point.

    Args:
        head: the head.
        rows: the same, flattened.
        e: `(p,)`; the label stays while e·w > c.
        check: raises when time is up.
    """

    head: Head
    rows: Rows
    e: Array
    check: Callable[[], None] = lambda: None
    record: Record = field(default_factory=Record)
    nodes: int = 0
    solved: int = 0

    def prove(self, start: Array, count: int) -> None:
        """Return if no set of at most `count` alternatives moves the label; raise `Open` or what `check` raises."""
        for _ in self.steps(start, count):
            self.check()

    def steps(self, start: Array, count: int) -> Iterator[float]:
        """The same, step by step: greatest score left in the node at hand, infinite where it is not known yet."""
        rows = self.rows
        free = np.arange(len(rows.lines))
        k = min(count, len(set(rows.owner.tolist())))
        w = minimise(rows, rows.tau[None], start[None], None, 1e-8)[0]
        v = minimise(rows, rows.tau[None], w[None], self.e, 1e-8)[0]
        W = short(
            np.concatenate(
                [singles(rows, rows.tau, float(k), v, free, self.e, 0.01 if rows.decayed.all() else 1e-5), v[None]]
            )
        )
        self.record.vector(W)
        tau = self.targets(np.zeros(0, np.int64), free, k)
        points = duals(rows, slopes(rows, W @ rows.A.T), tau, self.e)
        yield from self.close(Node(np.zeros(0, np.int64), free, k, points, w, True))

    def targets(self, chosen: Index, free: Index, k: int) -> Array:
        """`(L + 1, N)` targets with the chosen alternatives and one more counted k times; the last without one more."""
        rows = self.rows
        tau = np.broadcast_to(rows.target(chosen), (len(free) + 1, len(rows.tau))).copy()
        for column in range(2):
            tau[np.arange(len(free)), rows.lines[free, column]] += k * rows.deltas[free, column]
        return tau

    def close(self, node: Node) -> Iterator[float]:
        """Close a node."""
        self.nodes += 1
        while node.k and len(node.free):
            yield np.inf
            found = self.families(node)
            every = [s for _, s, _ in found]
            kept = survivors(every, len(node.free), self.rows.check)
            if not len(kept) and min(s.base + s.k * s.single[-1] for s in every) < -SLACK:
                self.record.step(CLOSED)
                return
            if len(kept) <= 0.8 * len(node.free):
                self.record.step(KEEP, len(kept), *kept)
                node = node.keep(kept)
                continue
            sets = listing(every, len(node.free), node.k)
            if sets is not None:  # without bounds, and of many items, all combinations come
                sets = distinct(sets, self.rows.owner[node.free])
            if node.k > 1 and not node.solved and (sets is None or len(sets) > WORTHY):
                node = self.fresh(node)
                continue
            yield min((s.worst() for s in every), default=np.inf)
            if sets is not None:
                yield from self.sets(node, sets, found)
                return
            node = yield from self.split(node, found)
        yield from self.sets(node, np.full((1, node.k), len(node.free)), [])

    def split(self, node: Node, found: Found) -> Generator[float, None, Node]:
        """Children for the most harmful alternatives; what is left of the node."""
        rows, k, free = self.rows, node.k, node.free
        harm = np.min([s.each() for _, s, _ in found], 0) if found else np.zeros(len(free))
        left = np.ones(len(free), dtype=bool)
        for x in most_harmful([s for _, s, _ in found], harm):
            left[x] = False
            beside = left & (rows.owner[free] != rows.owner[free[x]])
            for _, s, _ in found:
                beside &= ~(s.beside(int(x)) < -SLACK)
            kept = np.flatnonzero(beside)
            rows.check()
            self.record.step(SPLIT, x, len(kept), *kept)
            chosen = np.append(node.chosen, free[x])
            points = self.below(node, chosen, int(x), kept)
            w = minimise(rows, rows.target(chosen)[None], node.w[None], None, 1e-8)[0]
            yield from self.close(Node(chosen, free[kept], k - 1, points, w))
        self.record.step(REST)
        return node.keep(np.flatnonzero(left))

    def below(self, node: Node, chosen: Index, x: int, kept: Index) -> Duals:
        """Dual points of the child with alternative x in, averages of the node's."""
        k, free = node.k, node.free
        members = np.stack([np.full(len(kept) + 1, x), np.append(kept, len(free))], 1)
        tau = self.targets(chosen, free[kept], k - 1)
        return average(self.rows, node.points, np.array([1.0 / k, (k - 1.0) / k]), members, tau, self.e)

    def fresh(self, node: Node) -> Node:
        """The node with dual points solved for it: near rays from one weight, those far from them by themselves."""
        rows, k, free = self.rows, node.k, node.free
        tau = self.targets(node.chosen, free, k)
        v = short(minimise(rows, tau[-1:], node.w[None], self.e, 1e-6)[0])
        P, lengths = (short(x) for x in rays(rows, tau[-1], float(k), v, free, self.e))
        W = np.concatenate([v - lengths[:, None] * (rows.steps[free] @ P), v[None]])
        best = short(singles(rows, tau[-1], float(k), v, free, self.e, 0.01))
        points = duals(rows, slopes(rows, W @ rows.A.T), tau, self.e)
        better = duals(rows, slopes(rows, best @ rows.A.T), tau[:-1], self.e).value > points.value[:-1] + WORTH
        own = np.flatnonzero(better)
        W[own] = best[own]
        self.record.step(FRESH, len(own), *own)
        self.record.vector(np.concatenate([v[None], P, best[own]]))
        self.record.numbers += lengths.tolist()
        return Node(node.chosen, free, k, duals(rows, slopes(rows, W @ rows.A.T), tau, self.e), node.w, True)

    def families(self, node: Node) -> Found:
        """Families of weights on the right side with their scores; one alone where it closes the node."""
        rows, e, k, free = self.rows, self.e, node.k, node.free
        pair = halves(rows, spread(rows, node.points, free), free, k)
        tau = rows.target(node.chosen)
        share, at, best = np.zeros(len(free)), node.w, None
        for step in range(_FRANK_WOLFE + 1):
            if step:
                mixed = tau.copy()
                for column in range(2):
                    np.add.at(mixed, rows.lines[free, column], share * rows.deltas[free, column])
                at = minimise(rows, mixed[None], at[None], None, 1e-3)[0]
            family = flat(rows, tau, free, short(at))
            if not side(family, e, k) > rows.level:
                break
            rows.check()
            s = scores(node.points, family, pair, k)
            worst = s.worst()
            if best is None or worst < best[0]:
                best = (worst, family, s)
            if worst < -SLACK:
                break
            share += (greedy(s) - share) * 2.0 / (step + 2.0)
        if best is None:
            return []
        found: Found = [(best[1], best[2], None)]
        self.record.step(FLAT)
        self.record.vector(best[1].centre[None])
        if best[0] < -SLACK or rows.width > 1:
            return found
        return found + self.moving(node, pair, best[1].centre)

    def moving(self, node: Node, pair: Array, centre: Array) -> Found:
        """A family that follows the set, where it stays on the right side."""
        rows, tau, k = self.rows, self.rows.target(node.chosen), node.k
        how = newton_moves(rows, tau, node.free, k, centre)
        family = bowl(rows, tau, node.free, k, centre, how)
        if not side(family, self.e, k) > rows.level:
            return []
        self.record.step(BOWL)
        self.record.vector(np.concatenate([centre[None], how.shift[None], how.P]))
        self.record.numbers += how.damp.tolist()
        return [(family, scores(node.points, family, pair, k), how)]

    def sets(self, node: Node, members: Index, found: Found) -> Iterator[float]:
        """Close listed sets of a node one by one; `len(free)` is the empty item."""
        rows, free = self.rows, node.free
        steps = np.concatenate([rows.steps[free], np.zeros((1, len(self.e)))])
        self.record.step(LIST, len(members), *members.ravel())
        how = next((how for _, _, how in reversed(found) if how), None)
        moves = np.concatenate([along(how, rows.steps[free]), np.zeros_like(steps[:1])]) if how else 0.0 * steps
        centre = found[-1][0].centre if how else node.w
        for start in range(0, len(members), _CHUNK):
            yield np.inf
            part = members[start : start + _CHUNK]
            self.solved += len(part)
            inside = np.where(part < len(free), np.append(free, -1)[part], -1)
            inside = np.concatenate([np.broadcast_to(node.chosen, (len(part), len(node.chosen))), inside], 1)
            weights, bad = refits(self.head, rows, inside, centre + moves[part].sum(1), self.e)
            if len(bad):
                raise Open(inside[bad[0]][inside[bad[0]] >= 0])
            self.record.vector(weights)
