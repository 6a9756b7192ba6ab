"""The first reading: how large the columns are."""

from __future__ import annotations

import math

from flint import arb

from certify.check.stored.ground import LARGEST, Rows
from certify.check.theorems.head.rows.squared.ridge import least
from certify.format.refusal import Invalid


def shifts_of(rows: Rows, mu: arb, decayed: list[bool]) -> list[int]:
    """Powers of two that no entry of a column reaches, nor what its penalty is worth.

    Raises:
        Invalid: a feature is too large.
    """
    most = least(mu, decayed)
    for first, part in rows.parts():
        for at, column in enumerate(zip(*part, strict=True)):
            most[at] = max(most[at], max(column), -min(column))
        if not max(most) <= LARGEST:
            raise Invalid(f"{rows.features.where}, from row {first} on", "a feature is beyond 2^500",
                          "features of ordinary size are needed")
    return [math.frexp(m)[1] for m in most]
