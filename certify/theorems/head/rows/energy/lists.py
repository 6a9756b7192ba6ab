"""Which alternatives and which sets of a node are left: those with a score that is not shown negative (D7)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from math import comb

import numpy as np

from certify.rigor.fp import Array
from certify.theorems.head.rows.energy.rows import Index
from certify.theorems.head.rows.energy.scores import Scores

LISTED = 8000
"""Sets that a node lists rather than splits."""

SLACK = 1e-3
"""How far below zero a score must be: the checker's own dual points are near the prover's, not the same."""

_SPLIT = 1 / 24
"""Share of a node's alternatives that are split off at once."""

_TRIPLES = 200
"""Most alternatives whose triples are searched for a list."""


def survivors(found: list[Scores], count: int, check: Callable[[], None] = lambda: None) -> Index:
    """Alternatives that some set of nonnegative score may hold, those gone left out of the others' sets in turn."""
    kept = np.arange(count)
    while len(kept):
        alive = np.ones(len(kept), dtype=bool)
        for s in reversed(found):  # the last one follows the sets, and knows most
            check()
            alive &= ~(s.within(kept).each(-SLACK, np.flatnonzero(alive)) < -SLACK)
        if alive.all():
            break
        kept = kept[alive]
    return kept


def greedy(s: Scores) -> Array:
    """Indicator `(L,)` of a set of high score."""
    last = len(s.single) - 1
    gain, shares = s.single.copy(), np.zeros(last + 1)
    best = int(np.argmax(s.sums()))
    for _ in range(s.k):
        shares[best] += 1.0
        gain = gain + s.pair[best]
        best = int(np.argmax(gain))
    return shares[:last]


def most_harmful(found: list[Scores], harm: Array) -> Index:
    """Alternatives to split off, most harmful first: as few as leave a rest without a set of nonnegative score.

    At most a share of all; what is left then gets bounds of its own.
    """
    order = np.argsort(-harm)
    low, high = 0, max(1, int(len(order) * _SPLIT))
    while found and high - low > 1:  # `high` are enough, or are all that go at once
        middle = (low + high) // 2
        rest = np.sort(order[middle:])
        if any(s.within(rest).worst() < -SLACK for s in reversed(found)):
            high = middle
        else:
            low = middle
    return order[:high]


def listing(found: list[Scores], count: int, k: int) -> Index | None:
    """Sets `(B, k)` whose score is not shown negative, `count` for the empty item; None where they are too many."""
    if k == 1:
        return np.flatnonzero(_left([s.base + s.single for s in found], (count + 1,)))[:, None]
    if k == 2:
        keep = np.triu(_left([_pairs(s, s.base, s.single, s.pair) for s in found], (count + 1, count + 1)))
        keep[np.arange(count), np.arange(count)] = False
        sets = np.argwhere(keep)
        return sets if len(sets) <= LISTED else None
    if k == 3 and found:
        return _triples(found, count) if count <= _TRIPLES else None
    if count > 40 or sum(comb(count, j) for j in range(k + 1)) > LISTED // 8:
        return None
    every = [list(c) + [count] * (k - j) for j in range(k + 1) for c in combinations(range(count), j)]
    return np.array(every, dtype=np.int64)


def distinct(sets: Index, owner: Index) -> Index:
    """Those of the sets that relabel no row twice, `len(owner)` the empty item."""
    rows = np.sort(np.append(owner, -1)[sets], axis=1)
    return np.asarray(sets[~((rows[:, 1:] == rows[:, :-1]) & (rows[:, 1:] >= 0)).any(1)])


def _left(bounds: list[Array], shape: tuple[int, ...]) -> Array:
    keep = np.ones(shape, dtype=bool)
    for bound in bounds:
        keep &= ~(bound < -SLACK)
    return keep


def _pairs(s: Scores, base: float, single: Array, pair: Array) -> Array:
    total: Array = base + single[:, None] + single[None, :] + pair
    return total


def _triples(found: list[Scores], count: int) -> Index | None:
    sets, total = [], 0
    for x in range(count + 1):
        bounds = [_pairs(s, s.base + s.single[x], s.single[x:] + s.pair[x, x:], s.pair[x:, x:]) for s in found]
        keep = np.triu(_left(bounds, (count + 1 - x, count + 1 - x)))
        keep[np.arange(count - x), np.arange(count - x)] = False
        if x < count:
            keep[0] = False
        pairs = np.argwhere(keep) + x
        total += len(pairs)
        if total > LISTED:
            return None
        sets.append(np.concatenate([np.full((len(pairs), 1), x), pairs], 1))
    return np.concatenate(sets)
