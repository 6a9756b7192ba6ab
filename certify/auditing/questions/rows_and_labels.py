"""Any rows are left out and any others have a wrong label, at once: which predictions stay?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from certify.auditing.questions.base import Asked, Claim, Options, Question, of_head, of_rows, wanted
from certify.auditing.questions.labels_wrong import LabelsWrong, against_labels
from certify.auditing.questions.rows_deleted import RowsDeleted
from certify.auditing.subject import Subject
from certify.format.errors import InputError

GOES: Final = r"\b(?:delet\w*|left out|leave\w* out|remov\w*|drop\w*|forg[eo]t\w*|unlearn\w*)\b"
BAD: Final = r"\b(?:labels?|mislabell?ed|relabell?(?:ed)?|labelled)\b"
NUMBER: Final = r"(?<![\w.])([0-9]{1,9})(?![\w.]|\s*%)"
"""A whole number that stands alone."""


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
        """A phrase with a number of rows that go and one of labels that are wrong."""
        return (len(re.findall(NUMBER, phrase)) == 2
                and _first(GOES, phrase) is not None and _first(BAD, phrase) is not None)

    def rest(self, phrase: str) -> str:
        """Without the two numbers."""
        return re.sub(NUMBER, "", phrase)

    def heard(self, phrase: str, options: Options) -> Options:
        """Both numbers; the first is of what is named first.

        Raises:
            InputError: one of them is 0.
        """
        found = [int(number) for number in re.findall(NUMBER, phrase)]
        if 0 in found:
            raise InputError(f"--ask {phrase!r}", "0 of one of the two", "ask '1 row deleted' or '1 label wrong' alone")
        if not found:
            return options
        goes, bad = _first(GOES, phrase), _first(BAD, phrase)
        assert goes is not None and bad is not None
        deleted, wrong = found if goes < bad else reversed(found)
        shares = tuple(one for one in options.shares if one.option not in self.uses)
        return replace(options, delete=deleted, relabel=wrong, shares=shares)

    def cure(self, words: Sequence[str]) -> str:
        """How it is said."""
        return "say e.g. '2 rows deleted and 1 label wrong', with whole numbers"

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


def _first(pattern: str, phrase: str) -> int | None:
    """Where a pattern is met first; None where it is not."""
    found = re.search(pattern, phrase, re.IGNORECASE)
    return None if found is None else found.start()
