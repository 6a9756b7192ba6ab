"""D12, D13: pairs of rows that a bound leaves open, each looked at by a refit of its own (D6, leaves)."""

from __future__ import annotations

from collections.abc import Sequence
from math import ldexp
from operator import mul

from certify.check.theorems.head.rows.boxes.leaves import alone, base
from certify.check.theorems.head.rows.boxes.margins import Points
from certify.check.theorems.head.rows.boxes.trap import Centre, centre
from certify.check.theorems.head.rows.pair_tree.steps import Steps

ROUGH, TURNS = 2, 3
"""Newton's method from the sum of both steps: by the inverse of the node, and then by that at the weights reached."""


def both(st: Steps, pair: tuple[int, int], e: Points, wanted: Sequence[int]) -> set[int]:
    """Those of some points that stay positive when the rows of two steps have changed; both rows' own weights are used.

    Args:
        st: the steps of a node.
        pair: their places.
        e: the points, `wanted` those asked for.
    """
    w = [float(x.mid()) for x in st.c.w.entries()]
    for one in (st.own[a] for a in pair):
        w = [x + ldexp(y, one.unit) for x, y in zip(w, one.whole, strict=True)]
    left, some, proved = sorted(wanted), e.some(sorted(wanted)), set[int]()
    for turn in range(ROUGH + TURNS):
        c, b = centre(st.c.sums, [*st.c.out, *(st.rows[a] for a in pair)], w), st.b
        if turn >= ROUGH:
            if (own := base(c)) is None:
                break
            b = own
            proved |= {at for at, ok in zip(left, alone(c, some, list(range(len(left))), b), strict=True) if ok}
            if len(proved) == len(left):
                break
        g = _gradient(c, w)
        w = [x - sum(map(mul, map(float, row), g)) for x, row in zip(w, b.X.tolist(), strict=True)]
    return proved


def _gradient(c: Centre, w: Sequence[float]) -> list[float]:
    """In doubles: a proposal."""
    pull = [(-1.0 if turned else 1.0) * float(p.mid()) if kept else 0.0
            for p, kept, turned in zip(c.p, c.kept, c.turned, strict=True)]
    return [float(d.mid()) * x - sum(map(mul, pull, column)) for d, x, column in zip(
        c.sums.decay, w, zip(*c.sums.rows, strict=True), strict=True)]
