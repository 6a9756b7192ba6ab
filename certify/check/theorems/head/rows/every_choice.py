"""D2 for changes of every kind: each choice has its refit in the certificate, and keeps the labels."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

from certify.check.limits.shares import shared
from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.refitted.refit import Change, labels_after
from certify.format.refusal import Invalid

AT_ONCE, TOGETHER = 256, 128
"""Choices of a batch, and batches that are shared among processes."""


def proved(head: Head, arrays: Mapping[str, Array], where: str, asked: list[bool]) -> list[bool]:
    """Which evaluation rows keep today's label after every choice.

    Args:
        head: the head.
        arrays: `weights`, `(choices, km)`, in the order in which the kind of change has its choices.
        where: the claim, for messages.
        asked: the rows in question.

    Raises:
        Invalid: the array has another shape.
    """
    if set(arrays) != {"weights"}:
        raise Invalid(where, f"its arrays are {', '.join(sorted(arrays))}", "weights alone is needed")
    weights, size = arrays["weights"], head.k * head.m
    every, at, stays = head.change.every(), 0, list(asked)
    while some := list(islice(every, AT_ONCE * TOGETHER)):
        if weights.shape[1:] != (size,) or weights.shape[0] < at + len(some):
            raise Invalid(f"{where}, weights", f"its shape is {weights.shape}", f"{size} weights a choice are needed")

        def kept(number: int, some: list[Change] = some, at: int = at) -> list[bool]:
            part = range(number * AT_ONCE, min((number + 1) * AT_ONCE, len(some)))
            V = [weights.values[(at + b) * size : (at + b + 1) * size] for b in part]
            found = labels_after(head, [some[b] for b in part], V)
            return [all(labels[j] == old for labels in found) for j, old in enumerate(head.today)]

        for good in shared(kept, -(-len(some) // AT_ONCE)):
            stays = [was and ok for was, ok in zip(stays, good, strict=True)]
        at += len(some)
    if weights.shape[0] != at:
        raise Invalid(f"{where}, weights", f"it has {weights.shape[0]} rows", f"there are {at} choices")
    return [yes and old >= 0 for yes, old in zip(stays, head.today, strict=True)]
