"""D6 in balls, for a loss that is flat beyond a kink: minimisers by strong convexity, and rows that do not pull."""

from __future__ import annotations

from flint import arb

from certify.check.theorems.head.rows.boxes.ends.base import End, Leaves
from certify.check.theorems.head.rows.boxes.margins import Points
from certify.check.theorems.head.rows.boxes.trap import Centre, centre


def distance(c: Centre) -> arb:
    """How far the minimiser may lie from the centre: the gradient's length by the least decay; else no number."""
    least = c.sums.decay[0].lower()
    for x in c.sums.decay:
        least = least.min(x.lower())
    return (c.gradient / least).upper() if least > 0 else arb("nan")


def above(c: Centre, e: Points, wanted: list[int]) -> list[bool]:
    """Whether points lie above their levels at the minimiser near a centre."""
    margins, far = e.margins(c.w), distance(c)
    return [bool(margins[j] > e.norms[j] * far) for j in wanted]


class FlatEnd(End):
    """Of the squared hinge, `p = 0` where `t ≥ 1`, and every weight decays."""

    def pulling(self, free: list[int]) -> list[int]:
        """Of deletions those that may be below 1 at the minimiser: the others have no slope there."""
        c, far = self.c, distance(self.c)
        return free if c.sums.relabels else [i for i in free if not c.t[i] > 1 + c.sums.norms[i] * far]

    def alone(self, e: Points, wanted: list[int]) -> list[bool]:
        """By strong convexity."""
        return above(self.c, e, wanted)

    def open(self, free: list[int], e: Points) -> dict[int, list[int]]:
        """All that pull: without any other row the minimiser is what it is with it."""
        return {i: list(range(len(e.rows))) for i in self.pulling(free)}

    def refused(self, stated: Leaves, e: Points, rows: dict[int, int], needed: dict[int, list[int]]) -> set[int]:
        """Each leaf by its own gradient."""
        c, left = self.c, set[int]()
        for i in sorted(needed):
            asked = [at for at in needed[i] if at not in left]
            near = centre(c.sums, [*c.out, i], stated[rows[i]][1], c.loss)
            left |= {at for at, ok in zip(asked, above(near, e, asked), strict=True) if not ok}
        return left
