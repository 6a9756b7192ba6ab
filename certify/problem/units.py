"""What one unit of a distance between weights is, by the norm of the weights."""

from __future__ import annotations

from typing import Final

WEIGHT_DISTANCE: Final = {
    "euclidean": "weight distance",
    "relative": "weight distance relative to each layer",
    "function": "weight distance as the reference rows see it",
}
"""Beginning of the unit of every quantity that is a distance between weights, or one per unit of a move."""
