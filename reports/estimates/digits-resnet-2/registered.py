"""What was fixed before any of the thirty changes was retrained: the band, the tolerances, and what counts."""

from __future__ import annotations

from typing import Any

BAND = 0.25
"""In the band: `|validity − 1|`, `data_error` and `gradient_left` of the estimate are all at most this, and each is
a number. It is the threshold from which `estimate.html` warns that a change is too large."""

CORRELATION = 0.95
"""The bar: Pearson correlation, over the changes in the band, of the predicted with the retrained change of the mean
loss of the changed rows, on the changed data, from w̄ to the new weights."""

SOLVED = 1e-4
"""Relative residual to which `certify.estimate` is asked to solve."""

TOLERANCE = 1e-10
"""A retraining has converged if |∇L| on the changed data is at most this."""

SCRATCH = (0, 8, 27)
"""Changes for which the network is trained from its first weights besides; 0: nothing changes, another seed."""

PILOT_SEED = 1
PILOT = (2, 4, 8, 12, 19, 23)
"""Changes of another seed that were retrained before the registration, at the larger sizes of the grid of that time."""


def inside(row: dict[str, Any]) -> bool:
    """Whether a prediction lies in the band."""
    values = (row["validity"], row["data_error"], row["gradient_left"])
    if any(value is None for value in values):
        return False
    return bool(abs(values[0] - 1) <= BAND and values[1] <= BAND and values[2] <= BAND)
