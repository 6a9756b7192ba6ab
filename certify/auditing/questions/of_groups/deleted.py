"""Any m groups of training rows are left out, users or sources, each with all its rows: which predictions stay?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from certify.auditing.questions.base import Asked, Claim, Options, Question, of_head, of_rows, wanted
from certify.auditing.questions.counted import NUMBER
from certify.auditing.subject import Subject
from certify.auditing.told import NAMED, UNITS, owners, singular
from certify.format.errors import InputError

GONE: Final = r"\b(?:delet\w*|left out|leave out|removed?|unlearn\w*|forget\w*|forgotten|dropped?)\b"
"""What happens to them."""


ROWS: Final = (r"\b[0-9]+\s+(?:of\s+the\s+)?(?:training\s+)?(?:rows?|records?|samples?|points?|examples?)\b"
               rf"|\ball\s+(?:the\s+)?(?:{NAMED})\b")
"""What is no number of groups: rows of each, and all of them."""
MISSING: Final = ("no column says whose each training row is: name it with --groups COLUMN, in Python "
                  "groups=users, one entry a row")


class GroupsDeleted(Question):
    """Any `many` groups are left out with all their rows, and the model is trained again to its minimum."""

    slug = "groups-deleted"
    words = ("users deleted", *(f"{unit} deleted" for unit in UNITS[1:]))
    besides = (*UNITS, *map(singular, UNITS), "delete", "deletes", "deletion", "left out", "leave out", "remove",
               "removed", "unlearn", "unlearned", "forget", "forgotten", "dropped", "ask", "asks", "their")
    option = "many"

    @property
    def uses(self) -> tuple[str, ...]:
        """The column of the groups."""
        return ("groups",)

    def claims(self, phrase: str) -> bool:
        """Where groups stand in it by a name of theirs, and that they go."""
        return bool(re.search(rf"\b(?:{NAMED})\b", phrase, flags=re.IGNORECASE)
                    and re.search(GONE, phrase, flags=re.IGNORECASE))

    def unprompted(self, options: Options) -> bool:
        """Where the groups are named."""
        return options.groups

    def demanded(self, options: Options) -> bool:
        """Where they are named too."""
        return options.named or options.groups

    def rest(self, phrase: str) -> str:
        """Without the number of groups."""
        return re.sub(r"\b[0-9]{1,9}(?:\.[0-9]+)?\b", "", phrase, count=1)

    def heard(self, phrase: str, options: Options) -> Options:
        """The first number.

        Raises:
            InputError: it is 0, a share, or the name of one group; or it is the number that is asked for.
        """
        if one := re.search(rf"\b(?:{NAMED})\s*(?:no\.?|number|#)?\s*(?:[0-9]|(?-i:[A-Z])\b)", phrase,
                           flags=re.IGNORECASE):  # 'user A': no article has a capital in the middle of a phrase
            raise InputError(f"--ask {phrase!r}", f"{one[0]!r} names one, and how many is asked",
                             "say e.g. '3 users deleted'; the rows of this one are left out with --rows 3,17")
        if re.search(rf"\bhow many (?:of (?:the|my|our) )?(?:{NAMED})\b", phrase, flags=re.IGNORECASE):
            raise InputError(f"--ask {phrase!r}", "no question finds out how many groups", "say of how many it is "
                             "asked whether predictions stay, e.g. '3 users deleted', and again with another number")
        if re.search(r"%|\bper ?cent\b|[0-9]\.[0-9]", phrase):
            raise InputError(f"--ask {phrase!r}", "a share of the groups", "give a number, e.g. '3 users deleted'")
        if one := re.search(ROWS, phrase, flags=re.IGNORECASE):
            raise InputError(f"--ask {phrase!r}", f"{one[0]!r} is no number of groups, which go with all their rows",
                             "say e.g. '3 users deleted'")
        found = re.search(NUMBER, phrase)
        if found is not None and int(found[1]) < 1:
            raise InputError(f"--ask {phrase!r}", "0 groups", "give a number of groups from 1 on")
        return options if found is None else replace(options, many=int(found[1]))

    def cure(self, words: Sequence[str]) -> str:
        """What is counted."""
        return "groups are counted: say e.g. '3 users deleted', and name their column with --groups COLUMN"

    def sentence(self, subject: Subject, options: Options) -> str:
        """The question in a sentence."""
        return f"which predictions stay, {_whichever(subject, options)} {subject.rebalanced.again}"

    def against(self, subject: Subject, options: Options) -> str:
        """Why it cannot be asked."""
        if not subject.grouping:
            return missing(subject)
        if options.many >= subject.groups:
            return f"{options.many} of {subject.groups} groups cannot be left out"
        if not subject.classifies:
            return ("the outputs are numbers without a threshold, and of groups certificates state labels; in Python "
                    f"certify.prediction_change(problem, X_new, delete={options.many}, groups=users) says how far "
                    "each of them moves, and by which groups")
        return subject.against_head

    def asked(self, subject: Subject, options: Options) -> Asked:
        """The spec."""
        change = {"parameter": "deletions", "set": "sparse", "groups": subject.grouping, "count": options.many}
        return Asked(of_head(subject.rebalanced, change), wanted(subject))

    def answer(self, subject: Subject, options: Options, claim: Claim) -> str:
        """A claim in words."""
        return of_rows(subject, claim, f"{_whichever(subject, options)} {subject.rebalanced.again}", subject.owners)


def missing(subject: Subject) -> str:
    """That nobody said whose each row is, with the column that may say it."""
    given = subject.as_given
    known = owners((*(given.names or ()), *given.aside))
    return MISSING.replace("COLUMN", known[0]) if known else MISSING


def _whichever(subject: Subject, options: Options) -> str:
    if options.many == 1:
        return f"whichever of the {subject.groups} groups of training rows is left out"
    return f"whichever {options.many} of the {subject.groups} groups of training rows are left out"
