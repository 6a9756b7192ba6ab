"""Margins of evaluation rows at candidates: those at the centre, less what a step in whole numbers takes of them."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from math import inf, ldexp, sqrt
from operator import add, mul, sub

from flint import arb, arb_mat, fmpz_mat

from certify.check.theorems.head.rows.pair_tree.numbers import UP
from certify.check.theorems.head.rows.softmax_pairs.centre import Centre
from certify.check.theorems.head.rows.softmax_pairs.moved import Cut

ROUNDED = 2.0**-48
"""Of their sizes what differences of doubles lose, and more."""


class Margins:
    """Of some evaluation rows, by class: today's class against it.

    Attributes:
        c: the centre.
        live: the rows.
        room: by class at most the margins at the centre; infinite of a row's own class.

    Args:
        c: the centre.
        live: the rows.
    """

    def __init__(self, c: Centre, live: Sequence[int]) -> None:
        self.c, self.live, data = c, list(live), c.data
        V = arb_mat([c.weights[a * data.p : (a + 1) * data.p] for a in range(data.k)])
        outputs = (data.points.exact * V.transpose()).tolist()
        self.room = [array("d", [self._room(outputs[j], data.today[j], a) for j in live]) for a in range(data.k)]
        whole, units = data.points.alone
        self._across = fmpz_mat(len(self.live), data.p, [x for j in live for x in whole[j]]).transpose()
        self._units = array("d", [ldexp(1.0, units[j]) for j in live])
        # a point in whole numbers is off by half a unit an entry; and doubles round
        self._loose = array("d", [(sqrt(data.p) * x + 2.0**-50 * data.points.norms[j]) * UP
                                  for j, x in zip(live, self._units, strict=True)])

    @staticmethod
    def _room(line: Sequence[arb], own: int, a: int) -> float:
        gap = line[own] - line[a]
        return inf if a == own else float(gap.lower()) - abs(float(gap.mid())) * ROUNDED

    def at(self, cut: Cut) -> list[array[float]]:
        """By class at most the margins after a step."""
        data, one = self.c.data, ldexp(1.0, cut.unit)
        lines = (fmpz_mat([cut.whole[a * data.p : (a + 1) * data.p] for a in range(data.k)]) * self._across).tolist()
        whole = [list(map(float, map(int, line))) for line in lines]
        mine = [whole[data.today[j]][at] for at, j in enumerate(self.live)]
        scale, loose = [x * one for x in self._units], [x * cut.size * UP for x in self._loose]
        found = []
        for line, room in zip(whole, self.room, strict=True):
            wide = map(mul, map(add, map(abs, line), map(abs, mine)), scale)
            lost = [x + ROUNDED * y for x, y in zip(loose, wide, strict=True)]
            taken = map(add, map(mul, map(sub, line, mine), scale), lost)
            found.append(array("d", map(sub, room, taken)))
        return found
