"""The choices whose changes take at least so much together, in batches: all others are proved by one bound."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from certify.rigor.fp import Array
from certify.systems.head.rows.head import Whole

AT_ONCE = 1 << 18
"""Choices at a time."""

LOW = 1.0 - 2.0**-30
"""Factor on what has to be reached: sums of floats are rounded."""


def listed(each: Array, k: int, need: float) -> Iterator[Whole]:
    """Batches of choices of one to k numbers, those among them with a sum of at least `need`, of each size by itself.

    Args:
        each: `(f,)` numbers, 0 or more.
        k: most of them.
        need: above 0.

    >>> [b.tolist() for b in listed(np.array([1.0, 3.0, 2.0]), 2, 4.0)]
    [[[1, 2], [1, 0]]]
    >>> [b.tolist() for b in listed(np.array([1.0, 3.0, 2.0]), 2, 2.5)]
    [[[1]], [[1, 2], [1, 0], [2, 0]]]
    """
    order = np.argsort(-each, kind="stable")
    for batch in _below(each[order], k, need * LOW, np.zeros((1, 0), np.int64), np.zeros(1)):
        yield order[batch]


def _below(falling: Array, left: int, need: float, chosen: Whole, sums: Array) -> Iterator[Whole]:
    """Those that begin with some choices and have up to `left` more, later numbers."""
    last = chosen[:, -1] if chosen.shape[1] else np.full(len(chosen), -1)
    width = np.maximum(_ends(falling, sums, left, need) - last - 1, 0)
    for some in pieces(width):
        of, more = spread(width[some], last[some])
        longer = np.hstack([chosen[some][of], more[:, None]])
        total = sums[some][of] + falling[more]
        done = total >= need
        if done.any():
            yield longer[done]
        if left > 1 and len(longer):
            yield from _below(falling, left - 1, need, longer, total)


def _ends(falling: Array, sums: Array, left: int, need: float) -> Whole:
    """How far the next number may be down for `left` of its size to reach what is needed."""
    return np.asarray(np.searchsorted(-falling, -(need - sums) / left * LOW, side="right"))


def spread(width: Whole, last: Whole) -> tuple[Whole, Whole]:
    """For each so many numbers after its last one: which it is, and the numbers."""
    of = np.repeat(np.arange(len(width)), width)
    begin = np.cumsum(width) - width
    return of, np.arange(len(of)) - begin[of] + last[of] + 1


def pieces(width: Whole) -> Iterator[slice]:
    """Parts with not too many numbers."""
    ends, begin = np.cumsum(width), 0
    while begin < len(width):
        end = int(np.searchsorted(ends, (ends[begin - 1] if begin else 0) + AT_ONCE, side="right"))
        yield slice(begin, max(end, begin + 1))
        begin = max(end, begin + 1)
