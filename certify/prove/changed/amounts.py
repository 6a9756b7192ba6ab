"""By how much every target may be off: `1500`, or `2%` of each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from certify.format.errors import InputError
from certify.rigor import fp

NUMBER: Final = (r"((?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3}(?![0-9]))?)"
                 r"\s*(%|percent\b|per cent\b)?")


@dataclass(frozen=True)
class Off:
    """By how much every target may be off.

    Attributes:
        number: an amount, or how many in a hundred of each target.
        share: whether it is such a share.

    >>> Off(Fraction(2), True).words, Off(Fraction("0.5"), False).words
    ('2 % of itself', '0.5')
    """

    number: Fraction
    share: bool

    @property
    def words(self) -> str:
        """It in words."""
        said = repr(float(self.number)).removesuffix(".0")
        return f"{said} % of itself" if self.share else said

    @property
    def radius(self) -> float:
        """The number of a spec, and no less than what was said."""
        return fp.up(self.number / 100 if self.share else self.number)


LARGEST: Final = Fraction(10) ** 300
"""Amounts stay below it, so that sums and squares of them have room among doubles."""

USUAL: Final = Off(Fraction(1), True)
"""What is asked where nobody says how much: one in a hundred."""


def off_of(text: str | None, option: str) -> Off | None:
    """An amount such as `1500`, or a share such as `2%`; None where nothing was said.

    Raises:
        InputError: a text of another form, or nothing above 0.

    >>> off_of("2%", "--targets-off"), off_of(None, "--targets-off")
    (Off(number=Fraction(2, 1), share=True), None)
    """
    if text is None:
        return None
    found = re.fullmatch(NUMBER, text.strip())
    number = Fraction(0) if found is None else Fraction(found[1])
    if found is None or not number > 0:
        raise InputError(f"{option} {text}", "no amount above 0", "give a number, e.g. 1500, or a share, e.g. 2%")
    if number >= LARGEST:
        raise InputError(f"{option} {text}", "more than what is reckoned with", "give an amount below 1e300")
    return Off(number, found[2] is not None)
