"""What is shown of the sets of a node, formed no further than a step asks (D7)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from certify.check.theorems.head.rows.energy.averages import returned
from certify.check.theorems.head.rows.energy.duals import Duals
from certify.check.theorems.head.rows.energy.families import Family
from certify.check.theorems.head.rows.energy.lines import Lines
from certify.check.theorems.head.rows.energy.scores import Scores, left, scores


@dataclass(frozen=True)
class Part:
    """Points of some alternatives, and how many others they wait for."""

    made: Callable[[], Duals]
    waits: int

    def __call__(self) -> Duals:
        """The points."""
        return self.made()


class Node:
    """Alternatives that may still come, at most k of them, with dual points and weights for their sets.

    The last family of weights is looked at first, and without what averages of slopes give back, which is a product of
    long vectors for all pairs: alternatives in no set of nonnegative score leave, and the rest is formed anew of those
    that stay. What no step needs is never formed.

    Attributes:
        free: the alternatives; rows: those that they belong to.
        k: how many may come.
        families: weights for every set.
        alive: places of alternatives that are not shown to be in no set that could move the label.
        found: scores of the sets of those.
    """

    def __init__(self, lines: Lines, free: list[int], k: int, points: Callable[[], Duals]) -> None:
        self.lines, self.free, self.k, self._points = lines, free, k, points
        self.rows = [lines.alternatives[l][0] for l in free]
        self.families: list[Callable[[], Family]] = []
        self.alive, self.found = list(range(len(free))), list[Scores]()
        self._seen, self._part = 0, False
        self._waits = points.waits if isinstance(points, Part) else 0

    @cached_property
    def points(self) -> Duals:
        """The dual points."""
        return self._points()

    def only(self, kept: list[int]) -> Callable[[], Duals]:
        """The points of some alternatives; of a part of a part they are taken at once, as no chain may grow long."""
        if self._waits > 8:
            some = self.points.take(kept)
            return Part(lambda: some, 0)
        return Part(lambda: self.points.take(kept), self._waits + 1)

    def drop(self, kept: set[int]) -> bool:
        """Whether all alternatives but these are in no set of nonnegative score."""
        while True:
            self._leave(kept)
            if kept.issuperset(self.alive):
                return True
            if not self._more():
                return False

    def empty(self) -> bool:
        """Whether no alternative at all has a negative score."""
        while not any(s.empty() < 0 for s in self.found):
            if not self._more():
                return False
        return True

    def apart(self, x: int, others: set[int]) -> bool:
        """Whether no set that holds x and one of these has a score that is not negative."""
        while others and x in self.alive and self.k > 1:  # one alternative is beside no other
            at = self.alive.index(x)
            for s in self.found:
                beside = s.beside(at)
                others = {y for y, v in zip(self.alive, beside, strict=True) if y in others and not v < 0}
            others &= set(self.alive)
            if others and not self._more():
                return False
        return True

    def left(self) -> Iterator[tuple[int, ...]]:
        """Sets that no family shows negative, of k places each, the empty one last and repeated."""
        while self._more():
            pass
        names = [*self.alive, len(self.free)]
        for some in left(self.found, [self.rows[x] for x in self.alive], self.k):
            yield tuple(names[x] for x in some)

    def _leave(self, kept: set[int]) -> None:
        """Take away alternatives in no set of nonnegative score, those gone left out of the others' sets in turn."""
        while self.found:
            out = {x for at, x in enumerate(self.alive) if x not in kept and any(s.most(at) < 0 for s in self.found)}
            if not out:
                return
            self._shrink([at for at, x in enumerate(self.alive) if x not in out])

    def _shrink(self, at: list[int]) -> None:
        self.alive = [self.alive[x] for x in at]
        self.found = [s.within(at) for s in self.found]

    def _more(self) -> bool:
        """Form scores of one more family, or those that are formed in part; whether there are any."""
        rows = [self.rows[x] for x in self.alive]
        if self._part:
            self._part = False
            whole = returned(self.found[-1], self.points.take(self.alive).q, rows, self.lines.width)
            if whole is not None:
                self.found[-1] = whole
            return True
        while self._seen < len(self.families):
            self._seen += 1
            family = self.families[-self._seen]()
            made = None
            if family.side > 0:
                made = scores(self.lines, self.points.take(self.alive), family.take(self.alive), rows, self.k)
            if made is not None:
                self.found.append(made)
                self._part = self.k > 1
                return True
        return False
