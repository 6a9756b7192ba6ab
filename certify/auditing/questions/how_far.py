"""How many rows may be left out until each prediction changes?"""

from __future__ import annotations

from certify.auditing.questions.base import (
    Asked,
    Claim,
    Options,
    Wanted,
    of_head,
    rows_word,
)
from certify.auditing.questions.counted import Counted
from certify.auditing.subject import Subject

UP_TO = 3
"""Rows asked about at least."""


class HowFar(Counted):
    """For every prediction how many rows may be left out, up to a number, until it changes."""

    slug = "how-far"
    words = ("how far from changing", "how far", "how many rows", "tolerated", "survive", "margin")
    option = "delete"

    def sentence(self, subject: Subject, options: Options) -> str:
        """The question in a sentence."""
        return (f"how many training rows may be left out, up to {_most(options)}, {subject.again}, until each "
                "prediction changes")

    def against(self, subject: Subject, options: Options) -> str:
        """Why it cannot be asked."""
        if not subject.against_head and not subject.classifies:
            return "outputs are amounts, so that none flips: --threshold says what parts two labels"
        return subject.against_head

    def unprompted(self, options: Options) -> bool:
        """It takes long."""
        return False

    def asked(self, subject: Subject, options: Options) -> Asked:
        """The spec."""
        change = {"parameter": "deletions", "set": "sparse", "count": _most(options)}
        return Asked(of_head(subject, change), [Wanted("tolerated_changes", "min")])

    def answer(self, subject: Subject, options: Options, claim: Claim) -> str:
        """A claim in words."""
        low, high = claim["lower"], claim["upper"]
        of, asked, least = rows_word(subject), _most(options), int(low or 0)
        most = asked if high is None else int(high)
        if not most:
            return f"more than half of the {of} change when some one training row is left out {subject.again}"
        if not least and most < asked:
            return (f"fewer than half of the {of} survive any {most + 1} rows left out {subject.again}; of fewer "
                    "rows it is open")
        if not least:
            return f"whether half of the {of} survive any row left out {subject.again} is open; asked up to {asked}"
        ends = "row" if least == most == 1 else f"{least} rows" if least == most else f"{least} to {most} rows"
        return f"at least half of the {of} survive any {ends} left out {subject.again}; asked up to {asked}"


def _most(options: Options) -> int:
    return max(options.delete, UP_TO)
