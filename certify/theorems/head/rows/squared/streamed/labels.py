"""D3 by parts of the rows: both ends of the number of changed labels that each evaluation row tolerates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import Array
from certify.systems.head.rows.ridge import Ridge, Solved, solve
from certify.theorems.head.rows.squared.contrasts import Contrast, Ints, Swing, contrasts
from certify.theorems.head.rows.squared.outputs import Outputs
from certify.theorems.head.rows.squared.streamed.drops import Drops
from certify.theorems.head.rows.squared.streamed.influences import as_lines
from certify.theorems.head.rows.squared_labels import Point, Targets, ends_of

FIRST = 4096
"""Largest numbers that are kept at first of each contrast, if memory holds as many."""


@dataclass(frozen=True, eq=False)
class Tolerated:
    """Ends of the number of changed labels that each evaluation row tolerates, as of D3.

    Attributes:
        lower, upper: `(N,)`; −1 where the exact refit has another label already.
        passes: how often all rows were read for it.
    """

    lower: Ints
    upper: Ints
    passes: int


@dataclass(eq=False)
class _Open:
    """A contrast of a point that is still open."""

    point: int
    contrast: Contrast
    low: float
    high: float
    least: int = 0


def tolerated(system: Ridge, targets: Targets, points: Array, today: Ints, threshold: float, memory: int) -> Tolerated:
    """Both ends for every point; what is kept is doubled and doubled again where it does not reach the margin.

    Args:
        system: of all rows, every one of which may change.
        targets: and what they may become.
        points: `(N, p)`.
        today: `(N,)` labels that have to stay.
        threshold: of one output.
        memory: bytes for the largest numbers.
    """
    N, n = len(points), system.n
    solved, outputs = solve(system, points), Outputs(system, targets.Y)
    below, above = np.full(N, n), np.full(N, n)
    open_: list[_Open] = []
    for a in np.unique(today):
        at = np.flatnonzero(today == a)
        for contrast in contrasts(int(a), outputs.b.shape[1], threshold):
            low, high = outputs.margins(solved, contrast, at)
            open_ += [_Open(int(j), contrast, float(x), float(y)) for j, x, y in zip(at, low, high, strict=True)]
    for one in open_:  # what is lost, or may be, before any change
        below[one.point] = below[one.point] if one.low > 0 else -1
        above[one.point] = above[one.point] if one.high >= 0 else -1
    kept, passes = min(FIRST, n), 0
    open_ = [one for one in open_ if above[one.point] >= 0]
    while open_:
        room = max(1, memory // (32 * kept))
        left: list[_Open] = []
        for start in range(0, len(open_), room):
            left += _pass(system, targets, solved, open_[start : start + room], kept, (below, above))
            passes += 1
        for one in left:  # one that surely lasts as long as another one of its point needs no more
            if above[one.point] < kept:
                below[one.point] = min(below[one.point], one.least)
        open_, kept = [one for one in left if above[one.point] >= kept], min(16 * kept, n)
    return Tolerated(below, above, passes)


def _pass(system: Ridge, targets: Targets, solved: Solved, asked: list[_Open], kept: int, ends: tuple[Ints, Ints],
          ) -> list[_Open]:
    """The ends of some contrasts by one pass over the rows; those which the kept numbers do not reach."""
    below, above = ends
    points = np.unique([one.point for one in asked])
    place = {int(j): t for t, j in enumerate(points)}
    kinds = {contrast: t for t, contrast in enumerate(dict.fromkeys(one.contrast for one in asked))}
    places: Ints = np.array([[place[one.point], kinds[one.contrast]] for one in asked], dtype=np.int64)
    rows = system.rows
    tally = rows.tallied(Drops(solved.u[points], rows.per_row(targets.Y), targets.codes,
                               rows.per_row(targets.open_codes), as_lines(list(kinds)), places, kept))
    unit = fp.dot_unit(system.p) * system.longest
    left, nothing = [], np.zeros(0)
    for one, found in zip(asked, tally.largest, strict=True):
        j, top = one.point, found.falling()
        point = Point(tally.influence[[place[j]]], unit * float(solved.size[j]) * fp.RAISE, float(solved.off[j]))
        whole = Swing(nothing, nothing, *tally.sizes[kinds[one.contrast]].tolist())
        low, high = ends_of(point, whole, one.low, one.high, top)
        if found.whole:  # no other row takes anything
            low, high = _of_all(point, whole, one, top, system.n, (low, high))
        elif high >= len(top):
            one.least = low
            left.append(one)
            continue
        below[j] = min(below[j], low if one.low > 0 else -1)
        above[j] = min(above[j], high)
    return left


def _of_all(point: Point, s: Swing, one: _Open, top: Array, n: int, ends: tuple[int, int]) -> tuple[int, int]:
    """The same where all rows that take anything are among the largest: the others leave the sum as it is."""
    low, high = ends
    total = float(top.sum()) * fp.sum_up(len(top) + 2) + float(point.slack(np.array(float(n)), s))
    return n if low == len(top) and total < one.low else low, n if high == len(top) else high
