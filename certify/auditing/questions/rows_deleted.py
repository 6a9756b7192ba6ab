"""Any m training rows are left out: which predictions stay?"""

from __future__ import annotations

from certify.auditing.questions.base import (
    Asked,
    Claim,
    Options,
    of_head,
    of_rows,
    wanted,
)
from certify.auditing.questions.counted import Counted
from certify.auditing.subject import Subject


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
        return of_rows(subject, claim, f"whichever {_rows(options.delete)} left out {subject.rebalanced.again}")


def _rows(count: int) -> str:
    return "training row is" if count == 1 else f"{count} training rows are"
