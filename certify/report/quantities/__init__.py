"""The quantities in words, one a file, or two where they share their sentences."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from certify.report.quantities.aubin import AUBIN
from certify.report.quantities.correct_predictions import CORRECT_PREDICTIONS
from certify.report.quantities.distance import DISTANCE
from certify.report.quantities.first_order_distance import FIRST_ORDER_DISTANCE
from certify.report.quantities.first_order_prediction_change import FIRST_ORDER_PREDICTION_CHANGE
from certify.report.quantities.functional import FUNCTIONAL
from certify.report.quantities.modulus import MODULUS, SAMPLE_MODULUS
from certify.report.quantities.persistence_radius import PERSISTENCE_RADIUS
from certify.report.quantities.prediction_change import PREDICTION_CHANGE
from certify.report.quantities.quantity import Quantity
from certify.report.quantities.stable_predictions import STABLE_PREDICTIONS
from certify.report.quantities.tolerated_changes import TOLERATED_CHANGES
from certify.report.quantities.window import EXCESS, HAUSDORFF

QUANTITIES: Final[dict[str, Quantity]] = {row.word: row for row in (
    MODULUS, SAMPLE_MODULUS, AUBIN, EXCESS, HAUSDORFF, DISTANCE, STABLE_PREDICTIONS, CORRECT_PREDICTIONS,
    TOLERATED_CHANGES, FUNCTIONAL, PREDICTION_CHANGE, FIRST_ORDER_PREDICTION_CHANGE, FIRST_ORDER_DISTANCE,
    PERSISTENCE_RADIUS,
)}
"""Every quantity by its word, in the order in which a report explains them."""


def rows_of(quantities: Collection[str]) -> list[Quantity]:
    """The rows of some quantities, in the order of the table.

    >>> [row.word for row in rows_of({"distance", "modulus"})]
    ['modulus', 'distance']
    """
    return [row for row in QUANTITIES.values() if row.word in quantities]
