"""The sets of changes in words: which rows move, by how much, and how that is measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from certify.certificate.schema import Problem
from certify.report.digits import as_given, count
from certify.report.phrases.listing import in_units
from certify.report.phrases.norms import NORMS
from certify.report.phrases.parameters import PARAMETERS


@dataclass(frozen=True)
class Changes:
    """The changes of one kind that may happen; this one shares a budget among all rows.

    Attributes:
        small: by how much rows move where the move is small.
        shared: how the rows share a budget.
        limit: how the rows share the size at which no theorem holds any more.
        by_row: whether δ is the largest over the rows, not the length of all moves together.
        one: whether there is but one change.
        choice: who decides which rows change, in a sentence.
    """

    small: str = "by a small amount δ in total"
    shared: str = "in total"
    limit: str = "in total"
    by_row: bool = False
    one: bool = False
    choice: str = "They may spend one budget on one row or spread it over all of them."

    def moving(self, problem: Problem, alone: bool, several: str, one: str) -> str:
        """The move as the condition of a sentence.

        Args:
            problem: the problem.
            alone: whether one row moves and all others stay.
            several: what follows the verb where several rows move, e.g. ``"by a small amount δ in total"``.
            one: what follows the verb where one row moves.
        """
        row = PARAMETERS[problem.parameter]
        verb, verb_of_one = row.verbs(problem.direction is not None)
        number = None if problem.rows == "all" else len(problem.rows)
        if number == 1 and problem.rows != "all":
            return f"the {row.of_a_row} of training row {problem.rows[0]} {verb_of_one} {one}"
        rows = "training row" if number is None else f"of the {count(number)} listed training rows"
        if alone:
            return f"the {row.of_a_row} of any one {rows} {verb_of_one} {one} while all others stay"
        return self.several(problem, verb, verb_of_one, several)

    def several(self, problem: Problem, verb: str, verb_of_one: str, by: str) -> str:
        """The move of several rows; `verb_of_one` is for sets that speak of every row."""
        row = PARAMETERS[problem.parameter]
        if problem.rows == "all":
            return f"the {row.all} {verb} {by}"
        return f"the {row.noun} of the {count(len(problem.rows))} listed training rows {verb} {by}"

    def mover(self, problem: Problem) -> str:
        """The move, as large as it may be, as the condition of a sentence."""
        size = as_given(problem.radius or 0.0).text + in_units(problem)
        return self.moving(problem, False, f"by at most {size} {self.shared}", f"by at most {size}")

    def size(self, problem: Problem) -> str:
        """What δ is, for a table."""
        if PARAMETERS[problem.parameter].one_number:
            return "Euclidean length of all changes together"
        counted = ", equal rows counted once" if problem.merge_duplicates and problem.groups else ""
        return f"Euclidean length over all rows that may move, together{counted}{_units(problem)}"

    def length(self, problem: Problem) -> str:
        """What δ is, for a glossary."""
        return f"{NORMS[problem.norm].length}, taken over all rows that may move together"


@dataclass(frozen=True)
class _OfRows(Changes):
    """A budget for each row that moves."""

    by_row: bool = True
    limit: str = "each"

    def size(self, problem: Problem) -> str:
        """What δ is, for a table."""
        row, falls = PARAMETERS[problem.parameter], problem.direction is not None
        one = f"the {'fall' if falls else 'change'} of the {row.of_a_row}" if row.one_number else (
            f"the {NORMS[problem.norm].length} of the move")
        return f"the largest over the rows that may move, of each row {one}{_units(problem)}{self.most(problem)}"

    def most(self, problem: Problem) -> str:
        """How many rows move at most, where that is limited."""
        return ""

    def length(self, problem: Problem) -> str:
        """What δ is, for a glossary."""
        size = PARAMETERS[problem.parameter].length or NORMS[problem.norm].length
        return f"{size}, of the row that moves furthest"


@dataclass(frozen=True)
class _PerSample(_OfRows):
    """Every row moves within its own budget."""

    small: str = "by a small amount, at most δ each"
    choice: str = "Every row may change at once, each within a budget of its own."
    shared: str = "each"

    def several(self, problem: Problem, verb: str, verb_of_one: str, by: str) -> str:
        """The move of every row."""
        noun = PARAMETERS[problem.parameter].of_a_row
        rows = "training row" if problem.rows == "all" else (
            f"one of the {count(len(problem.rows))} listed training rows")
        return f"the {noun} of every {rows} {verb_of_one} {by}"


@dataclass(frozen=True)
class _Sparse(_OfRows):
    """A few rows move, each within its own budget."""

    choice: str = "They choose the rows. Each chosen row has a budget of its own."

    def mover(self, problem: Problem) -> str:
        """The move, as large as it may be, as the condition of a sentence."""
        row, most = PARAMETERS[problem.parameter], count(problem.count or 0)
        verb, _ = row.verbs(problem.direction is not None)
        listed = "" if problem.rows == "all" else f" of the {count(len(problem.rows))} listed ones"
        rows = f"training row{'s' * (problem.count != 1)}"
        size = as_given(problem.radius or 0.0).text + in_units(problem)
        return f"the {row.noun} of at most {most} {rows}{listed} {verb}, by at most {size} each"

    def most(self, problem: Problem) -> str:
        """How many rows move at most."""
        return f"; at most {problem.count} rows move"


@dataclass(frozen=True)
class _Given(Changes):
    """The one change in a file."""

    limit: str = "each"
    one: bool = True
    choice: str = "Nobody chooses: it is this one change, as stated."

    def mover(self, problem: Problem) -> str:
        """The change as the condition of a sentence."""
        row = PARAMETERS[problem.parameter]
        verb, _ = row.verbs(problem.direction is not None)
        return f"the {row.all} {verb} by the change in the file"

    def size(self, problem: Problem) -> str:
        """What δ is, for a table."""
        return "Euclidean length of the change in the file"


def _units(problem: Problem) -> str:
    return in_units(problem).replace("counted ", "")


SETS: Final[dict[str, Changes]] = {
    "total": Changes(), "per_sample": _PerSample(), "sparse": _Sparse(), "given": _Given(),
}
