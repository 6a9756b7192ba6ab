"""D2: every choice of changed rows has its refit in the certificate, and keeps the labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate, groupby, islice

from certify.check.limits.shares import shared
from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.changes.base import DELETED
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.refitted.judge import Judge
from certify.check.theorems.head.rows.refitted.last import SUMS, last_of, sums_of
from certify.check.theorems.head.rows.refitted.refit import Change
from certify.format.refusal import Invalid

AT_ONCE, FORMED, TOGETHER = 128, 512, 32_768
"""Changes of a batch, of one for which a form is made, and those that are shared among processes."""
AGAIN = {"again", "exact"}


def changes_of(head: Head, most: int | None = None) -> Iterator[Change]:
    """All changes of 0, 1, … `most` rows, or count: by number, then as sequences of rows and what they become."""
    for size in range(min(head.count if most is None else most, len(head.moving)) + 1):
        yield from _of_size(head, size, 0)


def _of_size(head: Head, size: int, first: int) -> Iterator[Change]:
    """Those of a number of rows, of the moving ones from a place on."""
    if not size:
        yield ()
        return
    for place in range(first, len(head.moving) - size + 1):
        row = head.moving[place]
        each = [c for c in range(len(head.codes.rows)) if c != head.codes.label[row]] if head.relabels else [DELETED]
        for code in each:
            for more in _of_size(head, size - 1, place + 1):
                yield ((row, code), *more)


def proved(head: Head, arrays: Mapping[str, Array], where: str, asked: list[bool]) -> list[bool]:
    """Which evaluation rows keep today's label after every change.

    Args:
        head: the head.
        arrays: `weights`, `(choices, km)`; and of some, by number, in `again` others that are used: `exact`. With
            `basis`, `moved`, `units` (and `shares` of one output) the weights of the largest changes are sums of those
            of smaller ones.
        where: the claim, for messages.
        asked: the rows in question.

    Raises:
        Invalid: the arrays have other shapes.
    """
    names = set(arrays) - AGAIN if set(arrays) >= AGAIN else set(arrays)
    sums = sums_of(head)
    if names not in ({"weights"}, {"weights", *sums}):
        raise Invalid(where, f"its arrays are {', '.join(sorted(arrays))}",
                      f"weights, or again, exact and weights are needed, and with sums {', '.join(sorted(sums))}")
    size, summed = head.k * head.m, SUMS <= names
    others = others_of(arrays, where, size) if AGAIN <= set(arrays) else {}
    stays = [yes and old >= 0 for yes, old in zip(asked, head.today, strict=True)]
    weights = arrays["weights"]
    if weights.shape[1:] != (size,) or weights.kind != "f":
        raise Invalid(f"{where}, weights", f"its shape is {weights.shape}", f"{size} weights a choice are needed")
    judge, at = Judge(head), 0
    at_once = FORMED if judge.pairs else AT_ONCE
    every = batches(head, head.count - summed, at_once)
    while group := list(islice(every, TOGETHER // at_once)):
        starts = list(accumulate(map(len, group), initial=at))
        if weights.shape[0] < (end := starts[-1]):
            raise Invalid(f"{where}, weights", f"its shape is {weights.shape}", f"{size} weights a choice are needed")

        def after(number: int, group: list[list[Change]] = group, starts: list[int] = starts,
                  before: list[bool] = stays) -> list[bool]:
            V = [others.get(b, weights.values[b * size : (b + 1) * size])
                 for b in range(starts[number], starts[number + 1])]
            return judge.after(group[number], V, before)

        stays = [all(some) for some in zip(*shared(after, len(group)), strict=True)]
        at = end
    if weights.shape[0] != at:
        raise Invalid(f"{where}, weights", f"it has {weights.shape[0]} rows", f"there are {at} choices")
    if summed:
        last = last_of(head, judge, arrays, where)
        at += last.count
    if beyond := [number for number in others if not 0 <= number < at]:
        raise Invalid(f"{where}, again", f"it names choice {beyond[0]}", f"there are {at} choices, numbered from 0")
    return last.after(stays, others) if summed else stays


def batches(head: Head, most: int, at_once: int) -> Iterator[list[Change]]:
    """All changes of at most so many rows, in batches of equally many rows."""
    for _, every in groupby(changes_of(head, most), len):
        while some := list(islice(every, at_once)):
            yield some


def others_of(arrays: Mapping[str, Array], where: str, size: int) -> dict[int, tuple[float, ...]]:
    """The weights of those choices whose own are not near enough."""
    again, exact = arrays["again"], arrays["exact"]
    if again.kind != "i" or len(again.shape) != 1 or exact.shape != (again.shape[0], size):
        raise Invalid(f"{where}, exact", f"the shapes of again and exact are {again.shape}, {exact.shape}",
                      f"numbers of choices and {size} weights of each are needed")
    found = {int(number): exact.values[b * size : (b + 1) * size] for b, number in enumerate(again.values)}
    if len(found) < again.shape[0]:
        raise Invalid(f"{where}, again", f"{again.shape[0]} entries name {len(found)} choices",
                      "each choice is needed once at most")
    return found
