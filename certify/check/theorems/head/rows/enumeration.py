"""D2: every choice of changed rows has its refit in the certificate, and keeps the labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations, islice, product

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.changes.base import DELETED
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.refit import Change, labels_after
from certify.format.refusal import Invalid

AT_ONCE = 256


def changes_of(head: Head) -> Iterator[Change]:
    """All changes of 0, 1, … count rows: by number, then rows in lexicographic order, then codes."""
    for size in range(min(head.count, len(head.moving)) + 1):
        for rows in combinations(head.moving, size):
            each = [[c for c in range(len(head.codes.rows)) if c != head.codes.label[i]] if head.relabels else [DELETED]
                    for i in rows]
            for codes in product(*each):
                yield tuple(zip(rows, codes, strict=True))


def proved(head: Head, arrays: Mapping[str, Array], where: str, asked: list[bool]) -> list[bool]:
    """Which evaluation rows keep today's label after every change.

    Args:
        head: the head.
        arrays: `weights`, `(choices, km)`.
        where: the claim, for messages.
        asked: the rows in question.

    Raises:
        Invalid: the array has another shape.
    """
    if set(arrays) != {"weights"}:
        raise Invalid(where, f"its arrays are {', '.join(sorted(arrays))}", "weights alone is needed")
    weights, size = arrays["weights"], head.k * head.m
    every, at, stays = changes_of(head), 0, list(asked)
    while some := list(islice(every, AT_ONCE)):
        if weights.shape[1:] != (size,) or weights.shape[0] < at + len(some):
            raise Invalid(f"{where}, weights", f"its shape is {weights.shape}", f"{size} weights a choice are needed")
        V = [weights.values[(at + b) * size : (at + b + 1) * size] for b in range(len(some))]
        for labels in labels_after(head, some, V):
            stays = [was and new == old for was, new, old in zip(stays, labels, head.today, strict=True)]
        at += len(some)
    if weights.shape[0] != at:
        raise Invalid(f"{where}, weights", f"it has {weights.shape[0]} rows", f"there are {at} choices")
    return [yes and old >= 0 for yes, old in zip(stays, head.today, strict=True)]
