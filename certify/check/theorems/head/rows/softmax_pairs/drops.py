"""D16: which choices a bound does not prove to leave a point its label."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from math import inf, ldexp, sqrt

from flint import arb, arb_mat, fmpz_mat

from certify.check.theorems.head.rows.pair_tree.numbers import UP
from certify.check.theorems.head.rows.softmax_pairs.bound import Bound, Pair, ordered
from certify.check.theorems.head.rows.softmax_pairs.table import Table

MANY = 4096
"""Choices that may be left open for a point; more are none that anything else is asked of."""
AT_ONCE = 64

Choice = tuple[int, ...]


class Drops:
    """What a bound leaves of the differences of outputs of points.

    Args:
        found: a proved bound.
        points: evaluation rows, and their labels.
        live: those in question.
    """

    def __init__(self, found: Bound, points: Table, today: Sequence[int], live: Sequence[int]) -> None:
        c = found.gradients.c
        self.found, self.points, self.live, self.today = found, points, list(live), today
        self.k, self.p = c.data.k, c.data.p
        some = Table([points.rows[j] for j in live], points.p, [points.long[j] for j in live], points.unit,
                     [points.balls[j] for j in live], [points.norms[j] for j in live])
        self.blocks = found.M.blocks(some)
        self.norms = some.norms
        V = arb_mat([c.weights[a * self.p : (a + 1) * self.p] for a in range(self.k)])
        self.outputs: list[list[arb]] = (some.exact * V.transpose()).tolist() if live else []
        self.whole, self.units = some.alone
        self.pushes: dict[int, list[array[float]]] = {}

    def open(self) -> Iterator[tuple[int, list[Choice] | None]]:
        """For each point in question the choices that are not proved, None where no choice is or they are too many."""
        for at, j in enumerate(self.live):
            yield j, self.point(at)

    def point(self, at: int) -> list[Choice] | None:
        """The same for one point, by its place."""
        own, found = self.today[self.live[at]], set[Choice]()
        for a in range(self.k):
            if a == own:
                continue
            room = self.outputs[at][own] - self.outputs[at][a]
            left = float(room.lower()) - abs(float(room.mid())) * (UP - 1.0)
            some = self._against(left, self.blocks.seen(at, own, a), self._pushed(at, own, a))
            if some is None or len(found) + len(some) > MANY:
                return None
            found |= set(some)
        return sorted(found)

    def _against(self, left: float, seen: float, push: array[float]) -> list[Choice] | None:
        """The open choices for one other class; all terms are nonnegative."""
        b, room = self.found, left / (UP * UP * UP)
        rows, found = [one.row for one in b.steps], list[Choice]()
        if not seen * b.none < room or not seen * b.two < room:
            return None
        found += [(l,) for l, x in zip(b.far, b.far_single, strict=True) if not seen * x < room]
        found += [(i,) for i, x, y in zip(rows, b.single, push, strict=True) if not y + seen * x < room]
        if b.k < 2:
            return found
        for (i, l), x in b.extra:
            y = push[self._step(i)] if i not in b.place else 0.0
            if not y + seen * x < room:
                found.append(ordered(i, l))
        if not all(y < inf for y in push):
            return None
        largest = max(push, default=0.0)
        for a, (x, most, y) in enumerate(zip(b.beside, b.most, push, strict=True)):
            if not y + seen * x < room:
                found += b.beside_rows(a, room, y, seen)
            if not y + largest + seen * most < room:
                found += [ordered(rows[a], rows[o]) for o, z in enumerate(b.shares[a])
                          if not y + push[o] + seen * z < room]
            if len(found) > MANY:
                return None
        return found

    def _step(self, i: int) -> int:
        """The place of a row's step."""
        return next(a for a, one in enumerate(self.found.steps) if one.row == i)

    def _pushed(self, at: int, own: int, a: int) -> array[float]:
        """What each step takes of the difference of two outputs of a point, at least 0.

        A point in whole numbers is off by half a unit an entry, of a difference of two rows of a step.
        """
        if at not in self.pushes:
            self._form(at)
        mine, other = self.pushes[at][own], self.pushes[at][a]
        loose = sqrt(self.p) * ldexp(1.0, self.units[at]) * UP
        return array("d", [(max(y - x, 0.0) * UP + (loose + 2.0**-50 * self.norms[at]) * z) * UP for x, y, z in zip(
            mine, other, self.sizes, strict=True)])

    def _form(self, at: int) -> None:
        """Changes of the outputs of some points by each step: of each class those of all steps."""
        steps, p, k = self.found.steps, self.p, self.k
        self.sizes = [one.cut.size * UP for one in steps]
        if not steps:
            self.pushes[at] = [array("d") for _ in range(k)]
            return
        some = range(at, min(at + AT_ONCE, len(self.live)))
        self.pushes.clear()
        M = fmpz_mat([one.cut.whole[a * p : (a + 1) * p] for a in range(k) for one in steps]).transpose()
        f = len(steps)
        for b, row in zip(some, (fmpz_mat([self.whole[b] for b in some]) * M).tolist(), strict=True):
            line = [ldexp(float(int(x)), self.units[b]) for x in row]
            self.pushes[b] = [array("d", [ldexp(x, one.cut.unit) for x, one in zip(
                line[a * f : a * f + f], steps, strict=True)]) for a in range(k)]


def pairs_of(found: Bound, open_: Sequence[Choice]) -> list[Pair]:
    """The places of the steps of open pairs of which both have one, the later one first."""
    place = {one.row: a for a, one in enumerate(found.steps)}
    some = [(place[T[0]], place[T[1]]) for T in open_ if len(T) > 1 and T[0] in place and T[1] in place]
    return [(max(x), min(x)) for x in some]

