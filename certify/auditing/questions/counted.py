"""Questions about any so many rows: the number, or the share of all rows, may stand in the phrase."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from certify.auditing.questions.base import Options, Question
from certify.auditing.subject import Subject
from certify.format.errors import InputError
from certify.prove.changed.shares import SHARE, Share, share

NUMBER = r"\b([0-9]{1,9})\b"

ONE: Final = (r"\b(?:row|record|sample|point|example|instance|observation|image|case|datapoint|label)s?"
              r"\s*(?:no\.?|number|#)?\s*[0-9]+")
"""A number after what is counted: the name of one, and not how many."""

ALL: Final = (r"\ball\s+(?:the\s+|my\s+|our\s+)?(?:training\s+)?"
              r"(?:rows|records|samples|points|examples|instances|observations|labels)\b")
"""All that is counted, which is not one of it."""

COLUMNS: Final = frozenset(("feature", "features", "column", "columns", "variable", "variables"))


class Counted(Question):
    """A question about a number of rows, which is the member `option` of the options."""

    def demanded(self, options: Options) -> bool:
        """Where a number of rows was given too."""
        return options.named or self.option in options.said

    def rest(self, phrase: str) -> str:
        """Without the number of rows, or the share of them."""
        pattern = SHARE if re.search(SHARE, phrase, flags=re.IGNORECASE) else NUMBER
        return re.sub(pattern, "", phrase, count=1, flags=re.IGNORECASE)

    def cure(self, words: Sequence[str]) -> str:
        """What is counted, and where other things are."""
        if COLUMNS & set(words):
            return ("rows are counted, and no columns: say e.g. '3 rows deleted'; of columns there are the questions "
                    "'noise in age' and 'signs of coefficients'")
        return ("rows are counted: say e.g. '3 rows deleted', or name rows with --rows; of any 3 users, or other "
                "groups of rows, '3 users deleted' with --groups COLUMN tells, in Python with groups=users")

    def heard(self, phrase: str, options: Options) -> Options:
        """The first share, or else the first number.

        Raises:
            InputError: it is 0, no whole number of rows, or the name of one.
        """
        named = re.search(ONE, phrase, flags=re.IGNORECASE)
        if named is not None:
            raise InputError(f"--ask {phrase!r}", f"{named[0]!r} names one, and how many is asked",
                             "say e.g. '3 rows deleted'; these very rows are left out with --rows 3,17")
        if re.search(ALL, phrase, flags=re.IGNORECASE) and not re.search(r"[0-9]", phrase):
            raise InputError(f"--ask {phrase!r}", "all of them", "say how many, e.g. '3 rows deleted'")
        part = share(phrase, self.option)
        if part is not None:
            return shared(options, [part])
        if re.search(r"[0-9]\.[0-9]", phrase):
            raise InputError(f"--ask {phrase!r}", "part of a row", "give a whole number of rows, or a share with %")
        found = re.search(NUMBER, phrase)
        if found is not None and int(found[1]) < 1:
            raise InputError(f"--ask {phrase!r}", "0 rows", "give a number of rows from 1 on")
        if found is None:
            return options
        member: dict[str, Any] = {self.option: int(found[1])}
        return replace(options, shares=tuple(one for one in options.shares if one.option != self.option), **member)


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
