"""Choices of changes whose numbers reach a sum, in doubles; all others are proved by one bound."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

Sorted = tuple[list[float], list[int]]
"""Numbers from the largest down, and the places they are of."""


def falling(values: Sequence[float], places: Sequence[int]) -> Sorted:
    """Numbers at some places, from the largest down."""
    order = sorted(places, key=lambda a: -values[a])
    return [values[a] for a in order], order


def most(groups: Sequence[tuple[Sorted, int]]) -> float:
    """The largest sum of a choice that has so many of each group.

    >>> most([(falling([1.0, -2.0, 3.0], [0, 1, 2]), 2)])
    4.0
    """
    return sum([sum(values[:size]) for (values, _), size in groups])


def reaching(groups: Sequence[tuple[Sorted, int]], need: float) -> Iterator[tuple[int, ...]]:
    """The choices of so many of each group whose sum is at least `need`.

    >>> list(reaching([(falling([1.0, 3.0, 2.0], [0, 1, 2]), 2)], 4.0))
    [(1, 2), (1, 0)]
    >>> list(reaching([(falling([5.0, 1.0], [0, 1]), 1), (falling([5.0, 1.0, 4.0], [2]), 1)], 6.0))
    [(0, 2)]
    """
    yield from _from(groups, 0, need, ())


def _from(groups: Sequence[tuple[Sorted, int]], start: int, need: float, chosen: tuple[int, ...],
          ) -> Iterator[tuple[int, ...]]:
    """Those that begin with some choice, the next number of the first group at a place from `start` on."""
    if not groups:
        yield chosen
        return
    ((values, order), size), others = groups[0], groups[1:]
    if size == 0:
        yield from _from(others, 0, need, chosen)
        return
    rest = most(others)
    for at in range(start, len(values) - size + 1):
        if sum(values[at : at + size]) + rest < need:
            return
        yield from _from([(groups[0][0], size - 1), *others], at + 1, need - values[at], (*chosen, order[at]))
