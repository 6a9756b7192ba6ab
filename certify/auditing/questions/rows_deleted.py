"""Any m training rows are left out: which predictions stay?"""

from __future__ import annotations

from typing import Final

from certify.auditing.questions.base import (
    Asked,
    Claim,
    Options,
    of_head,
    of_rows,
    wanted,
)
from certify.auditing.questions.counted import Counted
from certify.auditing.shown.units import unit
from certify.auditing.subject import Subject
from certify.format.quantities import DISTANCE, PREDICTION_CHANGE

SIZES: Final = (DISTANCE.name, PREDICTION_CHANGE.name)
"""Answers that some rows reach."""

NAMED: Final = 12
"""Rows that are named."""


class RowsDeleted(Counted):
    """Any `delete` rows are left out, and the model is trained again to its minimum."""

    slug = "rows-deleted"
    words = ("rows deleted", "delete", "deletion", "left out", "leave out", "removed", "unlearn", "forget", "dropped")
    besides = ("deletes", "deleting", "remove", "removes", "drop", "drops", "forgets")
    option = "delete"

    def sentence(self, subject: Subject, options: Options) -> str:
        """The question in a sentence."""
        what = "which predictions stay" if subject.classifies else "how far do outputs change"
        return f"{what}, whichever {_rows(options.delete)} left out {subject.rebalanced.again}"

    def against(self, subject: Subject, options: Options) -> str:
        """Why it cannot be asked."""
        if options.delete >= subject.n:
            return f"{options.delete} of {subject.n} training rows cannot be left out"
        return subject.against_head

    def asked(self, subject: Subject, options: Options) -> Asked:
        """The spec."""
        change = {"parameter": "deletions", "set": "sparse", "count": options.delete}
        return Asked(of_head(subject.rebalanced, change), wanted(subject))

    def answer(self, subject: Subject, options: Options, claim: Claim) -> str:
        """A claim in words."""
        said = of_rows(subject, claim, f"whichever {_rows(options.delete)} left out {subject.rebalanced.again}")
        return said if claim["quantity"] not in SIZES else f"{said}{_without(claim)}{unit(subject, claim)}"


def _rows(count: int) -> str:
    return "training row is" if count == 1 else f"{count} training rows are"


def _without(claim: Claim) -> str:
    """Which rows reach the lower end, behind the words that it is reached."""
    rows = [str(row) for row in claim["witness"].get("changed") or []] if claim["lower"] else []
    if not rows:
        return ""
    more = len(rows) - NAMED
    some, last = (rows[:NAMED], f"{more} more") if more > 0 else (rows[:-1], rows[-1])
    named = f"{', '.join(some)} and {last}" if some else last
    return f" without training row{'s' if len(rows) > 1 else ''} {named}"
