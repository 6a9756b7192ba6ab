"""D2 for changes of every kind: each choice has its refit in the certificate, and keeps the labels."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.refitted.refit import labels_after
from certify.format.refusal import Invalid

AT_ONCE = 256


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
