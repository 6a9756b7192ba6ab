"""D12, D13: curvatures of the logistic loss where margins have moved, in doubles that bound."""

from __future__ import annotations

from certify.check.theorems.head.rows.boxes.fixed_rows import WEIGHT
from certify.check.theorems.head.rows.pair_tree.numbers import UP, exp

FEWER = 4.0
"""Of its curvature a row keeps less than this part: then what it does is counted by its length."""

THIRD = 0.0962251
"""Above `sup |l'''| = 1/(6√3)`."""

BENT = 2.0 ** (4 - WEIGHT)
"""What a curvature in whole numbers leaves of the true one, if its ball is a point."""


def curve(t: float) -> float:
    """l'' at t, up to `2^-47` of itself."""
    e = exp(-abs(t))
    return e / ((1.0 + e) * (1.0 + e))


def most_between(t: float, down: float, up_: float, off: float) -> float:
    """Upper bound of l'' on `[t − down, t + up]`."""
    near = abs(t) - (up_ if t < 0.0 else down) - off - 2.0**-40
    return min(curve(near) * UP, 0.25) if near > 0.0 else 0.25


def kept_part(least: float, moved: float) -> float:
    """What a row keeps of its curvature where its margin moves by so much: times `(1 − e^{−x})/x`, rounded down."""
    part = max(1.0 - 0.5 * moved, (1.0 - exp(-min(moved, 300.0)) * UP) / moved)
    return max(least * part * (1.0 - 2.0**-30), 0.0)
