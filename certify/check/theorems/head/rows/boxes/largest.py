"""Sums of the largest of many whole numbers, without sorting them all."""

from __future__ import annotations

from bisect import insort

from flint import fmpz

BACK = 40
"""Bits of the ratio of pulls back to pulls forth."""

SAMPLED = 16
"""Of many numbers every so many-th is looked at to guess which of them are large."""


def tops(row: list[fmpz], k: int, ratio: int, floor: int) -> tuple[int, int, int, int]:
    """Sums of the k and the k − 1 largest of `max(f, −ratio·f, floor)`, and the same for `−f`."""
    if k == 1:
        top, bottom = int(max(row)), int(min(row))
        return (max(top, floor, (-bottom * ratio >> BACK) + 1), 0,
                max(-bottom, floor, (top * ratio >> BACK) + 1), 0)
    heads, tails = _ends(row, k)
    X = _first(heads, tails, k, ratio, floor)
    Y = _first(tails, heads, k, ratio, floor)
    return sum(X), sum(X[1:]), sum(Y), sum(Y[1:])


def _ends(row: list[fmpz], k: int) -> tuple[list[int], list[int]]:
    """The k largest numbers in ascending order, and the negatives of the k least in descending order of these."""
    some = sorted(row[::SAMPLED])
    rank = k // 8 + 4
    if len(some) > 4 * rank:
        high, low = int(some[-rank]), int(some[rank])
        heads, tails = [int(x) for x in row if x > high], [int(x) for x in row if x < low]
        if len(heads) >= k and len(tails) >= k:  # all that are left out are no larger
            heads.sort()
            tails.sort()
            return heads[-k:], [-x for x in tails[:k]]
    order = sorted(map(int, row))
    return order[-k:], [-x for x in order[:k]]


def _first(forth: list[int], back: list[int], k: int, ratio: int, floor: int) -> list[int]:
    """The k largest in ascending order, each at least `floor`."""
    best = sorted(forth)
    for x in back:
        if x > 0:
            insort(best, (x * ratio >> BACK) + 1)
    best = [max(x, floor) for x in best[-k:]]
    return [floor] * (k - len(best)) + best
