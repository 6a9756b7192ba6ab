"""Finder: at most m rows whose deletion or relabelling flips predictions of a head after it is fitted again.

The worst m rows at the refitted head, over and over; one row at a time, several sets kept; exchanges of rows. A set
that was fitted is tried on every evaluation row. Nothing is trusted: a flip is proved by a refit that is enclosed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from certify.finders.head.chains import Chains, added, joined, name_of, swaps, without
from certify.finders.head.floats import Array, FloatHead
from certify.finders.head.moves import Change, Lanes, Scores, largest, scores, sorted_sets
from certify.finders.head.newton import Newton, Sets
from certify.rigor.finder import proposed

TURNS, KEPT, ROUNDS, KICKS = 8, 6, 60, 3
"""Repetitions of the worst rows, sets kept while rows are added, exchanges, new starts that may fail in a row."""
NEAR, WIDE = (4, 4), (10, 8)
"""Rows of the set and rows outside that are tried in an exchange."""
NEARBY = 0.4
"""Share of its margin that has to be all that is left for a row to be started anew."""
RIVALS = 3
"""Other outputs that are tried to overtake, of those that first order brings closest."""
FAR = 0.2
"""Share of its margin that first order must take from a row for the row to be tried."""
LANES = 3_000_000
"""Numbers of the arrays of a batch of margins."""
REMEMBERED = 16_000_000
"""Numbers of the weights that are kept, so that a set is fitted once."""
FLIPPED = 1e-9


@dataclass(frozen=True, eq=False)
class Flips:
    """What was found.

    Attributes:
        found: `(N,)` the place in `sets` of the set that flips an evaluation row; -1: none was found.
        rows: `(S, m)` changed rows of each set, ascending, empty places -1 first.
        codes: `(S, m)` the places of their new targets; -1: deleted, or an empty place.
        weights: `(S, k, m)` the refitted weights.
    """

    found: Array
    rows: Array
    codes: Array
    weights: Array


def attack(head: FloatHead, deletes: bool, count: int, seconds: float, rows: Array | None = None) -> Flips:
    """Sets of at most `count` rows that flip evaluation rows, until nothing improves or the time is up.

    Args:
        head: in floats.
        deletes: rows are deleted; else relabelled, to any other of `head.codes`.
        count: rows at most.
        seconds: of the clock on the wall.
        rows: those that may change; None: all.
    """
    n = len(head.phi)
    allowed = np.ones(n, bool)
    if rows is not None:
        allowed[:] = False
        allowed[rows] = True
    change = Change(deletes, min(count, int(allowed.sum())), allowed)
    empty = Flips(np.full(len(head.points), -1), np.zeros((0, 0), int), np.zeros((0, 0), int), head.weights[:0, None])
    if change.count < 1 or not len(head.points):
        return empty
    result = proposed(lambda: Attack(head, change, time.monotonic() + seconds).run())
    return empty if result is None else result


class Attack:
    """One search.

    Args:
        head: in floats.
        change: what may change.
        end: the monotonic clock's reading at which it stops.
    """

    def __init__(self, head: FloatHead, change: Change, end: float) -> None:
        self.head, self.change, self.end = head, change, end
        self.newton = Newton(head)
        self.leverages = self.newton.leverages()
        self.fits: dict[bytes, Array | None] = {}
        self.random = np.random.default_rng(0)
        self.chunk = max(1, LANES // (head.phi.shape[0] * head.k * head.k))  # each row has a matrix of its outputs
        self.lanes, self.promise = self._lanes()
        T = len(self.lanes)
        self.margin = np.full(T, np.inf)
        self.sets = Sets(np.full((T, change.count), -1), np.full((T, change.count), -1))
        self.V = np.broadcast_to(self.newton.centre, (T, *self.newton.centre.shape)).copy()
        self.margin[:] = self._margins(self.newton.centre[None], self.lanes)[0]
        self.first = self.margin.copy()
        self.tries = np.zeros(T, int)

    def run(self) -> Flips:
        """All searches, the cheapest first; the exchanges begin where the others ended."""
        starts: list[Chains] = []
        for stage in (self._worst, self._corrected, self._shrunk, self._grown):
            for part in self._open():
                if not self._over():
                    starts.append(stage(part))
        if self.change.count == 1:
            return self._flips()
        self._climb(self._bests(), NEAR)
        if starts:
            self._climb(self._best(joined(starts), KEPT), NEAR)
        self._climb(self._bests(), WIDE)
        while not self._over():
            before = self.margin.copy()
            chains = self._kicked()
            if not len(chains.lane):
                break
            self._climb(chains, NEAR)
            self.tries = np.where(self.margin < before, 0, self.tries + 1)
        return self._flips()

    def _lanes(self) -> tuple[Lanes, Array]:
        """The margins to lower and the share of each that first order takes, largest share first.

        Those that are not looked at in time are left out.
        """
        head, change = self.head, self.change
        N = len(head.points)
        if head.k == 1:
            zero = np.zeros(N, int)
            all_lanes = Lanes(np.arange(N), zero, zero, np.where(head.today > 0, 1.0, -1.0))
        else:
            point, up = np.nonzero(np.arange(head.k)[None, :] != head.today[:, None])
            all_lanes = Lanes(point, up, head.today[point], np.ones(len(point)))
        margin = self._margins(self.newton.centre[None], all_lanes)[0]
        taken = np.zeros(len(all_lanes))
        for low in range(0, len(all_lanes), self.chunk):
            if self._over():
                break
            part = all_lanes.at(slice(low, low + self.chunk))
            score = self._scores(part, self._empty(len(part)), self._centres(len(part)), True)
            top = -np.partition(-score.worth, change.count - 1, axis=1)[:, : change.count]
            taken[low : low + self.chunk] = np.maximum(top, 0).sum(axis=1)
        promise = taken / np.maximum(margin, 1e-300)
        order = np.argsort(-promise, kind="stable")
        rank = np.zeros(N, int)
        keep = []
        for t in order:
            if promise[t] > FAR and rank[all_lanes.point[t]] < RIVALS:
                rank[all_lanes.point[t]] += 1
                keep.append(t)
        return all_lanes.at(np.array(keep, int)), promise[keep]

    def _open(self) -> Iterator[Array]:
        """Places of lanes whose evaluation rows stand yet, in batches."""
        low = 0
        while low < len(self.lanes):
            part = np.arange(low, min(low + self.chunk, len(self.lanes)))
            part = part[~self._flipped()[part]]
            if len(part):
                yield part
            low += self.chunk

    def _flipped(self) -> Array:
        """`(T,)` whether a lane's evaluation row is flipped by a set found so far."""
        broken = np.zeros(len(self.head.points), bool)
        broken[self.lanes.point[self.margin < -FLIPPED]] = True
        return np.asarray(broken[self.lanes.point])

    def _over(self) -> bool:
        return time.monotonic() > self.end

    def _empty(self, T: int) -> Sets:
        none = np.full((T, self.change.count), -1)
        return Sets(none, none)

    def _centres(self, T: int) -> Array:
        return np.broadcast_to(self.newton.centre, (T, *self.newton.centre.shape)).copy()

    def _scores(self, lanes: Lanes, sets: Sets, V: Array, own: bool) -> Scores:
        return scores(self.newton, self.change, lanes, sets, V, own, self.leverages)

    def _margins(self, V: Array, lanes: Lanes) -> Array:
        z = (V.reshape(-1, V.shape[2]) @ self.head.points.T).reshape(len(V), self.head.k, -1)
        return lanes.margins(self.head, z)

    def _worst(self, part: Array) -> Chains:
        """By first order."""
        return self._turned(part, False)

    def _corrected(self, part: Array) -> Chains:
        return self._turned(part, True)

    def _turned(self, part: Array, own: bool) -> Chains:
        """The worst m rows at the head that was fitted to the worst m rows before, and so on."""
        chains, all_lanes = self._unchanged(part), part
        ends = chains
        for _ in range(TURNS):
            new = largest(self._scores(self.lanes.at(chains.lane), chains.sets, chains.V, own), self.change.count)
            old = chains.sets
            moved = np.any(new.rows != old.rows, axis=1) | np.any(new.codes != old.codes, axis=1)
            chains = self._standing(self._fitted(Chains(chains.lane, new, chains.V).at(moved)))
            if not len(chains.lane) or self._over():
                break
            ends = joined([chains, ends.at(~np.isin(ends.lane, chains.lane))])
        return ends.at(np.isin(ends.lane, all_lanes))

    def _shrunk(self, part: Array) -> Chains:
        """The worst 2m rows together, of which the least is put back while there are more than m.

        Rows that stand in for one another count little alone; together they count.
        """
        m = self.change.count
        wide = min(2 * m, int(self.change.allowed.sum()))
        chains = self._unchanged(part)
        for _ in range(2):
            sets = largest(self._scores(self.lanes.at(chains.lane), chains.sets, chains.V, True), wide)
            V, ok = self.newton.refit(sets, chains.V, over=self._over)
            chains = Chains(chains.lane, sets, V).at(ok)
            if not len(chains.lane) or self._over():
                return self._unchanged(part[:0])
        while chains.sets.rows.shape[1] > m:
            score = self._scores(self.lanes.at(chains.lane), chains.sets, chains.V, True)
            more = max(1, (chains.sets.rows.shape[1] - m) // 4)
            sets = without(score, chains.sets, more)
            if sets.rows.shape[1] == m:
                return self._standing(self._fitted(Chains(chains.lane, sets, chains.V)))
            V, ok = self.newton.refit(sets, chains.V, over=self._over)
            chains = Chains(chains.lane, sets, V).at(ok)
            if not len(chains.lane) or self._over():
                return self._unchanged(part[:0])
        return self._standing(self._fitted(chains))

    def _grown(self, part: Array) -> Chains:
        """One row at a time, the `KEPT` best sets of each lane."""
        chains = self._unchanged(part)
        for size in range(self.change.count):
            pieces = []
            for low in range(0, len(chains.lane), self.chunk):
                some = chains.at(slice(low, low + self.chunk))
                score = self._scores(self.lanes.at(some.lane), some.sets, some.V, True)
                source, sets = added(score, some.sets, KEPT if size else 2 * KEPT)
                pieces.append(Chains(some.lane[source], sets, some.V[source]))
            chains = self._best(self._fitted(joined(pieces)), KEPT)
            if not len(chains.lane) or self._over():
                break
        return self._best(chains, 2)

    def _climb(self, chains: Chains, widths: tuple[int, int]) -> None:
        """A row of each set for one outside, while the margin falls."""
        chains = self._standing(chains)
        size = max(1, 4 * self.newton.batch // (widths[0] * widths[1]))
        for low in range(0, len(chains.lane), size):
            if self._over():
                return
            self._climbed(chains.at(slice(low, low + size)), widths)

    def _climbed(self, chains: Chains, widths: tuple[int, int]) -> None:
        margin = self._own_margins(chains)
        for _ in range(ROUNDS):
            keep = ~self._flipped()[chains.lane]
            chains, margin = chains.at(keep), margin[keep]
            if not len(chains.lane) or self._over():
                return
            score = self._scores(self.lanes.at(chains.lane), chains.sets, chains.V, True)
            source, sets = swaps(score, chains.sets, *widths)
            tried, ok = self._tried(Chains(chains.lane[source], sets, chains.V[source]))
            value = np.where(ok, self._own_margins(tried), np.inf)
            order = np.lexsort((value, source))
            best = order[np.unique(source[order], return_index=True)[1]]
            better = best[value[best] < margin[source[best]] - 1e-9 * (1 + np.abs(margin[source[best]]))]
            chains, margin = tried.at(better), value[better]

    def _kicked(self) -> Chains:
        """The best sets of lanes that stand and are near, half of their rows given up and chosen anew in turn."""
        near = ~self._flipped() & (self.margin < NEARBY * self.first) & (self.tries < KICKS)
        chains = self._bests().at(np.nonzero(near)[0])
        rows, codes = chains.sets.rows.copy(), chains.sets.codes.copy()
        out = self.random.random(rows.shape) < 0.5
        rows[out] = codes[out] = -1
        chains = self._standing(self._fitted(Chains(chains.lane, sorted_sets(rows, codes), chains.V)))
        for _ in range(self.change.count):
            if not len(chains.lane) or self._over() or not np.any(chains.sets.rows[:, 0] < 0):
                break
            short = chains.sets.rows[:, 0] < 0
            some = chains.at(short)
            score = self._scores(self.lanes.at(some.lane), some.sets, some.V, True)
            score.worth[:] *= 1 + 0.2 * self.random.standard_normal(score.worth.shape)
            source, sets = added(score, some.sets, 1)
            chains = joined([chains.at(~short), self._fitted(Chains(some.lane[source], sets, some.V[source]))])
            chains = self._standing(chains)
        return chains

    def _unchanged(self, part: Array) -> Chains:
        none = np.full((len(part), self.change.count), -1)
        return Chains(part, Sets(none, none), np.broadcast_to(self.newton.centre, (len(part), *self.V.shape[1:])))

    def _bests(self) -> Chains:
        """The best sets of all lanes so far."""
        return Chains(np.arange(len(self.lanes)), self.sets, self.V)

    def _standing(self, chains: Chains) -> Chains:
        """Those whose evaluation rows stand, equal ones once, the least margins first."""
        chains = chains.at(~self._flipped()[chains.lane])
        share = self._own_margins(chains) / np.maximum(self.first[chains.lane], 1e-300)
        order = np.argsort(share, kind="stable")
        names = [int(t).to_bytes(8, "little") + name_of(chains.sets, i) for i, t in enumerate(chains.lane)]
        seen: dict[bytes, int] = {}
        for i in order:
            seen.setdefault(names[i], int(i))
        return chains.at(np.array(list(seen.values()), int))

    def _best(self, chains: Chains, count: int) -> Chains:
        """Of each lane that stands the `count` different sets of least margin."""
        chains = self._standing(chains)
        taken = np.zeros(len(self.lanes), int)
        keep = []
        for i, t in enumerate(chains.lane):
            taken[t] += 1
            if taken[t] <= count:
                keep.append(i)
        return chains.at(np.array(keep, int))

    def _own_margins(self, chains: Chains) -> Array:
        E = self.lanes.at(chains.lane).gradients(self.head)
        sign = self.lanes.sign[chains.lane] if self.head.k == 1 else 0.0
        return np.asarray(np.einsum("bkm,bkm->b", E, chains.V) - sign * self.head.threshold)

    def _fitted(self, chains: Chains) -> Chains:
        """Those of the chains whose sets could be fitted, with the weights that came out."""
        tried, ok = self._tried(chains)
        return tried.at(ok)

    def _tried(self, chains: Chains) -> tuple[Chains, Array]:
        """The refits of the sets, each made once and tried on all lanes, and where one was got."""
        sets = chains.sets
        names = [name_of(sets, i) for i in range(len(sets))]
        first: dict[bytes, int] = {}
        origin = np.array([first.setdefault(name, i) for i, name in enumerate(names)], int)
        V, ok = np.array(chains.V), np.zeros(len(sets), bool)
        new = []
        for name, i in first.items():
            if name in self.fits:
                known = self.fits[name]
                ok[i] = known is not None
                V[i] = V[i] if known is None else known
            else:
                new.append(i)
        todo = np.array(new, int)
        size = max(1, self.newton.batch)
        for low in range(0, len(todo), size):
            if self._over():
                break
            which = todo[low : low + size]
            V[which], ok[which] = self.newton.refit(sets.at(which), V[which], over=self._over)
            self._share(sets, V, which[ok[which]])
            if len(self.fits) * self.newton.size < REMEMBERED and not self._over():
                self.fits.update({names[i]: V[i].copy() if ok[i] else None for i in which})
        return Chains(chains.lane, sets, V[origin]), ok[origin]

    def _share(self, sets: Sets, V: Array, which: Array) -> None:
        """Each lane takes the best of the new sets if it is better than its own."""
        if not len(which):
            return
        margins = self._margins(V[which], self.lanes)
        best = np.argmin(margins, axis=0)
        value = margins[best, np.arange(len(self.lanes))]
        better = value < self.margin
        chosen = which[best[better]]
        self.margin[better] = value[better]
        self.sets.rows[better], self.sets.codes[better] = sets.rows[chosen], sets.codes[chosen]
        self.V[better] = V[chosen]

    def _flips(self) -> Flips:
        """The sets that flip, each once, fitted closely."""
        found = np.full(len(self.head.points), -1)
        places: dict[bytes, int] = {}
        lanes: list[int] = []
        for t in np.argsort(self.margin, kind="stable"):
            point = int(self.lanes.point[t])
            if self.margin[t] < -FLIPPED and found[point] < 0:  # the least of its margins
                name = name_of(self.sets, t)
                if name not in places:
                    places[name] = len(lanes)
                    lanes.append(int(t))
                found[point] = places[name]
        chosen = np.array(lanes, int)
        sets, V = self.sets.at(chosen), self.V[chosen]
        if len(lanes):
            V, ok = self.newton.refit(sets, V, 1e-11)
            V = np.where(ok[:, None, None], V, self.V[chosen])
            z = (V.reshape(-1, V.shape[2]) @ self.head.points.T).reshape(*V.shape[:2], -1)
            label = (z[:, 0] > self.head.threshold).astype(int) if self.head.k == 1 else np.argmax(z, axis=1)
            same = label[found, np.arange(len(found))] == self.head.today
            found[same & (found >= 0)] = -1
        return Flips(found, sets.rows, sets.codes, V)
