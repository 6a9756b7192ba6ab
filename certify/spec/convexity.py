"""Where a strongly convex last layer is asked for (Q6), by the table of theorems."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from certify.format import quantities as q
from certify.format.theorems import D1, D1_RANGES, D1_TOLERATED, D22, Q6, Q6_LABELS, Q6_OUTPUTS

_ROWS: Final = (q.STABLE_PREDICTIONS, q.CORRECT_PREDICTIONS, q.TOLERATED_CHANGES)
CONVEX: Final = tuple(row.name for row in (q.DISTANCE, *_ROWS, q.PREDICTION_CHANGE, q.FUNCTIONAL) if row in (
    quantity for theorem in (Q6, Q6_OUTPUTS, Q6_LABELS, D1, D1_TOLERATED, D1_RANGES, D22)
    for quantity in theorem.quantities))
"""Quantities of the critical map at finite size: of a strongly convex last layer alone."""

PREDICTIONS: Final = (*(row.name for row in _ROWS), q.PREDICTION_CHANGE.name)
FIRST_ORDER: Final = q.FIRST_ORDER_PREDICTION_CHANGE.name
"""The limit for small changes, of any network (P1); no statement at finite size."""
OUTPUT_CHANGE: Final = q.FIRST_ORDER_PREDICTION_CHANGE.unit
"""Its unit."""


def asks_for_convexity(map: str, quantities: Collection[str], set: str = "total") -> bool:
    """Whether a problem is about finite changes of a convex last layer; one given change is about any network.

    >>> asks_for_convexity("critical", ("modulus",)), asks_for_convexity("critical", ("distance",))
    (False, True)
    """
    last = any(map in domain.keys["map"] and set in domain.keys["set"] for domain in Q6.applies)
    return last and any(asked in CONVEX for asked in quantities)
