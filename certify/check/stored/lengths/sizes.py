"""The first reading: how large the columns are."""

from __future__ import annotations

import math
from dataclasses import dataclass

from flint import arb

from certify.check.stored.ground import LARGEST, Rows
from certify.check.theorems.head.rows.squared.ridge import least
from certify.format.refusal import Invalid

BESIDE = 2.0**-16
"""Part of what a penalty is worth below which entries of a column count as this part."""


@dataclass(frozen=True)
class Sizes:
    """How columns are scaled, and how long rows are then.

    Attributes:
        shifts: powers of two that no entry of a column reaches, nor a small part of what its penalty is worth.
        longest: no row is longer, its columns divided by them.
    """

    shifts: list[int]
    longest: arb


def sizes_of(rows: Rows, mu: arb, decayed: list[bool]) -> Sizes:
    """By one reading.

    Raises:
        Invalid: a feature is too large.
    """
    most = [0.0] * rows.features.shape[1] + [1.0] * rows.ones
    for first, part in rows.features.numbers(rows.step):
        for at, column in enumerate(zip(*part, strict=True)):
            most[at] = max(most[at], max(column), -min(column))
        if not max(most) <= LARGEST:
            raise Invalid(f"{rows.features.where}, from row {first} on", "a feature is beyond 2^500",
                          "features of ordinary size are needed")
    shifts = [math.frexp(max(m, more * BESIDE))[1] for m, more in zip(most, least(mu, decayed), strict=True)]
    squares = sum(((arb(m) * arb(2) ** -s) ** 2 for m, s in zip(most, shifts, strict=True)), arb(0))
    return Sizes(shifts, squares.sqrt().upper())
