"""Finder: at most m rows whose deletion or relabelling flips predictions of a head after it is fitted again.

The worst m rows at the refitted head, over and over; one row at a time, several sets kept; exchanges of rows. A set that
was fitted is tried on every evaluation row. Nothing is trusted: a flip is proved by a refit that is enclosed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from certify.finders.head.floats import FloatHead
from certify.finders.head.moves import Change, Lanes, Scores, largest, ordered, scores, sorted_sets
from certify.finders.head.newton import Newton, Sets
from certify.rigor.finder import proposed
from certify.rigor.fp import Array

TURNS, KEPT, EXCHANGES, ROUNDS = 8, 6, 4, 40
"""Repetitions of the worst rows, sets kept while rows are added, rows tried on each side of an exchange, exchanges."""
RIVALS = 3
"""Other outputs that are tried to overtake, of those that first order brings closest."""
FAR = 0.2
"""Share of its margin that first order must take from a row for the row to be tried."""
LANES = 3_000_000
"""Numbers of the arrays of a batch of margins."""
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
        seconds: of processor time of the clock on the wall.
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
        self.seen: dict[bytes, int] = {}
        self.lanes, self.promise = self._lanes()
        self.chunk = max(1, LANES // (head.phi.shape[0] * head.k))
        T = len(self.lanes)
        self.margin = np.full(T, np.inf)
        self.sets = Sets(np.full((T, change.count), -1), np.full((T, change.count), -1))
        self.V = np.broadcast_to(self.newton.centre, (T, *self.newton.centre.shape)).copy()
        self.margin[:] = self._margins(self.newton.centre[None], self.lanes)[0]

    def run(self) -> Flips:
        """All searches, the cheapest first."""
        for stage in (self._worst, self._corrected, self._grown, self._exchanged):
            for part in self._open():
                if self._over():
                    break
                stage(part)
        return self._flips()

    def _lanes(self) -> tuple[Lanes, Array]:
        """The margins to lower and the share of each that first order takes, largest share first."""
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
        step = max(1, LANES // (head.phi.shape[0] * head.k))
        for low in range(0, len(all_lanes), step):
            part = all_lanes.at(slice(low, low + step))
            score = self._scores(part, self._empty(len(part)), self._centres(len(part)), True)
            top = -np.partition(-score.worth, change.count - 1, axis=1)[:, : change.count]
            taken[low : low + step] = np.maximum(top, 0).sum(axis=1)
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

    def _worst(self, part: Array) -> None:
        self._turned(part, False)

    def _corrected(self, part: Array) -> None:
        self._turned(part, True)

    def _turned(self, part: Array, own: bool) -> None:
        """The worst m rows at the head that was fitted to the worst m rows before, and so on."""
        sets, V = self._empty(len(part)), self._centres(len(part))
        for _ in range(TURNS):
            new = largest(self._scores(self.lanes.at(part), sets, V, own), self.change.count)
            moved = np.any(new.rows != sets.rows, axis=1) | np.any(new.codes != sets.codes, axis=1)
            if not moved.any():
                return
            part, new = part[moved], new.at(moved)
            sets, V, ok = self._fitted(new, V[moved])
            left = ok & ~self._flipped()[part]
            part, sets, V = part[left], sets.at(left), V[left]
            if not len(part) or self._over():
                return

    def _grown(self, part: Array) -> None:
        """One row at a time, the `KEPT` best sets of each lane."""
        lane, sets, V = part, self._empty(len(part)), self._centres(len(part))
        for size in range(self.change.count):
            pieces = []
            for low in range(0, len(lane), self.chunk):
                s = slice(low, low + self.chunk)
                score = self._scores(self.lanes.at(lane[s]), sets.at(s), V[s], True)
                pieces.append(_added(score, sets.at(s), KEPT if size else 2 * KEPT))
                if self._over():
                    return
            source = np.concatenate([p[0] + i * self.chunk for i, p in enumerate(pieces)])
            grown = Sets(np.concatenate([p[1].rows for p in pieces]), np.concatenate([p[1].codes for p in pieces]))
            lane, V = lane[source], V[source]
            sets, V, ok = self._fitted(grown, V)
            lane, sets, V = lane[ok], sets.at(ok), V[ok]
            lane, sets, V = self._best(lane, sets, V)
            if not len(lane) or self._over():
                return

    def _best(self, lane: Array, sets: Sets, V: Array) -> tuple[Array, Sets, Array]:
        """Of each lane that stands the `KEPT` different sets of least margin."""
        margin = self._own_margins(V, lane)
        order = np.lexsort((margin, lane))
        keep: list[int] = []
        taken: dict[int, set[bytes]] = {}
        broken = self._flipped()
        for i in order:
            t = int(lane[i])
            mine = taken.setdefault(t, set())
            name = _name(sets, i)
            if not broken[t] and len(mine) < KEPT and name not in mine:
                mine.add(name)
                keep.append(int(i))
        chosen = np.array(keep, int)
        return lane[chosen], sets.at(chosen), V[chosen]

    def _exchanged(self, part: Array) -> None:
        """The best set of each lane, a row of it for one outside, while the margin falls."""
        for turn in range(ROUNDS):
            part = part[~self._flipped()[part]]
            if not len(part) or self._over():
                return
            before = self.margin[part].copy()
            V, sets = self.V[part], self.sets.at(part)
            score = self._scores(self.lanes.at(part), sets, V, True)
            source, tried = _swaps(score, sets, EXCHANGES + 4 * (turn == 0))
            self._fitted(tried, V[source])
            part = part[self.margin[part] < before - 1e-12 * (1 + np.abs(before))]

    def _own_margins(self, V: Array, lane: Array) -> Array:
        E = self.lanes.at(lane).gradients(self.head)
        sign = self.lanes.sign[lane] if self.head.k == 1 else 0.0
        return np.asarray(np.einsum("bkm,bkm->b", E, V) - sign * self.head.threshold)

    def _fitted(self, sets: Sets, start: Array) -> tuple[Sets, Array, Array]:
        """The refits of the sets, each made once and tried on all lanes; where one was got."""
        names = [_name(sets, i) for i in range(len(sets))]
        first: dict[bytes, int] = {}
        for i, name in enumerate(names):
            first.setdefault(name, i)
        todo = np.array(list(first.values()), int)
        V, ok = start.copy(), np.zeros(len(sets), bool)
        size = max(1, self.newton.batch)
        for low in range(0, len(todo), size):
            if self._over():
                break
            which = todo[low : low + size]
            V[which], ok[which] = self.newton.refit(sets.at(which), start[which])
            self._share(sets, V, which[ok[which]])
        origin = np.array([first[name] for name in names], int)
        return sets, V[origin], ok[origin]

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
            if self.margin[t] < -FLIPPED and found[point] < 0:
                name = _name(self.sets, t)
                if name not in places:
                    places[name] = len(lanes)
                    lanes.append(int(t))
                found[point] = places[name]
        chosen = np.array(lanes, int)
        sets = self.sets.at(chosen)
        V = self.newton.refit(sets, self.V[chosen], 1e-11)[0] if len(lanes) else self.V[chosen]
        return Flips(found, sets.rows, sets.codes, V)


def _name(sets: Sets, i: int) -> bytes:
    return bytes(sets.rows[i].tobytes() + sets.codes[i].tobytes())


def _added(score: Scores, sets: Sets, count: int) -> tuple[Array, Sets]:
    """Each set with one more row, the `count` of largest worth in turn: where from, and the new sets."""
    worth = score.worth.copy()
    for column in sets.rows.T:
        held = column >= 0
        worth[np.nonzero(held)[0], column[held]] = -np.inf
    count = min(count, worth.shape[1])
    rows = np.argsort(-worth, axis=1, kind="stable")[:, :count]
    fine = np.take_along_axis(worth, rows, axis=1) > 0
    source, place = np.nonzero(fine)
    row = rows[source, place]
    new_rows, new_codes = sets.rows[source].copy(), sets.codes[source].copy()
    new_rows[:, 0], new_codes[:, 0] = row, score.code[source, row]  # the first place is empty: rows ascend
    return source, sorted_sets(new_rows, new_codes)


def _swaps(score: Scores, sets: Sets, count: int) -> tuple[Array, Sets]:
    """Each set with one of its `count` least rows, or an empty place, given to one of the `count` best outside."""
    worth = score.worth.copy()
    for column in sets.rows.T:
        held = column >= 0
        worth[np.nonzero(held)[0], column[held]] = -np.inf
    outside = np.argsort(-worth, axis=1, kind="stable")[:, : min(count, worth.shape[1])]
    now = np.where(sets.rows >= 0, np.take_along_axis(score.worth, np.maximum(sets.rows, 0), axis=1), 0.0)
    weakest = np.argsort(now, axis=1, kind="stable")[:, :count]
    T, a, b = len(sets), weakest.shape[1], outside.shape[1]
    source = np.repeat(np.arange(T), a * b)
    place = np.repeat(weakest, b, axis=1).ravel()
    row = np.tile(outside, (1, a)).ravel()
    fine = np.isfinite(worth[source, row])
    source, place, row = source[fine], place[fine], row[fine]
    rows, codes, each = sets.rows[source].copy(), sets.codes[source].copy(), np.arange(len(source))
    rows[each, place], codes[each, place] = row, score.code[source, row]
    return source, sorted_sets(rows, codes)
