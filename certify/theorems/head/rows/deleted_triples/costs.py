"""D30: how much a node does, by about what parts of it take. Nothing that is proved rests on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LARGE = 1 << 21
"""Entries from which on a table is large."""


@dataclass(frozen=True)
class Costs:
    """Numbers of a node; seconds are those of a core of 2020 or so.

    Attributes:
        own: rows with a step of their own: where columns are few, many rows are nearly as hot as the hottest.
        apart: rows that are set apart at most.
        formed: pairs that are formed at first.
        child: seconds of a node below.
        listed: seconds of a choice that is listed, with all that follows, where rows are set apart for it.
        nearer: seconds of one that is looked at near its refit.
        rest: seconds of a choice that is listed, where rows are apart already.
        all, last: seconds of a choice that is listed, where points are given up for it, and of one that is looked at
            near its refit; of a large table most of that are nodes, which the first number has.
    """

    own: int
    apart: int
    formed: int
    child: float
    listed: float
    nearer: float
    rest: float
    all: float
    last: float


LOOKED, PART, FEWEST = 4e-7, 0.15, 256
"""Seconds of a choice of three rows that have steps of their own, and the part of the time that all of them may take;
but so many rows have steps whatever time there is."""


def costs(k: int, size: int, seconds: float) -> Costs:
    """Those of a node after which k rows may follow.

    Args:
        k: two or three.
        size: entries of the table.
        seconds: that are left.
    """
    large, formed = size >= LARGE, int(8.0 / (2e-5 + 6.2e-11 * size))
    listed, nearer = 3e-5 + 4.6e-11 * size, 8e-4 + 3.6e-10 * size
    both = (2.5e-4, 1.8e-4, 0.0) if large else (3e-5, 2.5e-5, nearer)
    if k == 2:
        return Costs(384 if large else 768, 12 if large else 24, 0, 0.3 + 3.6e-7 * size, listed, nearer, *both)
    most = 512 if large else 768
    own = int(np.clip((6.0 * PART * max(seconds, 0.0) / LOOKED) ** (1.0 / 3.0), FEWEST, most))
    return Costs(own, 40 if large else 80, formed, 3.0 + 9e-7 * size, listed, nearer, *both)
