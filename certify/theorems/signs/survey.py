"""How many rows the sign of a coefficient survives, from both sides (O1)."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic

import numpy as np

from certify.finders.signs import rows_that_turn
from certify.rigor.fp import Array
from certify.theorems.signs.bound import Bounds
from certify.theorems.signs.design import Design, Groups, enclosed

SEARCH = 1 / 3
"""Share of the time in which rows that turn the sign are looked for: the proof has the rest."""


@dataclass(frozen=True)
class Survival:
    """Any `lower` rows may go: proved, −1 if not even today's sign is. `rows` turn it: proved; None if not found."""

    sign: int
    lower: int
    rows: tuple[int, ...] | None


def survival(x: Array, y: Array, Z: Array, groups: Groups | None, seconds: float, most: int | None) -> Survival | None:
    """Both ends for the coefficient of x among controls Z and an intercept for each group; None as `enclosed`."""
    design = enclosed(x, y, Z, groups)
    if design is None:
        return None
    begun = monotonic()
    bounds = Bounds(design, min(most if most is not None else len(x), _alone(design)))
    if bounds.ratio(0) >= 1:
        return Survival(design.sign, -1, None)
    rows = _turned(design, x, y, Z, groups, begun + SEARCH * seconds)
    limit = bounds.most
    if rows is not None:
        limit = min(limit, len(rows) - 1)
    return Survival(design.sign, _largest(bounds, limit, begun + seconds), rows)


def _alone(design: Design) -> int:
    """About how many rows the largest of `a_ib_i` alone need: beyond that the inequality cannot hold."""
    falling = np.cumsum(-np.sort(-design.a * design.b))
    return int(np.searchsorted(falling, float(design.a @ design.b)))


def _largest(bounds: Bounds, limit: int, until: float) -> int:
    """The largest k up to the limit that is proved; what was proved when the time is up.

    The first k is half the limit, the next where the line through the last two proved ones reaches 1, or the line
    between the ends once both are known; each third one halves what is left.
    """
    low, high, turn = 0, limit + 1, 0
    proved, failed = [(0, 0.0)], float("inf")
    while high - low > 1 and monotonic() < until:
        (before, there), (at, here) = (proved[-2:] if len(proved) > 1 else [(0, 0.0), (0, 0.0)])
        if turn % 3 == 2 or at == before:
            k = (low + high) // 2
        elif failed < float("inf"):
            k = int(low + (high - low) * (1 - here) / (failed - here))
        else:
            k = int(at + (1 - here) * (at - before) / max(here - there, 1e-9))
        k, turn = min(max(k, low + 1), high - 1), turn + 1
        ratio = bounds.ratio(k)
        if ratio < 1:
            low = k
            proved.append((k, ratio))
        else:
            high, failed = k, min(ratio, 4.0)
    return low


def _turned(design: Design, x: Array, y: Array, Z: Array, groups: Groups | None, until: float,
            ) -> tuple[int, ...] | None:
    """Rows without which the sign is another one, proved by fitting again; None where none were found."""
    found = rows_that_turn(design.a, design.b, design.W, design.groups, until)
    if found is None:
        return None
    rows = design.order[found]
    for size in range(max(1, len(rows) - 2), len(rows) + 1):
        if turns(x, y, Z, groups, rows[:size], design.sign):
            return tuple(int(row) for row in rows[:size])
    return None


def turns(x: Array, y: Array, Z: Array, groups: Groups | None, rows: Groups, sign: int) -> bool:
    """Whether it is proved that without these rows the coefficient has not this sign."""
    kept = np.ones(len(x), dtype=bool)
    kept[rows] = False
    Z = Z[kept]
    left = None if groups is None else np.unique(groups[kept], return_inverse=True)[1]
    Z = Z[:, np.abs(Z).max(axis=0, initial=0.0) > 0]  # columns of zeros do nothing
    after = enclosed(x[kept], y[kept], Z, left)
    return after is not None and after.sign == -sign and after.covariance()[0] > 0
