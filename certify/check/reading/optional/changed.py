"""The loss after one change of the data."""

from __future__ import annotations

from dataclasses import dataclass

from flint import arb


@dataclass(frozen=True)
class Changed:
    """What one change of the data makes of the loss, exactly; None: nothing.

    Attributes:
        points: every data row `x_i + u_i`.
        shifts: every row's `u_i`, added to its targets (squared loss).
        shares: every row's sample weight `1 + u_i`.
    """

    points: tuple[tuple[arb, ...], ...] | None = None
    shifts: tuple[tuple[arb, ...], ...] | None = None
    shares: tuple[arb, ...] | None = None
