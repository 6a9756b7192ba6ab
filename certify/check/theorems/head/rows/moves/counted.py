"""Every choice of changed rows has its refit in the certificate, and none moves farther than is stated (D2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby, islice

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.changes.base import DELETED, Choice
from certify.check.theorems.head.rows.enumeration import AGAIN, others_of
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.moves.measures import Measure
from certify.check.theorems.head.rows.moves.packed import PackedMoves
from certify.check.theorems.head.rows.refitted.packed import fits
from certify.check.theorems.head.rows.refitted.refit import distances
from certify.format.refusal import Invalid

AT_ONCE = 128
LARGE = 2.0**40
"""Weights beyond which whole numbers do not hold them."""


def check_all(measure: Measure, most: float, arrays: Mapping[str, Array], where: str) -> None:
    """No choice moves farther than `most`.

    Args:
        measure: of the motion.
        most: the stated upper end.
        arrays: `weights`, `(choices, km)`, in the order of the kind of change; and of some, by number, in `again`
            others that are used: `exact`.
        where: the claim, for messages.

    Raises:
        Invalid: one may, or the arrays have other shapes.
    """
    head = measure.head
    if set(arrays) not in ({"weights"}, {"weights", *AGAIN}):
        raise Invalid(where, f"its arrays are {', '.join(sorted(arrays))}",
                      "weights, or again, exact and weights are needed")
    weights, size, at = arrays["weights"], head.k * head.m, 0
    others = others_of(arrays, where, size) if AGAIN <= set(arrays) else {}
    largest = max(map(abs, measure.today), default=0.0)
    packed = PackedMoves(measure, most) if head.loss.sigmoid and fits(head) and largest < LARGE else None
    for some in batches_of(head):
        if weights.shape[1:] != (size,) or weights.shape[0] < at + len(some):
            raise Invalid(f"{where}, weights", f"its shape is {weights.shape}", f"{size} weights a choice are needed")
        V = [others.get(b, weights.values[b * size : (b + 1) * size]) for b in range(at, at + len(some))]
        # whole numbers know of rows that are all deleted, or all relabelled
        alike = all((code == DELETED) != head.relabels for change in some for _, code in change)
        kept = packed.within(some, V) if packed and alike else [False] * len(some)
        rest = [b for b, ok in enumerate(kept) if not ok]
        radii = distances(head, [some[b] for b in rest], [V[b] for b in rest])
        for b, radius in zip(rest, radii, strict=True):
            high = measure.ends(V[b], radius)[1]
            if not high <= most:
                raise Invalid(f"{where}, choice {at + b}", f"{most!r} is stated to bound its motion",
                              f"{high.str(5, radius=False)} is proved")
        at += len(some)
    if weights.shape[0] != at:
        raise Invalid(f"{where}, weights", f"it has {weights.shape[0]} rows", f"there are {at} choices")
    if beyond := [number for number in others if not 0 <= number < at]:
        raise Invalid(f"{where}, again", f"it names choice {beyond[0]}", f"there are {at} choices, numbered from 0")


def batches_of(head: Head) -> Iterator[list[Choice]]:
    """All choices, in batches of equally many rows that are deleted or relabelled."""
    for _, every in groupby(head.change.every(), len):
        while some := list(islice(every, AT_ONCE)):
            yield some
