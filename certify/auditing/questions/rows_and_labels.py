"""Any rows are left out and any others have a wrong label, at once: which predictions stay?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from certify.auditing.questions.base import Asked, Claim, Options, Question, of_head, of_rows, wanted
from certify.auditing.questions.counted import ONE, shared
from certify.auditing.questions.labels_wrong import LabelsWrong, against_labels
from certify.auditing.questions.rows_deleted import RowsDeleted
from certify.auditing.subject import Subject
from certify.format.errors import InputError
from certify.prove.changed.shares import SHARE, share

GOES: Final = r"\b(?:delet\w*|left out|leave\w* out|remov\w*|drop\w*|forg[eo]t\w*|unlearn\w*)\b"
BAD: Final = r"\b(?:labels?|mislabell?ed|relabell?(?:ed)?|labelled)\b"
AMOUNT: Final = rf"(?:{SHARE}|(?<![\w.])[0-9]{{1,9}}(?![\w.]|\s*%))"
"""A share, or a whole number that stands alone."""

PART: Final = r"[0-9]\s+(?:in|of|out of)\s+(?:every\s+)?[0-9]"
"""A share in two numbers, which is not one of each."""


class RowsAndLabels(Question):
    """Any `delete` rows are left out, any `relabel` others have another label, and the model is trained again."""

    slug = "rows-and-labels"
    words = ("rows deleted and labels wrong",)
    besides = (*RowsDeleted.words, *RowsDeleted.besides, *LabelsWrong.words, *LabelsWrong.besides,
               "other", "others", "at once", "together", "both")

    @property
    def uses(self) -> tuple[str, ...]:
        """Both numbers."""
        return ("delete", "relabel")

    @property
    def counts(self) -> tuple[str, ...]:
        """Both numbers."""
        return self.uses

    def unprompted(self, options: Options) -> bool:
        """Never: two numbers without a phrase are about a question each."""
        return False

    def claims(self, phrase: str) -> bool:
        """A phrase with a number, or a share, of rows that go and one of labels that are wrong."""
        return (len(_amounts(phrase)) == 2
                and _first(GOES, phrase) is not None and _first(BAD, phrase) is not None)

    def rest(self, phrase: str) -> str:
        """Without both amounts; a share in two numbers is read as one in everyday words, or not at all."""
        return phrase if re.search(PART, phrase, re.IGNORECASE) else re.sub(AMOUNT, "", phrase, flags=re.IGNORECASE)

    def heard(self, phrase: str, options: Options) -> Options:
        """Both numbers or shares; the first is of what is named first.

        Raises:
            InputError: there are not two of them, one is nothing, or the name of a row.
        """
        found, goes, bad = _amounts(phrase), _first(GOES, phrase), _first(BAD, phrase)
        if not found:
            return options
        named = re.search(ONE, phrase, re.IGNORECASE)
        if named is not None:
            raise InputError(f"--ask {phrase!r}", f"{named[0]!r} names one, and how many is asked",
                             "say e.g. '2 rows deleted and 1 label wrong'")
        if len(found) != 2 or goes is None or bad is None:
            raise InputError(f"--ask {phrase!r}", "how many rows are deleted, and how many labels are wrong, is not "
                             "said of each", "say e.g. '2 rows deleted and 1 label wrong'")
        for option, amount in zip(self.uses if goes < bad else self.uses[::-1], found, strict=True):
            options = _of(option, amount, phrase, options)
        return options

    def cure(self, words: Sequence[str]) -> str:
        """How it is said."""
        return "say e.g. '2 rows deleted and 1 label wrong', with whole numbers or shares, '1 % of rows deleted'"

    def sentence(self, subject: Subject, options: Options) -> str:
        """The question in a sentence."""
        return f"which predictions stay, {_change(subject, options)}"

    def against(self, subject: Subject, options: Options) -> str:
        """Why it cannot be asked."""
        if options.delete + options.relabel >= subject.n:
            return (f"{options.delete} of {subject.n} training rows cannot be left out with {options.relabel} other "
                    f"labels wrong")
        return against_labels(subject, options.relabel)

    def asked(self, subject: Subject, options: Options) -> Asked:
        """The spec."""
        change = {"parameter": "deletions", "set": "sparse", "count": options.delete, "relabelled": options.relabel}
        return Asked(of_head(subject.reweighed, change), wanted(subject))

    def answer(self, subject: Subject, options: Options, claim: Claim) -> str:
        """A claim in words."""
        return of_rows(subject, claim, _change(subject, options))


def _change(subject: Subject, options: Options) -> str:
    """What happens to the rows, in words."""
    rows = "training row is" if options.delete == 1 else f"{options.delete} training rows are"
    labels = "other label is" if options.relabel == 1 else f"{options.relabel} other labels are"
    return f"whichever {rows} left out and whichever {labels} wrong {subject.reweighed.again}"


def _amounts(phrase: str) -> list[str]:
    """The numbers and shares of a phrase.

    >>> _amounts("0.5 % of rows deleted and 2 labels wrong, 1.5 others")
    ['0.5 %', '2']
    """
    return [one[0] for one in re.finditer(AMOUNT, phrase, re.IGNORECASE)]


def _of(option: str, amount: str, phrase: str, options: Options) -> Options:
    """The options with one of both amounts."""
    part = share(amount, option)
    if part is not None:
        return shared(options, [part])
    if not int(amount):
        raise InputError(f"--ask {phrase!r}", "0 of one of the two", "ask '1 row deleted' or '1 label wrong' alone")
    member: dict[str, Any] = {option: int(amount)}
    return replace(options, shares=tuple(one for one in options.shares if one.option != option), **member)


def _first(pattern: str, phrase: str) -> int | None:
    """Where a pattern is met first; None where it is not."""
    found = re.search(pattern, phrase, re.IGNORECASE)
    return None if found is None else found.start()
