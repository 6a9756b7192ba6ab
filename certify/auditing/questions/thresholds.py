"""Thresholds that somebody gives to an audit, `--min stable_predictions=48`: they stay, whatever is proved."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from certify.format.errors import InputError
from certify.format.quantities import QUANTITIES

NUMBER: Final = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"


@dataclass(frozen=True)
class Threshold:
    """A threshold on one quantity.

    Attributes:
        quantity: its name.
        side: ``"min"`` or ``"max"``.
        number: the threshold, or how many in a hundred of the predictions.
        share: whether it is such a share.

    >>> Threshold("stable_predictions", "min", Fraction(95), True).of(143)
    136.0
    """

    quantity: str
    side: str
    number: Fraction
    share: bool = False

    def of(self, total: int) -> float:
        """The number, of so many predictions: a share is rounded to the side that asks for more."""
        if not self.share:
            return float(self.number)
        exact = self.number * total / 100
        return float(math.ceil(exact) if self.side == "min" else math.floor(exact))


def thresholds_of(least: Sequence[str], most: Sequence[str]) -> tuple[Threshold, ...]:
    """Thresholds from `QUANTITY=NUMBER`, or `QUANTITY=95%` of the predictions.

    Args:
        least: those of `--min`.
        most: those of `--max`.

    Raises:
        InputError: a text of another form, or two on one side of one quantity.

    >>> [(one.quantity, one.side, one.of(50)) for one in thresholds_of(["stable_predictions=95%"], ["distance=0.5"])]
    [('stable_predictions', 'min', 48.0), ('distance', 'max', 0.5)]
    """
    found: list[Threshold] = []
    for side, texts in (("min", least), ("max", most)):
        for text in texts:
            quantity, _, value = (part.strip() for part in text.partition("="))
            if quantity not in QUANTITIES:
                raise InputError(f"--{side} {text}", f"{quantity!r} is no quantity",
                                 f"write QUANTITY=NUMBER, e.g. --min stable_predictions=48; known are "
                                 f"{', '.join(QUANTITIES)}")
            found.append(_threshold(quantity, side, value, f"--{side} {text}"))
            if any(one.quantity == quantity for one in found[:-1]):
                raise InputError(f"--{side} {text}", f"a second threshold on {quantity}", "give one")
    return tuple(found)


def _threshold(quantity: str, side: str, value: str, asked: str) -> Threshold:
    share, row = value.endswith("%"), QUANTITIES[quantity]
    number = value.removesuffix("%").rstrip()
    if re.fullmatch(NUMBER, number) is None or not math.isfinite(float(number)):
        raise InputError(asked, f"{value!r} is no finite number", "write QUANTITY=NUMBER, e.g. stable_predictions=48")
    if share and (not row.counts or row.per_row):
        raise InputError(asked, f"{quantity} is no number of predictions", "give a number without %")
    if share and not 0 < Fraction(number) <= 100:
        raise InputError(asked, f"{value} is no share", "give one above 0 and up to 100 %")
    if not share and row.counts and not row.per_row and Fraction(number).denominator != 1:
        percent = float(100 * Fraction(number))
        raise InputError(asked, f"{value} predictions, which are whole ones", f"write {percent:g}% for a share of them"
                         if 0 < percent <= 100 else "give a whole number")
    if side == "min" and not row.signed and Fraction(number) <= 0:
        raise InputError(asked, f"{quantity} is never below 0, so every model meets it", "give a number above 0")
    return Threshold(quantity, side, Fraction(number), share)

