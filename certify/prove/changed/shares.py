"""Shares of the training rows, "1 % of them", where a question wants a number of rows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from certify.format.errors import InputError

SHARE: Final = r"\b([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*(?:%|per ?cent\b)"
"""A share in a phrase."""


@dataclass(frozen=True)
class Share:
    """So many rows in a hundred.

    Attributes:
        option: which number of the options it stands for, ``"delete"`` or ``"relabel"``.
        percent: exactly as it was written.
        text: how it was written.

    >>> Share("relabel", Fraction(1), "1").of(426)
    4
    """

    option: str
    percent: Fraction
    text: str

    def of(self, n: int) -> int:
        """The most rows of n that are no more than this share.

        Raises:
            InputError: not one row.
        """
        rows = int(n * self.percent / 100)
        if rows < 1:
            raise InputError(f"{self.text} % of {n} training rows", "less than one row",
                             f"give {float(100 / Fraction(n)):.3g} % or more, or a number of rows")
        return rows


def share(text: str, option: str) -> Share | None:
    """The first share that stands in a text; None where none does.

    Raises:
        InputError: it is nothing, or more than all.

    >>> share("1.5 % of labels wrong", "relabel").percent
    Fraction(3, 2)
    """
    found = re.search(SHARE, text, flags=re.IGNORECASE)
    if found is None:
        return None
    percent = Fraction(found[1])
    if not 0 < percent <= 100:
        raise InputError(f"{text!r}", f"{found[1]} % is no share of rows", "give one above 0 and up to 100")
    return Share(option, percent, found[1])


def given_of(delete: int | str | None, relabel: int | str | None) -> frozenset[str]:
    """Which of the two was given."""
    return frozenset(name for name, value in (("delete", delete), ("relabel", relabel)) if value is not None)


def rows_or_share(name: str, given: int | str | None) -> tuple[int, Share | None]:
    """A number of rows, or a share of them, for the option of that name; one row where nothing was given.

    Raises:
        InputError: neither.

    >>> rows_or_share("delete", "2%")[1].percent
    Fraction(2, 1)
    """
    if not isinstance(given, str):
        return 1 if given is None else given, None
    found = share(given, name.lstrip("-")) if re.fullmatch(rf"\s*{SHARE}\s*", given, flags=re.IGNORECASE) else None
    if found is not None:
        return 1, found
    if re.fullmatch(r"[+-]?[0-9]{1,18}", given) is None:
        raise InputError(name, f"{given!r} is no number of rows", "give a whole number, or a share, e.g. 1%")
    return int(given), None
