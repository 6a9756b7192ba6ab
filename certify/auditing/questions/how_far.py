"""How many rows may be left out until each prediction changes?"""

from __future__ import annotations

import re
from collections.abc import Sequence
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
from certify.auditing.questions.one_prediction import MANY, NUMBER, OnePrediction, alone, no_such
from certify.auditing.questions.rows_deleted import RowsDeleted
from certify.auditing.subject import Subject
from certify.certificate.audit_folder import PREDICTION
from certify.format.errors import InputError
from certify.format.words import Parameter

UP_TO: Final = 3
"""Rows asked about at least."""

THIS: Final = r"\bthis prediction\b"
MOVES: Final = frozenset(("move", "moves", "moved", "shift", "shifts", "drift"))


class HowFar(Counted):
    """For every prediction how many rows may be left out, up to a number, until it changes."""

    slug = "how-far"
    words: ClassVar[tuple[str, ...]] = ("how far from changing", "how far", "how many rows", "tolerated", "survive",
                                        "margin")
    besides: ClassVar[tuple[str, ...]] = ("this", "lose", "loses", "lost", "missing", "flip", "flips",
                                          *RowsDeleted.words, *RowsDeleted.besides)
    option = "delete"
    files = (PREDICTION,)
    parameter: ClassVar[str] = "deletions"
    may: ClassVar[str] = "training rows may be left out"
    one: ClassVar[str] = "training row is left out"
    single: ClassVar[str] = "row left out"
    plural: ClassVar[str] = "rows left out"
    unit: ClassVar[str] = "rows"

    @property
    def uses(self) -> tuple[str, ...]:
        """The number of rows, and the prediction if one is named."""
        return (self.option, "prediction")

    def misnamed(self, subject: Subject, options: Options) -> str:
        """An evaluation row that is not there."""
        return no_such(subject, options.prediction)

    def narrowed(self, subject: Subject, options: Options) -> Subject:
        """The one evaluation row, where one is named."""
        return subject if options.prediction is None else alone(subject, options.prediction)

    def claims(self, phrase: str) -> bool:
        """Where it is asked how many rows this one prediction survives, or one by its number."""
        if re.search(r"\blabel", phrase, re.IGNORECASE):
            return False
        return numbered(phrase) or all(re.search(pattern, phrase, re.IGNORECASE)
                                       for pattern in (r"\bhow (?:many|far)\b", THIS))

    def rest(self, phrase: str) -> str:
        """Without the numbers of rows and of the prediction."""
        return super().rest(re.sub(NUMBER, "", phrase, flags=re.IGNORECASE) if numbered(phrase) else phrase)

    def heard(self, phrase: str, options: Options) -> Options:
        """The number of rows, and of the prediction.

        Raises:
            InputError: one prediction is meant, and none is named; or another than before.
        """
        if numbered(phrase):
            options = OnePrediction().heard(phrase, options)
            phrase = re.sub(NUMBER, "", phrase, flags=re.IGNORECASE)
        if options.prediction is None and re.search(THIS, phrase, re.IGNORECASE):
            raise InputError(f"--ask {phrase!r}", "no prediction is named", "say which with --prediction NUMBER")
        return super().heard(phrase, options)

    def cure(self, words: Sequence[str]) -> str:
        """How far outputs move is another question."""
        if MOVES & set(words):
            return ("how far outputs that are amounts move '3 rows deleted' tells, and of labels which of them stay; "
                    "'which rows matter' tells how far one row's absence moves any output")
        return super().cure(words)

    def meant(self, options: Options) -> str:
        """The question about labels, where a number of them was given and none of rows that are left out."""
        return "how-far-labels" if "relabel" in options.said and "delete" not in options.said else self.slug

    def sentence(self, subject: Subject, options: Options) -> str:
        """The question in a sentence."""
        again = self.after(subject).again
        return f"how many {self.may}, up to {self.most(options)}, {again}, until {_which(options)} changes"

    def against(self, subject: Subject, options: Options) -> str:
        """Why it cannot be asked."""
        if not subject.against_head and not subject.classifies:
            return "outputs are amounts, so that none flips: --threshold says what parts two labels"
        return subject.against_head

    def after(self, subject: Subject) -> Subject:
        """What is trained again: with class weights that follow the rows and labels, where that is known."""
        return subject.rebalanced if Parameter(self.parameter).leaves else subject.reweighed

    def unprompted(self, options: Options) -> bool:
        """It takes long."""
        return False

    def asked(self, subject: Subject, options: Options) -> Asked:
        """The spec."""
        change = {"parameter": self.parameter, "set": "sparse", "count": self.most(options)}
        tables = of_head(self.after(subject), change, fewer=Parameter(self.parameter).leaves)
        return Asked(tables, [Wanted("tolerated_changes", "min")])

    def answer(self, subject: Subject, options: Options, claim: Claim) -> str:
        """A claim in words."""
        subject = self.after(subject)
        low, high = claim["lower"], claim["upper"]
        asked, least = self.most(options), int(low or 0)
        most = asked if high is None else int(high)
        if options.prediction is not None:
            return self._of_one(subject, f"prediction {options.prediction}", least, most, asked)
        return self._of_half(subject, least, most, asked) + self._each(claim, asked)

    def _of_half(self, subject: Subject, least: int, most: int, asked: int) -> str:
        """What half of the predictions survive."""
        of = rows_word(subject)
        if not most:
            return f"more than half of the {of} change when some one {self.one} {subject.again}"
        if not least and most < asked:
            return (f"fewer than half of the {of} survive any {most + 1} {self.plural} {subject.again}; of fewer "
                    f"{self.unit} it is open")
        if not least:
            return f"whether half of the {of} survive any {self.single} {subject.again} is open; asked up to {asked}"
        what = self.single if least == 1 else f"{least} {self.plural}"
        return (f"at least half of the {of} survive any {what} {subject.again}{_between(least, most)}; asked up to "
                f"{asked}")

    def _each(self, claim: Claim, asked: int) -> str:
        """How many predictions survive all that was asked about, and which one survives fewest."""
        ends = [(asked if high is None else int(high), int(low or 0), row) for row, low, high in zip(
            claim.get("rows") or (), claim.get("row_lower") or (), claim.get("row_upper") or (), strict=True)]
        if not ends:
            return ""
        all_, fewer = sum(low >= asked for _, low, _ in ends), sum(high < asked for high, _, _ in ends)
        said = [f"{all_} of {len(ends)} survive as many"]
        if fewer:
            high, low, row = min(ends)
            number = f"{low}" if low == high else f"{low} to {high}"
            said.append(f"{fewer} {'does' if fewer == 1 else 'do'} not (fewest: prediction {row}, which survives "
                        f"{number})")
        if len(ends) > all_ + fewer:
            said.append(f"{len(ends) - all_ - fewer} open")
        return f": {', '.join(said)}"

    def _of_one(self, subject: Subject, name: str, least: int, most: int, asked: int) -> str:
        """What the one prediction survives that was asked about."""
        if not most:
            return f"{name} changes when some one {self.one} {subject.again}"
        flips = f", and not some {most + 1}" if most < asked else ""
        if not least:
            return f"whether {name} survives any {self.single} {subject.again} is open{flips}; asked up to {asked}"
        what = self.single if least == 1 else f"{least} {self.plural}"
        return f"{name} survives any {what} {subject.again}{flips}{_between(least, most)}; asked up to {asked}"

    def most(self, options: Options) -> int:
        """The number up to which it is asked."""
        given: int = getattr(options, self.option)
        return max(given, UP_TO)


def numbered(phrase: str) -> bool:
    """Whether a phrase asks how many changes one prediction survives, which it names by its number.

    >>> numbered("how many rows to flip prediction 5"), numbered("which rows flip prediction 5")
    (True, False)
    """
    return all(re.search(pattern, phrase, re.IGNORECASE) for pattern in (MANY, NUMBER))


def _between(least: int, most: int) -> str:
    """Of how many it is neither proved nor refuted."""
    return f"; of {least + 1}{f' to {most}' if most > least + 1 else ''} it is open" if most > least else ""


def _which(options: Options) -> str:
    return "each prediction" if options.prediction is None else f"prediction {options.prediction}"
