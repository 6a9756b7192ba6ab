"""Whether a change is no longer than its budget, where balls do not tell: it may be as long."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import isfinite


def no_longer(values: Sequence[float], radius: float) -> bool:
    """Whether `|values| ≤ radius`, in rationals.

    >>> no_longer([0.05], 0.05), no_longer([0.03, 0.04], 0.05), no_longer([0.3, 0.4], 0.5)  # the last by the double 0.3
    (True, True, False)
    >>> no_longer([float("nan")], 0.05), no_longer([1.0], float("inf"))
    (False, False)
    """
    if not all(map(isfinite, (*values, radius))):
        return False
    return sum(Fraction(v) ** 2 for v in values) <= Fraction(radius) ** 2
