"""One point's tree: nodes of alternatives that are in, alternatives that may still come, and how many (H7).

A node is closed when no set's score is positive. Alternatives in no set of positive score leave the node, which
sharpens the bounds of the rest; the most harmful one becomes a child in which it is in, and leaves the node itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from certify.rigor.fp import Array, dot_unit, row_norms
from certify.theorems.head.rows.energy.duals import Duals, average, duals
from certify.theorems.head.rows.energy.finder import minimise, singles, slopes
from certify.theorems.head.rows.energy.primals import Family, bowl, energy_up, flat
from certify.theorems.head.rows.energy.rows import Index, Rows
from certify.theorems.head.rows.energy.scores import Scores, scores, side, spread

LISTED = 30000
"""Sets that a node lists rather than splits."""

_CHUNK = 1024
_FRANK_WOLFE = 6


class Open(Exception):
    """A set of changes that could not be shown to leave the label."""

    def __init__(self, chosen: Index) -> None:
        super().__init__("a set of changes is left open")
        self.chosen = chosen


@dataclass
class Tree:
    """The proof for one point.

    Args:
        rows: the head.
        e: `(p,)`; the label stays while e·w > 0.
        check: raises when time is up.
    """

    rows: Rows
    e: Array
    check: Callable[[], None]
    nodes: int = 0
    listed: int = 0
    solved: int = 0
    log: list[tuple[Index, Index, int]] = field(default_factory=list)

    def prove(self, start: Array, count: int) -> None:
        """Return if no set of at most `count` alternatives moves the label; raise `Open` or what `check` raises."""
        chosen = np.zeros(0, np.int64)
        free = np.arange(len(self.rows.lines))
        self.node(chosen, free, count, None, start)

    def solve(self, chosen: Index, free: Index, k: int, w: Array) -> Duals:
        """Dual points of the node's alternatives counted k times, and of the empty one."""
        rows, e = self.rows, self.e
        tau = rows.target(chosen)
        v = minimise(rows, tau[None], w[None], e, 1e-8)[0]
        W = singles(rows, tau, float(k), v, free, e, 0.01)
        targets = np.broadcast_to(tau, (len(free) + 1, len(tau))).copy()
        for column in range(2):
            targets[np.arange(len(free)), rows.lines[free, column]] += k * rows.deltas[free, column]
        W = np.concatenate([W, v[None]])
        return duals(rows, slopes(rows, W @ rows.A.T), targets, e)

    def node(self, chosen: Index, free: Index, k: int, points: Duals | None, w: Array) -> None:
        """Close a node."""
        self.check()
        self.nodes += 1
        rows = self.rows
        tau = rows.target(chosen)
        w = minimise(rows, tau[None], w[None], None, 1e-8)[0]
        k = min(k, len(set(rows.owner[free].tolist())))
        if k == 0:
            self.sets(chosen, free, np.zeros((1, 0), np.int64), None, None)
            return
        fresh = points is None
        if points is None:
            points = self.solve(chosen, free, k, w)
        while len(free):
            self.check()
            Q = spread(rows, points, free)
            found = self.families(chosen, free, k, points, Q, w)
            alive = np.ones(len(free), dtype=bool)
            for _, s in found:
                alive &= ~(s.each() < 0)
            none = min((s.base + k * s.single[-1] for _, s in found), default=1.0)
            if not alive.any() and none < 0:
                return
            if alive.sum() <= 0.8 * len(free) or not alive.any():
                kept = np.flatnonzero(alive)
                free, points = free[kept], points.take(np.append(kept, len(alive)))
                if not len(free):
                    self.node_empty(chosen, points)
                    return
                continue
            if not fresh and k > 1:
                points, fresh = self.solve(chosen, free, k, w), True
                continue
            lists = listing([s for _, s in found], len(free), k)
            if lists is not None:
                self.sets(chosen, free, lists, points, found[-1][0] if found else None)
                return
            free, points = self.split(chosen, free, k, points, found, w)
        return

    def node_empty(self, chosen: Index, points: Duals) -> None:
        """The set without further alternatives."""
        self.sets(chosen, np.zeros(0, np.int64), np.zeros((1, 0), np.int64), None, None)

    def split(
        self, chosen: Index, free: Index, k: int, points: Duals, found: list[tuple[Family, Scores]], w: Array
    ) -> tuple[Index, Duals]:
        """Children for the most harmful alternatives; what is left of the node."""
        harm = np.min([s.each() for _, s in found], 0) if found else np.zeros(len(free))
        order = np.argsort(-harm)
        some = max(1, len(free) // 12)
        left = np.ones(len(free), dtype=bool)
        for x in order[:some]:
            left[x] = False
            beside = left.copy()
            for _, s in found:
                beside &= ~(s.beside(int(x)) < 0)
            kept = np.flatnonzero(beside)
            members = np.stack([np.full(len(kept) + 1, x), np.append(kept, len(free))], 1)
            child = average(self.rows, points, np.array([1.0 / k, (k - 1.0) / k]), members)
            self.node(np.append(chosen, free[x]), free[kept], k - 1, child, w)
        kept = np.flatnonzero(left)
        return free[kept], points.take(np.append(kept, len(left)))

    def families(
        self, chosen: Index, free: Index, k: int, points: Duals, Q: Array, w: Array
    ) -> list[tuple[Family, Scores]]:
        """Families of weights on the right side with their scores, good ones last; one with none positive ends it."""
        rows, e = self.rows, self.e
        tau = rows.target(chosen)
        share, at, found, best = np.zeros(len(free)), w, [], None
        for step in range(_FRANK_WOLFE + 1):
            if step:
                mixed = tau.copy()
                for column in range(2):
                    np.add.at(mixed, rows.lines[free, column], share * rows.deltas[free, column])
                at = minimise(rows, mixed[None], at[None], None, 1e-3)[0]
            family = flat(rows, tau, free, at)
            if not side(family, e, k) > 0:
                break
            s = scores(rows, points, family, Q, free, k)
            worst = s.worst()
            if worst < 0:
                return [(family, s)]
            if best is None or worst < best[0]:
                best = (worst, family, s)
            share += (greedy(s) - share) * 2.0 / (step + 2.0)
        if best is None:
            return []
        found.append(best[1:])
        if rows.width == 1:
            for centre in (w, best[1].centre):
                family = bowl(rows, tau, free, k, centre)
                if side(family, e, k) > 0:
                    found.append((family, scores(rows, points, family, Q, free, k)))
        return found

    def sets(self, chosen: Index, free: Index, members: Index, points: Duals | None, family: Family | None) -> None:
        """Close listed sets of a node one by one; `len(free)` is the empty item."""
        for start in range(0, len(members), _CHUNK):
            self.check()
            part = members[start : start + _CHUNK]
            self.listed += len(part)
            if points is not None and family is not None:
                part = part[~self.averaged(chosen, free, part, points, family)]
            if len(part):
                self.refitted(chosen, free, part)

    def targets(self, chosen: Index, free: Index, members: Index) -> Array:
        """`(B, N)` targets of sets."""
        rows = self.rows
        tau = np.broadcast_to(rows.target(chosen), (len(members), len(rows.tau))).copy()
        for j in range(members.shape[1]):
            some = np.flatnonzero(members[:, j] < len(free))
            l = free[members[some, j]]
            for column in range(2):
                tau[some, rows.lines[l, column]] += rows.deltas[l, column]
        return tau

    def averaged(self, chosen: Index, free: Index, members: Index, points: Duals, family: Family) -> Array:
        """Which sets the node's averaged dual point and family of weights close."""
        rows, k = self.rows, members.shape[1]
        below = average(rows, points, np.full(k, 1.0 / k), members)
        moves = np.concatenate([family.moves, np.zeros((1, len(self.e)))])
        w = family.centre + moves[members].sum(1)
        return self.closed(w, energy_up(rows, self.targets(chosen, free, members), w), below.value)

    def refitted(self, chosen: Index, free: Index, members: Index) -> None:
        """Close sets by solving both sides for each."""
        rows, e = self.rows, self.e
        self.solved += len(members)
        tau = self.targets(chosen, free, members)
        start = np.zeros((len(members), len(e)))
        w = minimise(rows, tau, start, None, 1e-4)
        v = minimise(rows, tau, w, e, 1e-4)
        below = duals(rows, slopes(rows, v @ rows.A.T), tau, e)
        good = self.closed(w, energy_up(rows, tau, w), below.value)
        if not good.all():
            bad = members[np.flatnonzero(~good)[0]]
            raise Open(np.append(chosen, free[bad[bad < len(free)]]))

    def closed(self, w: Array, above: Array, below: Array) -> Array:
        """Whether e·w > 0 and the energy at w is below the bound on the hyperplane."""
        e = self.e
        on = w @ e > dot_unit(len(e)) * row_norms(w) * float(row_norms(e[None])[0])
        return np.asarray(on & (above < below))


def greedy(s: Scores) -> Array:
    """Indicator `(L,)` of a set of high score."""
    count, last = len(s.single), len(s.single) - 1
    gain, shares = s.single.copy(), np.zeros(count)
    best = int(np.argmax(s.sums()))
    for _ in range(s.k):
        shares[best] += 1.0
        gain = gain + s.pair[best]
        best = int(np.argmax(gain))
    return shares[:last]


def listing(found: list[Scores], count: int, k: int) -> Index | None:
    """Sets `(B, k)` whose score is not negative, `count` for the empty item; None where they are too many to list."""
    if k == 1:
        keep = np.ones(count + 1, dtype=bool)
        for s in found:
            keep &= ~(s.base + s.single < 0)
        return np.flatnonzero(keep)[:, None]
    if k > 3 or not found:
        total = sum(len(list(combinations(range(min(count, 40)), j))) for j in range(k + 1))
        if count > 40 or total > LISTED:
            return None
        return _all(count, k)
    if k == 2:
        keep = np.triu(np.ones((count + 1, count + 1), dtype=bool))
        for s in found:
            keep &= ~(s.base + s.single[:, None] + s.single[None, :] + s.pair < 0)
        keep[np.arange(count), np.arange(count)] = False
        sets = np.argwhere(keep)
        return sets if len(sets) <= LISTED else None
    return _triples(found, count)


def _all(count: int, k: int) -> Index:
    """All sets of at most k of `count` alternatives, padded with `count`."""
    sets = [list(c) + [count] * (k - j) for j in range(k + 1) for c in combinations(range(count), j)]
    return np.array(sets, dtype=np.int64)


def _triples(found: list[Scores], count: int) -> Index | None:
    sets, total = [], 0
    for x in range(count + 1):
        keep = np.triu(np.ones((count + 1 - x, count + 1 - x), dtype=bool))
        inside = np.arange(count - x)
        keep[inside, inside] = False
        if x < count:
            keep[0] = False
        for s in found:
            rest = s.single[x:] + s.pair[x, x:]
            keep &= ~(s.base + s.single[x] + rest[:, None] + rest[None, :] + s.pair[x:, x:] < 0)
        pairs = np.argwhere(keep) + x
        total += len(pairs)
        if total > LISTED:
            return None
        sets.append(np.concatenate([np.full((len(pairs), 1), x), pairs], 1))
    return np.concatenate(sets)
