"""Shares of the training rows, "1 % of them", where a question wants a number of rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from certify.format.errors import InputError

if TYPE_CHECKING:
    from certify.auditing.questions.base import Options
    from certify.auditing.subject import Subject

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


def rows_or_share(name: str, given: int | str) -> tuple[int, Share | None]:
    """A number of rows, or a share of them, for the option of that name.

    Raises:
        InputError: neither.

    >>> rows_or_share("delete", "2%")[1].percent
    Fraction(2, 1)
    """
    if not isinstance(given, str):
        return given, None
    found = share(given, name.lstrip("-")) if re.fullmatch(rf"\s*{SHARE}\s*", given, flags=re.IGNORECASE) else None
    if found is not None:
        return 1, found
    if re.fullmatch(r"[+-]?[0-9]{1,18}", given) is None:
        raise InputError(name, f"{given!r} is no number of rows", "give a whole number, or a share, e.g. 1%")
    return int(given), None


def shared(options: Options, found: Sequence[Share | None]) -> Options:
    """The options with shares instead of numbers of rows; what is None changes nothing."""
    new = [one for one in found if one is not None]
    old = [one for one in options.shares if one.option not in {other.option for other in new}]
    return replace(options, shares=(*old, *new))


def counted(subject: Subject, options: Options) -> tuple[Subject, Options]:
    """Shares as numbers of rows, each with a note.

    Raises:
        InputError: a share is less than one row.
    """
    numbers: dict[str, Any] = {one.option: one.of(subject.n) for one in options.shares}
    notes = [f"{one.text} % of {subject.n} training rows: {numbers[one.option]} "
             f"row{'s' if numbers[one.option] > 1 else ''}, and no more than that share" for one in options.shares]
    return (replace(subject, notes=tuple(dict.fromkeys((*subject.notes, *notes)))),
            replace(options, shares=(), **numbers))
