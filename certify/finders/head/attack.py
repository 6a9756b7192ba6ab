"""Finder: at most m rows whose deletion or relabelling flips predictions of a head after it is fitted again.

The worst m rows at the refitted head, over and over; one row at a time, several sets kept; exchanges of rows. A set
that was fitted is tried on every evaluation row. Nothing is trusted: a flip is proved by a refit that is enclosed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from certify.finders.head.chains import Chains, added, joined, name_of, swaps, without
from certify.finders.head.floats import Array, FloatHead
from certify.finders.head.moves import Change, Lanes, Scores, largest, scores, sorted_sets
from certify.finders.head.newton import Newton, Sets
from certify.finders.head.upper.own import trained
from certify.finders.head.upper.polished import Flips, polished
from certify.finders.head.upper.promise import promising
from certify.rigor.finder import proposed

TURNS, KEPT, ROUNDS, KICKS = 8, 6, 60, 3
"""Repetitions of the worst rows, sets kept while rows are added, exchanges, new starts that may fail in a row."""
NEAR, WIDE = (4, 4), (10, 8)
"""Rows of the set and rows outside that are tried in an exchange."""
NEARBY = 0.4
"""Share of its margin that has to be all that is left for a row to be started anew."""
LANES = 3_000_000
"""Numbers of the arrays of a batch of margins."""
REMEMBERED = 16_000_000
"""Numbers of the weights that are kept, so that a set is fitted once."""
FLIPPED, AGAIN, HALF = 1e-9, 1.5, 0.5
"""Margin that is a flip; times a refit that a close one takes, and share of the time for these at most."""


def attack(head: FloatHead, deletes: bool, count: int, seconds: float, rows: Array | None = None) -> Flips:
    """Sets of at most `count` rows that flip evaluation rows, until nothing improves or the time is up.

    Args:
        head: in floats.
        deletes: rows are deleted; else relabelled, to any other of `head.codes`.
        count: rows at most.
        seconds: of the clock on the wall.
        rows: those that may change; None: all.
    """
    search = Attack(head, deletes, count, rows)
    return search.run(seconds, np.ones(len(head.points), bool))


class Attack:
    """One search, which goes on where it ended.

    Args:
        head, deletes, count, rows: as above.
    """

    def __init__(self, head: FloatHead, deletes: bool, count: int, rows: Array | None = None) -> None:
        allowed = np.ones(len(head.phi), bool)
        if rows is not None:
            allowed[:] = False
            allowed[rows] = True
        self.head, self.change, self.end = head, Change(deletes, min(count, int(allowed.sum())), allowed), 0.0
        self.asked = np.ones(len(head.points), bool)
        self.ended = set[str]()

    def run(self, seconds: float, asked: Array) -> Flips:
        """What flips evaluation rows that are asked about, `(N,)` truths, found in so many seconds more."""
        head, self.end, self.asked = self.head, time.monotonic() + seconds, asked
        self.seconds, self.reserved, self.spent, self.refits = seconds, 0.0, 0.0, 0
        if self.change.count >= 1 and len(head.points) and (found := proposed(self._run)) is not None:
            return found
        none = np.zeros((0, self.change.count), int)
        return Flips(np.full(len(head.points), -1), none, none, np.zeros((0, *head.weights.shape)))

    def _begun(self) -> None:
        """What all searches know, from the head as it was trained; nothing of searches that were stopped at once."""
        self.newton = Newton(self.head)
        self.trained = trained(self.newton, not self.change.deletes)
        self.fits: dict[bytes, Array | None] = {}
        self.random = np.random.default_rng(0)
        self.chunk = max(1, LANES // (self.head.phi.shape[0] * self.head.k**2))  # each row has a matrix of its outputs
        self.lanes = promising(self.newton, self.change, self.trained, self.chunk, self._over)
        T = len(self.lanes)
        self.sets = Sets(np.full((T, self.change.count), -1), np.full((T, self.change.count), -1))
        self.V = np.broadcast_to(self.newton.centre, (T, *self.newton.centre.shape)).copy()
        self.first = self._margins(self.newton.centre[None], self.lanes)[0]
        self.margin = self.first.copy()
        self.starts: list[Chains] = []  # places of lanes: those of lanes before mean others

    def _run(self) -> Flips:
        """All searches, the cheapest first; the exchanges begin where the others ended."""
        if not self.ended:
            self._begun()
        stages = (self._at_once, self._worst, self._corrected, self._shrunk, self._grown, self._pulled, self._exchanged)
        for stage in stages[: len(stages) if self.change.count > 1 else -1]:
            if stage.__name__ not in self.ended and not self._over():
                stage()
                self.ended.update(() if self._over() else (stage.__name__,))
        self._anew()
        return self._flips()

    def _at_once(self) -> None:
        """The worst rows with their own outputs solved, once; of small heads all turns soon are."""
        if not self.newton.direct:
            self.starts.append(self._turned(True, True, 1))

    def _worst(self) -> None:
        """By first order."""
        self.starts.append(self._turned(False))

    def _corrected(self) -> None:
        self.starts.append(self._turned(True))

    def _shrunk(self) -> None:
        self._each(self._less)

    def _grown(self) -> None:
        self._each(self._more)

    def _pulled(self) -> None:
        """As they grow, with the outputs of the new row solved, which finds other sets."""
        if self.trained.pulls is not None:
            self._each(partial(self._more, pulled=True))

    def _each(self, search: Callable[[Array], Chains]) -> None:
        """A search for every margin that stands."""
        for part in self._open():
            if self._over():
                return
            self.starts.append(search(part))

    def _exchanged(self) -> None:
        self._climb(self._bests(), NEAR)
        if self.starts:
            self._climb(self._best(joined(self.starts), KEPT), NEAR)
        self._climb(self._bests(), WIDE)

    def _anew(self) -> None:
        """From sets half of which are chosen anew, until that fails several times in a row."""
        tries = np.zeros(len(self.lanes), int)
        while self.change.count > 1 and not self._over():
            before = self.margin.copy()
            chains = self._kicked(tries < KICKS)
            if not len(chains.lane):
                return
            self._climb(chains, NEAR)
            tries = np.where(self.margin < before, 0, tries + 1)

    def _pieces(self, chains: Chains) -> Iterator[Chains]:
        """Chains in batches, those whose evaluation rows stand yet."""
        for low in range(0, len(chains.lane), self.chunk):
            some = chains.at(slice(low, low + self.chunk))
            some = some.at(~self._flipped()[some.lane])
            if len(some.lane):
                yield some

    def _open(self) -> Iterator[Array]:
        """Places of lanes whose evaluation rows stand yet, in batches, those that are nearest to a flip first."""
        share = self.margin / np.maximum(self.first, 1e-300)
        yield from (some.lane for some in self._pieces(self._bests().at(np.argsort(share, kind="stable"))))

    def _flipped(self) -> Array:
        """`(T,)` whether a lane's evaluation row is flipped by a set found so far, or not asked about."""
        broken = ~self.asked
        broken[self.lanes.point[self.margin < -FLIPPED]] = True
        return np.asarray(broken[self.lanes.point])

    def _over(self) -> bool:
        """Whether the time is up, less what it takes to fit closely what was found."""
        return time.monotonic() > self.end - self.reserved

    def _scores(self, chains: Chains, own: bool = True, pulled: bool = False) -> Scores:
        lanes = self.lanes.at(chains.lane)
        return scores(self.newton, self.change, lanes, chains.sets, chains.V, own, self.trained, pulled)

    def _margins(self, V: Array, lanes: Lanes) -> Array:
        z = (V.reshape(-1, V.shape[2]) @ self.head.points.T).reshape(len(V), self.head.k, -1)
        return lanes.margins(self.head, z)

    def _turned(self, own: bool, pulled: bool = False, turns: int = TURNS) -> Chains:
        """The worst m rows at the head that was fitted to the worst m rows before, and so on.

        Every margin has its turn before one has another, those that are nearest to a flip first.
        """
        chains = ends = self._unchanged(np.arange(len(self.lanes)))
        for _ in range(turns):
            pieces = []
            for some in self._pieces(chains):
                if self._over():
                    break
                new = largest(self._scores(some, own, pulled), self.change.count)
                moved = np.any(new.rows != some.sets.rows, axis=1) | np.any(new.codes != some.sets.codes, axis=1)
                pieces.append(self._fitted(Chains(some.lane, new, some.V).at(moved)))
            if not pieces:
                break
            chains = self._standing(joined(pieces))
            ends = joined([chains, ends.at(~np.isin(ends.lane, chains.lane))])
        return ends.at(ends.sets.rows[:, -1] >= 0)

    def _less(self, part: Array) -> Chains:
        """The worst 2m rows together, of which the least is put back while there are more than m.

        Rows that stand in for one another count little alone; together they count.
        """
        m = self.change.count
        wide = min(2 * m, int(self.change.allowed.sum()))
        chains = self._unchanged(part)
        for _ in range(2):
            sets = largest(self._scores(chains), wide)
            V, ok = self.newton.refit(sets, chains.V, over=self._over)
            chains = Chains(chains.lane, sets, V).at(ok)
            if not len(chains.lane) or self._over():
                return self._unchanged(part[:0])
        while chains.sets.rows.shape[1] > m:
            score = self._scores(chains)
            more = max(1, (chains.sets.rows.shape[1] - m) // 4)
            sets = without(score, chains.sets, more)
            if sets.rows.shape[1] == m:
                return self._standing(self._fitted(Chains(chains.lane, sets, chains.V)))
            V, ok = self.newton.refit(sets, chains.V, over=self._over)
            chains = Chains(chains.lane, sets, V).at(ok)
            if not len(chains.lane) or self._over():
                return self._unchanged(part[:0])
        return self._standing(self._fitted(chains))

    def _more(self, part: Array, pulled: bool = False) -> Chains:
        """One row at a time, the `KEPT` best sets of each lane."""
        chains = self._unchanged(part)
        for size in range(self.change.count):
            pieces = []
            for low in range(0, len(chains.lane), self.chunk):
                some = chains.at(slice(low, low + self.chunk))
                score = self._scores(some, pulled=pulled)
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
            score = self._scores(chains)
            source, sets = swaps(score, chains.sets, *widths)
            tried, ok = self._tried(Chains(chains.lane[source], sets, chains.V[source]))
            value = np.where(ok, self._own_margins(tried), np.inf)
            order = np.lexsort((value, source))
            best = order[np.unique(source[order], return_index=True)[1]]
            better = best[value[best] < margin[source[best]] - 1e-9 * (1 + np.abs(margin[source[best]]))]
            chains, margin = tried.at(better), value[better]

    def _kicked(self, willing: Array) -> Chains:
        """The best sets of lanes that stand and are near, half of their rows given up and chosen anew in turn."""
        near = ~self._flipped() & (self.margin < NEARBY * self.first) & willing
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
            score = self._scores(some)
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
            which, begun = todo[low : low + size], time.monotonic()
            V[which], ok[which] = self.newton.refit(sets.at(which), V[which], over=self._over)
            self._share(sets, V, which[ok[which]])
            self._reserve(time.monotonic() - begun, len(which))
            if len(self.fits) * self.newton.size < REMEMBERED and not self._over():
                self.fits.update({names[i]: V[i].copy() if ok[i] else None for i in which})
        return Chains(chains.lane, sets, V[origin]), ok[origin]

    def _reserve(self, seconds: float, refits: int) -> None:
        """Time to fit closely what was found, by what refits took: of large heads as long again for each."""
        self.spent, self.refits = self.spent + seconds, self.refits + refits
        if not self.newton.direct:
            flipped = len(np.unique(self.lanes.point[self.margin < -FLIPPED]))
            self.reserved = min(AGAIN * flipped * self.spent / self.refits, HALF * self.seconds)

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
            if self.margin[t] < -FLIPPED and found[point] < 0 and self.asked[point]:  # the least of its margins
                name = name_of(self.sets, t)
                if name not in places:
                    places[name] = len(lanes)
                    lanes.append(int(t))
                found[point] = places[name]
        chosen = np.array(lanes, int)
        return polished(self.newton, self.sets.at(chosen), self.V[chosen], found)
