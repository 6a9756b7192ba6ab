"""D34: what the box of one output leaves of `x·w` and of `−x·w` after changes of rows, in doubles counted upwards."""

from __future__ import annotations

from dataclasses import dataclass

from flint import arb, arb_mat

from certify.check.linalg.balls import ZERO
from certify.check.theorems.head.rows.boxes.fixed_rows import LOST, UP, few, size
from certify.check.theorems.head.rows.boxes.margins import Points
from certify.check.theorems.head.rows.boxes.products import rounding
from certify.check.theorems.head.rows.boxes.trap import Box

TINY = 2.0**-48
"""More than a product of two doubles and sums of two such are rounded by, as a share of their terms."""
LOWEST, HIGHEST = -900, 300
"""Exponents of products of rows and points: below it they are less than `LOST`; above it nothing is looked at."""
LARGE = 2.0**900
"""What sums of sizes stay below; no number does not."""


def up(x: arb) -> float:
    """A double above a number; no number where it is none."""
    y = float(x.upper()) if x.is_finite() else float("nan")
    return y + abs(y) * TINY + LOST


def down(x: arb) -> float:
    """A double below a number; no number where it is none."""
    return -up(-x)


@dataclass(frozen=True)
class Lost:
    """`±x·w ≥ ±margin − (sum of what rows that change take) − fixed`, of one point.

    Attributes:
        margin: `x·ŵ`.
        fixed: with all rows together in the norm of B, and with each by itself.
        forth, against: what every free row takes of `x·w` and of `−x·w`, below 0 where it adds.
        apart: what is added to both where each row counts by itself.
    """

    margin: arb
    fixed: tuple[arb, arb]
    forth: list[float]
    against: list[float]
    apart: list[float]

    def takes(self, sign: int, alone: bool) -> list[float]:
        """What rows take of `sign·x·w`."""
        mine = self.forth if sign > 0 else self.against
        return [x + y for x, y in zip(mine, self.apart, strict=True)] if alone else mine


class Held:
    """A proved box of one output, with the pulls of rows that change altogether: `p̂ ∈ [P, Q]`.

    Args:
        box: the box.
    """

    def __init__(self, box: Box) -> None:
        self.box, c = box, box.c
        il, ih = box.slabs[2], box.slabs[3]
        self.place = {i: at for at, i in enumerate(box.free)}
        self.low, self.high = [], [up(box.forth[i]) for i in box.free]
        for i in box.free:
            if c.sums.relabels:
                pull = c.loss.turned(c.t[i], c.p[i], c.D[i], arb(il[i]), arb(ih[i]))[0]
                self.low.append(down(c.counts(i) * pull - box.backs[i]))
            else:
                self.low.append(down(c.counts(i) * (c.p[i] - c.D[i] * arb(ih[i]))))
        self.most = [max(abs(a), abs(b)) * UP for a, b in zip(self.low, self.high, strict=True)]
        self.own = [up(box.beta[i] * box.sizes[i]) for i in box.free]
        self.sound = sum(map(abs, self.low)) + sum(map(abs, self.high)) + sum(self.own) < LARGE
        self.Z = box.mean * arb_mat([[arb(x) for x in c.sums.rows[i]] for i in box.free]).transpose()
        self.coarse = few(self.Z.mid(), c.sums.p)

    def lost(self, e: Points) -> list[Lost | None]:
        """What it leaves of points; None where a number of one is none, or too large."""
        box, width = self.box, len(self.box.free)
        zeta = rounding(e.short, self.Z, self.coarse)
        beta = e.forms(box.half, (size(box.half) + box.off).upper())
        flat = [int(x) for x in (e.short.mat * self.coarse.mat).entries()]
        found: list[Lost | None] = []
        for at, (margin, form, r) in enumerate(zip(e.margins(box.c.w), beta, e.norms, strict=True)):
            edge = (form + box.off * r * r).max(ZERO).upper().sqrt()
            rest = r * (box.loose + box.still)
            found.append(self._of(flat[at * width : (at + 1) * width], e.short.unit[at] + self.coarse.unit,
                                  (up(r * zeta), up(edge)), (margin, (edge * box.spread + rest, rest))))
        return found

    def _of(self, whole: list[int], unit: int, errors: tuple[float, float], known: tuple[arb, tuple[arb, arb]],
            ) -> Lost | None:
        """One point, from its products with the rows in whole numbers of `2^unit`."""
        if unit > HIGHEST or not self.sound:
            return None
        times, (off, edge) = 2.0 ** max(unit, LOWEST), errors
        c = [x * times for x in whole]
        loose = [(abs(x) * TINY + off) * m * UP for x, m in zip(c, self.most, strict=True)]
        apart = [edge * x * UP for x in self.own]
        if not sum(abs(x) * m for x, m in zip(c, self.most, strict=True)) + sum(loose) + sum(apart) < LARGE:
            return None
        ends = [(x * p, x * q) for x, p, q in zip(c, self.low, self.high, strict=True)]
        return Lost(*known, [max(a, b) + y for (a, b), y in zip(ends, loose, strict=True)],
                    [y - min(a, b) for (a, b), y in zip(ends, loose, strict=True)], apart)
