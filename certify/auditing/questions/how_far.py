"""How many rows may be left out until each prediction changes?"""

from __future__ import annotations

from typing import ClassVar, Final

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

UP_TO: Final = 3
"""Rows asked about at least."""


class HowFar(Counted):
    """For every prediction how many rows may be left out, up to a number, until it changes."""

    slug = "how-far"
    words = ("how far from changing", "how far", "how many rows", "tolerated", "survive", "margin")
    option = "delete"
    parameter: ClassVar[str] = "deletions"
    may: ClassVar[str] = "training rows may be left out"
    one: ClassVar[str] = "training row is left out"
    single: ClassVar[str] = "row left out"
    plural: ClassVar[str] = "rows left out"
    unit: ClassVar[str] = "rows"

    def meant(self, options: Options) -> str:
        """The question about labels, where a number of them was given and none of rows that are left out."""
        return "how-far-labels" if "relabel" in options.said and "delete" not in options.said else self.slug

    def sentence(self, subject: Subject, options: Options) -> str:
        """The question in a sentence."""
        return f"how many {self.may}, up to {self.most(options)}, {subject.again}, until each prediction changes"

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
        change = {"parameter": self.parameter, "set": "sparse", "count": self.most(options)}
        tables = of_head(subject, change, fewer=self.parameter == "deletions")
        return Asked(tables, [Wanted("tolerated_changes", "min")])

    def answer(self, subject: Subject, options: Options, claim: Claim) -> str:
        """A claim in words."""
        low, high = claim["lower"], claim["upper"]
        of, asked, least = rows_word(subject), self.most(options), int(low or 0)
        most = asked if high is None else int(high)
        if not most:
            return f"more than half of the {of} change when some one {self.one} {subject.again}"
        if not least and most < asked:
            return (f"fewer than half of the {of} survive any {most + 1} {self.plural} {subject.again}; of fewer "
                    f"{self.unit} it is open")
        if not least:
            return f"whether half of the {of} survive any {self.single} {subject.again} is open; asked up to {asked}"
        if least == most == 1:
            return f"at least half of the {of} survive any {self.single} {subject.again}; asked up to {asked}"
        ends = f"{least}" if least == most else f"{least} to {most}"
        return f"at least half of the {of} survive any {ends} {self.plural} {subject.again}; asked up to {asked}"

    def most(self, options: Options) -> int:
        """The number up to which it is asked."""
        return max(getattr(options, self.option), UP_TO)
