"""These training rows are left out: which predictions change, and how far do outputs and weights go?"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from certify.auditing.questions.base import Asked, Claim, Options, Question, Wanted, of_head, of_rows, wanted
from certify.auditing.shown.units import unit
from certify.auditing.subject import Subject
from certify.format.errors import InputError

SHORTEST: Final = 3
"""Rows from which on a range is named by its ends."""

RANGES: Final = 8
"""Rows and ranges that are named in a sentence."""


class TheseRows(Question):
    """The rows that were named are left out, all at once."""

    slug = "these-rows"
    words = ("these rows", "those rows", "given rows", "gdpr", "right to be forgotten", "delete these rows",
             "these rows deleted", "these rows removed", "forget these rows", "these rows unlearned")
    besides = ("request", "requests")
    option = "rows"

    def sentence(self, subject: Subject, options: Options) -> str:
        """The question in a sentence."""
        what = "which predictions change" if subject.classifies else "how far do outputs change"
        return f"{what}, when {_these(options.rows)} left out {subject.again}"

    def against(self, subject: Subject, options: Options) -> str:
        """Why it cannot be asked."""
        if not options.rows:
            return "no rows are named: say which with --rows 3,17,40"
        return subject.against_head

    def misnamed(self, subject: Subject, options: Options) -> str:
        """Rows that are not there, or all of them."""
        if set(options.rows) <= set(range(subject.n)) and len(set(options.rows)) < subject.n:
            return ""
        return f"the rows are those from 0 to {subject.n - 1}, and one has to be left"

    def demanded(self, options: Options) -> bool:
        """Where rows are named too."""
        return options.named or bool(options.rows)

    def rest(self, phrase: str) -> str:
        """Without the numbers of rows and ranges of them."""
        return re.sub(r"[0-9]+(?:\s*(?:-|–|to)\s*[0-9]+)?", "", phrase)

    def heard(self, phrase: str, options: Options) -> Options:
        """The numbers of the rows and ranges of them, unless they are known.

        Raises:
            InputError: a range that ends before it starts, or other rows than were named before.
        """
        counted = re.search(r"\bthese ([0-9]{1,9}) rows\b", phrase)
        if counted is not None:
            if len(set(options.rows)) != int(counted[1]):
                raise InputError(f"--ask {phrase!r}", f"{len(set(options.rows))} rows are named",
                                 "name them with --rows")
            return options
        found: list[int] = []
        for first, last in re.findall(r"(?<![0-9.])([0-9]{1,9})(?:\s*(?:-|–|to)\s*([0-9]{1,9}))?(?![0-9.])", phrase):
            if int(last or first) < int(first):
                raise InputError(f"--ask {phrase!r}", f"{first}-{last} are no rows", "write e.g. --rows 3,17,40-49")
            found += range(int(first), int(last or first) + 1)
        if options.rows and found and set(found) != set(options.rows):
            raise InputError(f"--ask {phrase!r}", "other rows than were named before",
                             "name all of them once, in --rows")
        return options if options.rows else replace(options, rows=tuple(dict.fromkeys(found)))

    def unprompted(self, options: Options) -> bool:
        """Where rows are named."""
        return bool(options.rows)

    def asked(self, subject: Subject, options: Options) -> Asked:
        """The spec."""
        change = {"parameter": "deletions", "set": "given", "rows": sorted(set(options.rows))}
        more = [Wanted("prediction_change", "max")] if subject.classifies else []
        return Asked(of_head(subject, change), [*wanted(subject), *more, Wanted("distance", "max")])

    def answer(self, subject: Subject, options: Options, claim: Claim) -> str:
        """A claim in words."""
        return of_rows(subject, claim, f"when {_these(options.rows)} left out {subject.again}") + unit(subject, claim)


def _these(rows: tuple[int, ...]) -> str:
    """The rows by their numbers, those of a range by its ends, with the verb.

    >>> _these((405, 399, 400)), _these((3, 5)), _these((7,))
    ('these 3 rows (399, 400, 405) are', 'these 2 rows (3, 5) are', 'row 7 is')
    >>> _these((3, *range(399, 406)))
    'these 8 rows (3, 399 to 405) are'
    """
    if len(rows) == 1:
        return f"row {rows[0]} is"
    runs: list[list[int]] = []
    for row in sorted(set(rows)):
        if runs and row == runs[-1][-1] + 1:
            runs[-1].append(row)
        else:
            runs.append([row])
    parts = [part for run in runs for part in (map(str, run) if len(run) < SHORTEST else [f"{run[0]} to {run[-1]}"])]
    more = len(parts) - RANGES
    named = ", ".join(parts[:RANGES]) + " and others" if more > 1 else ", ".join(parts)
    return f"these {len(set(rows))} rows ({named}) are"
