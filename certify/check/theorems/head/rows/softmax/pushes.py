"""D9 in balls: what changed rows do to differences of outputs, roughly in doubles and exactly where it decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, isfinite, nan, nextafter

from flint import arb, arb_mat

from certify.check.linalg.balls import ZERO, largest
from certify.check.theorems.head.rows.boxes.fixed_rows import size
from certify.check.theorems.head.rows.boxes.trap import most
from certify.check.theorems.head.rows.softmax.centre import Centre, Line, Pull, square

Blocks = list[list[arb_mat]]
"""A matrix of `kp × kp` as `[a][b]` of `p × p`."""


@dataclass(frozen=True)
class Source:
    """A row that may change, its pulls, and at least `|x ⊗ P̂|_A` of them and of what strays of them."""

    row: int
    pulls: list[Pull]
    reach: arb
    far: arb


UP, WIDER = 1.0 + 2.0**-50, 1.0 + 2.0**-40
"""More than three roundings; what is left of radii where middles are rounded to doubles of twice their size."""

LOST = 2.0**-1060
"""More than what products and middles lose that underflow: of tiny evaluation rows all of them do."""


def above(x: arb) -> float:
    """A double not below a number; none is left none."""
    return nextafter(float(x.upper()), inf)


def tops(rough: Sequence[float], exact: Callable[[int], arb], floor: arb, count: int) -> arb:
    """Upper bound of the sum of the `count` largest of numbers, none taken below a floor that others share.

    Args:
        rough: upper bounds.
        exact: better ones, looked at where they decide.
        floor: at least every one of the others; 0 where there are none.
        count: how many.

    Returns:
        The bound; no number where one of the numbers is none, whether it would be among the largest or not.
    """
    if not (all(map(isfinite, rough)) and floor.is_finite()):
        return arb("nan")
    found: list[arb] = []
    shared, least = float(floor), inf if not count else -1.0
    order = sorted(range(len(rough)), key=rough.__getitem__, reverse=True)
    for at, i in enumerate(order):
        if least >= max(rough[i], shared):
            return most([*found, *(arb(rough[i]) for i in order[at : at + count])] + [floor] * count, count)
        found.append(exact(i).max(floor))
        if len(found) >= count:
            least = sorted((float(x) for x in found), reverse=True)[count - 1]
    return most(found + [floor] * count, count)


class Seen:
    """What every one of some rows does to others, block by block."""

    def __init__(self, c: Centre, M: Blocks, X: arb_mat, sources: Sequence[Source]) -> None:
        self.s = [c.s[source.row] for source in sources]
        self.sources, self.k = sources, len(M)
        k, turned = self.k, arb_mat([c.head.rows[source.row] for source in sources]).transpose()
        half = [[block * turned for block in row] for row in M]
        self.K = [[(X * block).tolist() for block in row] for row in half]
        parts = [[block.tolist() for block in row] for row in half]
        Q = []
        for t in range(len(sources[0].pulls)):
            p = [source.pulls[t].p for source in sources]
            Q.append([X * arb_mat([[sum((parts[a][b][i][at] * line[b] for b in range(k)), ZERO)
                                    for at, line in enumerate(p)] for i in range(c.head.m)]) for a in range(k)])
        self.Q = [[one.tolist() for one in part] for part in Q]
        self.over: dict[tuple[int, int], list[list[float]]] = {}
        for a in range(k):
            for b in range(a):
                self.over[a, b], self.over[b, a] = _largest([part[a] - part[b] for part in Q])
        self.far, self.reach = [above(s.far) for s in sources], [above(s.reach) for s in sources]
        self.others: dict[int, list[int]] = {}

    def _kept(self, without: int) -> list[int]:
        """Places of all rows but one."""
        if without not in self.others:
            self.others[without] = [at for at, source in enumerate(self.sources) if source.row != without]
        return self.others[without]

    def pushes(self, j: int, a: int, b: int, root: arb, without: int) -> tuple[list[float], Callable[[int], arb]]:
        """At least `(K(e_a − e_b))·P̂` of every row but one: roughly, `root ≥ |x ⊗ (e_a − e_b)|_A`, and exactly."""
        kept, direct, far, length = self._kept(without), self.over[a, b][j], self.far, above(root)
        rough = [(direct[at] + length * far[at]) * UP + LOST for at in kept]

        def exact(place: int) -> arb:
            at = kept[place]
            pull, slack = largest([Q[a][j][at] - Q[b][j][at] for Q in self.Q]), self.sources[at].pulls[0].slack
            if slack == 0:
                return pull.upper()
            v = [self.K[a][c][j][at] - self.K[b][c][j][at] for c in range(self.k)]
            return (pull + square(self.s[at], v).upper().max(ZERO).sqrt() * slack).upper()

        return rough, exact

    def strays(self, j: int, s: Line, own: arb, without: int) -> tuple[list[float], Callable[[int], arb]]:
        """At least `|KP̂|_A` of every row but one, A with the probabilities s; own as of `curved`."""
        k, kept, length = self.k, self._kept(without), above(own)

        def exact(place: int) -> arb:
            at = kept[place]
            near = largest([square(s, [Q[a][j][at] for a in range(k)]) for Q in self.Q]).upper().sqrt()
            block = [[self.K[a][b][j][at] for b in range(k)] for a in range(k)]
            mean = [sum((s[a] * block[a][b] for a in range(k)), ZERO) for b in range(k)]
            far = sum((s[a] * square(self.s[at], [x - y for x, y in zip(block[a], mean, strict=True)])
                       for a in range(k)), ZERO)
            return (near + far.upper().max(ZERO).sqrt() * self.sources[at].pulls[0].slack).upper()

        return [nextafter(length * self.reach[at] * UP, inf) for at in kept], exact


def _largest(parts: list[arb_mat]) -> tuple[list[list[float]], list[list[float]]]:
    """At least the largest of entries at the same place, and 0, and the same of their negatives; else no number."""
    forth: list[list[float]] = []
    back: list[list[float]] = []
    for part in parts:
        rad = above(size(part - part.mid())) * WIDER
        rad = rad if rad == rad else inf
        rows = [[float(x) for x in row] for row in part.tolist()]  # middles
        forth = _joined(forth, [[(x + rad) * UP if x > -rad else x * 0.0 for x in row] for row in rows])
        back = _joined(back, [[(rad - x) * UP if x < rad else x * 0.0 for x in row] for row in rows])
    return forth, back


def _joined(one: list[list[float]], other: list[list[float]]) -> list[list[float]]:
    """The larger entries; no number where one is none."""
    if not one:
        return other
    return [[x if x >= y else y if y > x else nan for x, y in zip(*lines, strict=True)]
            for lines in zip(one, other, strict=True)]
