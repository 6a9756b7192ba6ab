"""D12, D13: curvatures of the logistic loss where margins have moved."""

from __future__ import annotations

import numpy as np

from certify.rigor.activation.elementary import exp
from certify.rigor.fp import Array

EVEN = 1.0 + 2.0**-40
"""Covers what a quotient or a product of a few floats and an exponential loses of itself."""

FEWER = 4.0
"""Of its curvature a row keeps less than this part: then what it does is counted by its length."""


def curve(t: Array) -> Array:
    """l'' at a distance t ≥ 0 from 0, up to `EVEN`."""
    e = exp(-t)
    return np.asarray(e / ((1.0 + e) * (1.0 + e)))


def most_between(t: Array, down: Array, up: Array, off: Array | float) -> Array:
    """Upper bounds of l'' on `[t − down, t + up]`."""
    near = np.maximum(np.abs(t) - np.where(t < 0.0, up, down) - off - 2.0**-40, 0.0)
    return np.minimum(curve(near) * EVEN, 0.25)


def kept_part(least: Array, moved: Array) -> Array:
    """What a row keeps of its curvature where its margin moves by so much: times `(1 − e^{−x})/x`, rounded down."""
    with np.errstate(invalid="ignore", divide="ignore"):
        part = np.fmax(1.0 - 0.5 * moved, (1.0 - exp(-np.minimum(moved, 600.0)) * EVEN) / moved)
    return np.asarray(least * np.maximum(part, 0.0) * (1.0 - 2.0**-40))
