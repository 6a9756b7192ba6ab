"""Slabs as a certificate states them: one number a row, four codes of twelve bits."""

from __future__ import annotations

import math
from collections.abc import Sequence

SLABS = 4
CODE = 12
MANTISSA = 7
LOWEST = -15

TABLE = [math.ldexp((1 << MANTISSA) + (q & (1 << MANTISSA) - 1), (q >> MANTISSA) + LOWEST - MANTISSA)
         for q in range(1 << CODE)]
"""What every code stands for: `(1 + m/2^7)·2^(e − 15)`, exact."""


def slabs(packed: Sequence[float]) -> list[list[float]]:
    """Four slabs from one number a row: codes of twelve bits, `(1 + m/2^7)·2^(e − 15)`."""
    whole = [int(x) for x in packed]
    return [[TABLE[(x >> CODE * (SLABS - 1 - a)) & (1 << CODE) - 1] for x in whole] for a in range(SLABS)]
