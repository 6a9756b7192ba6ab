"""The first reading: how large the columns are."""

from __future__ import annotations

import math
from dataclasses import dataclass

from flint import arb

from certify.check.stored.columns import column_sizes
from certify.check.stored.ground import Rows
from certify.check.theorems.head.rows.squared.ridge import least

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
    most = column_sizes(rows.features, rows.step, [0.0] * rows.features.shape[1]) + [1.0] * rows.ones
    shifts = together([math.frexp(max(m, more * BESIDE))[1] for m, more in zip(most, least(mu, decayed), strict=True)])
    squares = sum(((arb(m) * arb(2) ** -s) ** 2 for m, s in zip(most, shifts, strict=True)), arb(0))
    return Sizes(shifts, squares.sqrt().upper())


def together(shifts: list[int]) -> list[int]:
    """Those that are one less than what most are, or would be then, made equal to it.

    Columns that are alike are scaled alike then, on whichever side of a power of two their largest number is, so that
    the curvature of rows that are alike in all directions is so too.

    >>> together([-1, -2, -2, 1, -3])
    [-1, -1, -1, 1, -3]
    """
    at = max(shifts, key=lambda s: shifts.count(s) + shifts.count(s - 1))
    return [at if s == at - 1 else s for s in shifts]
