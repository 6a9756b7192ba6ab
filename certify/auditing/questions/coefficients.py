"""Any m training rows are left out: which coefficients of a linear model keep their sign?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from certify.auditing.questions.base import Asked, Claim, Options, Wanted, of_head
from certify.auditing.questions.counted import Counted
from certify.auditing.shown.flipped import MOST, flips_of
from certify.auditing.subject import LAYERS, Subject
from certify.prove.rows_shown import first

OWN = r"\b(coefficients?|signs?|slopes?)\b"
OTHER = r"\b(noise|noisy|error|errors)\b"
DROPPED = r"\b(deleted?|deleting|dropp?(ed|ing)|left out|leave out|removed|removing|keeps?|their|its|turns?)\b"
"""What else may stand in the phrase."""


class Coefficients(Counted):
    """The sign of each coefficient, whichever `delete` rows are left out."""

    slug = "coefficients"
    besides = ("feature", "features")
    words = ("signs of coefficients", "coefficients", "coefficient", "signs", "sign", "slopes", "slope")
    option = "delete"

    def claims(self, phrase: str) -> bool:
        """A phrase about coefficients is about nothing else; a column may be called so."""
        return all(bool(re.search(pattern, phrase, re.IGNORECASE)) == wanted
                   for pattern, wanted in ((OWN, True), (OTHER, False)))

    def rest(self, phrase: str) -> str:
        """Without the number of rows, and without what happens to them."""
        return re.sub(DROPPED, "", super().rest(phrase), flags=re.IGNORECASE)

    def cure(self, words: Sequence[str]) -> str:
        """That all of them are told of at once."""
        return ("it is asked of every coefficient at once, each is told of by its column, and rows are counted: say "
                "'signs of coefficients', or '5 rows deleted: signs of coefficients'")

    def unprompted(self, options: Options) -> bool:
        """Few ask it of a model that predicts."""
        return False

    def sentence(self, subject: Subject, options: Options) -> str:
        """The question in a sentence."""
        return f"which coefficients keep their sign, whichever {_rows(options.delete)} left out {subject.again}"

    def against(self, subject: Subject, options: Options) -> str:
        """Why it cannot be asked."""
        if options.delete >= subject.n:
            return f"{options.delete} of {subject.n} training rows cannot be left out"
        if subject.against_head:
            return subject.against_head
        if len(subject.network.widths) != 2:
            return "a network of several layers has no coefficient of a column"
        if subject.kernel:
            return (f"its features are those of the {subject.behind}, turned and mixed, of which a column has no "
                    "coefficient")
        if subject.network.widths[-1] != 1:
            return ("a model with several outputs has a coefficient of a column for each: ask about one output, "
                    "one class against another, in a model of its own")
        return ""

    def narrowed(self, subject: Subject, options: Options) -> Subject:
        """Coefficients stand in the place of rows that are predicted."""
        return replace(subject, points=subject.network.widths[0], own=False)

    def asked(self, subject: Subject, options: Options) -> Asked:
        """The spec."""
        change = {"parameter": "deletions", "set": "sparse", "count": options.delete}
        tables = of_head(subject, change) | {"evaluation": {"coefficients": "all"}}
        return Asked(tables, [Wanted("stable_predictions", "min")])

    def answer(self, subject: Subject, options: Options, claim: Claim) -> str:
        """A claim in words."""
        low, high = int(claim["lower"] or 0), int(subject.points if claim["upper"] is None else claim["upper"])
        flipped = flips_of(claim)
        what = "coefficients of the last layer" if subject.behind == LAYERS else "coefficients"
        said = [f"{low} of {subject.points} {what} proved to keep their sign, whichever {_rows(options.delete)} "
                f"left out {subject.again}"]
        if flipped:
            said.append(f"{len(flipped)} turn{'s' if len(flipped) == 1 else ''}: {_named(subject, flipped)}")
        said.append(f"{high - low} undecided" if high > low else "none is left undecided")
        return "; ".join(said)


def _named(subject: Subject, flipped: Sequence[tuple[int, Sequence[int]]]) -> str:
    """Columns by their names, a few of them, each with the rows without which it turns."""
    known = subject.names if subject.names is not None and len(subject.names) == subject.points else None
    what = "feature" if subject.behind == LAYERS else "column"  # what layers make of columns is none of them
    called = [f"{f'{what} {j}' if known is None else known[j]}{_without(rows)}" for j, rows in flipped[:MOST]]
    return ", ".join(called) + (f" and {len(flipped) - MOST} more" if len(flipped) > MOST else "")


def _without(rows: Sequence[int]) -> str:
    if not rows:
        return " (already at today's exact minimum)"
    return f" (without row{'s' if len(rows) > 1 else ''} {first(rows, MOST)})"


def _rows(count: int) -> str:
    return "training row is" if count == 1 else f"{count} training rows are"
