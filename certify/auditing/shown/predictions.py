"""What became of each prediction: today's output, and what every question says of it; as a table and as CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from certify.auditing.shown.both_kinds import RELABELLED
from certify.auditing.shown.owners import Owners, grouped, short
from certify.auditing.subject import Subject
from certify.format.errors import EnclosureError
from certify.format.quantities import PREDICTION_CHANGE, STABLE_PREDICTIONS, TOLERATED_CHANGES
from certify.problem.fitting import outputs_of
from certify.prove.rows_shown import first, of_both
from certify.rigor.fp import Array

STAYS, FLIPS, OPEN, ALREADY = "stays", "flips", "open", "flips already"
RANKS: Final = {FLIPS: 0, ALREADY: 0, OPEN: 1, STAYS: 2}
"""Those come first of which most is to be feared. Already: trained to its end on today's data, with no change at all,
the model gives another label."""

WHAT: Final = {"deletions": ("row", "group", "left out"), "labels": ("label", "", "wrong")}
"""What changes, in what it changes whole ("": no audit asks that), and what becomes of it, by the parameter
of a problem."""

ASKED: Final = ("parameter", "set", "count", "rows", "relabelled", "fresh", "direction", "radius", "grouped")
"""Members of a problem that say what changes."""

MOST, NAMED = 200, 8
"""Predictions on a page, and training rows that are named there of a change."""

NONE: Final = -1
"""In a certificate, in the place of a training row: a change of fewer rows."""

FORMULA: Final = re.compile(r"[=+\-@\t\r]")
"""How what a spreadsheet takes for a formula begins."""


NOWHERE: Final[Mapping[int, str]] = MappingProxyType({})


@dataclass(frozen=True)
class Cell:
    """What one question says of one prediction.

    Attributes:
        word: in a word or a few.
        rank: smaller ones come first.
        least: how many changes it survives at least; of equal ranks smaller ones come first.
        rows: the training rows whose change flips it; none where it does not flip, or has another label already when
            the model is trained to its end on today's data.
        groups: what the groups are called whose rows these are, where whole groups change.
        label: of a prediction that flips, the label that it then has; "": it is not known, or the other of two.
        relabelled: those of `rows` that get another label, where the change may leave others out; None: it is of one
            kind.
    """

    word: str
    rank: int
    least: float = inf
    rows: tuple[int, ...] = ()
    groups: tuple[str, ...] = ()
    label: str = ""
    relabelled: frozenset[int] | None = None

    @property
    def causes(self) -> str:
        """The training rows whose change flips it, the first of many; what becomes of which, where it may be either."""
        return named(self.rows) if self.relabelled is None else of_both(self.rows, self.relabelled, NAMED)


@dataclass(frozen=True)
class Column:
    """What one claim says of every prediction.

    Attributes:
        heading: what changes, in a few words.
        question: that it answers, in a sentence.
        change: what the claim is about; two columns of one change say the same.
        cells: one a prediction.
        grouped: whether they say what groups are called.
    """

    heading: str
    question: str
    change: tuple[Any, ...]
    cells: tuple[Cell, ...]
    grouped: bool = False

    @property
    def flips(self) -> bool:
        """Whether a prediction flips."""
        return any(cell.word in (FLIPS, ALREADY) for cell in self.cells)

    @property
    def both(self) -> bool:
        """Whether it is said which rows are left out, and which get another label."""
        return any(cell.relabelled is not None for cell in self.cells)

    @property
    def names_labels(self) -> bool:
        """Whether it is said which label a prediction has that flips."""
        return any(cell.label for cell in self.cells)


def column(name: str, question: str, certificate: Mapping[str, Any], points: int,
           owners: Owners | None = None, after: Mapping[int, str] = NOWHERE,
           each: Sequence[float] | None = None) -> Column | None:
    """What a certificate says of every prediction; None where it says nothing of single ones, or is about others.

    Args:
        name: of the question, in a word or two.
        question: in a sentence.
        certificate: whose claims tell of predictions by the number of their row.
        points: how many predictions there are.
        owners: whose each training row is, where that is known.
        after: the labels of predictions that flip, by their numbers.
        each: how far each prediction moves at most; empty: the claim's end holds of all; None: it is not told.
    """
    problem = certificate["problem"]
    if problem.get("evaluation_rows") != points:
        return None
    for claim in certificate["claims"]:
        teller = TELLERS.get(claim["quantity"])
        if teller is None or (cells := teller.cells({**claim, "each": each}, problem)) is None:
            continue
        change = (claim["quantity"], *(repr(problem.get(key)) for key in ASKED))
        who = owners if grouped(problem) else None
        if who is not None:
            cells = tuple(replace(cell, groups=who.of(cell.rows)) for cell in cells)
        cells = tuple(replace(cell, label=after.get(at, "") if cell.word in (FLIPS, ALREADY) else "")
                      for at, cell in enumerate(cells))
        heading = _heading(name, teller.survives, problem, "" if who is None else who.column)
        return Column(f"{heading}{teller.more}", question, change, cells, who is not None)
    return None


def _heading(name: str, survives: bool, problem: Mapping[str, Any], owner: str = "") -> str:
    """What changes, in a few words; the name of the question where these are none of the usual words.

    >>> change = {"parameter": "deletions", "count": 1, "rows": "all"}
    >>> _heading("x", False, change), _heading("x", False, change | {"count": 5, "parameter": "labels"})
    ('any 1 row left out', 'any 5 labels wrong')
    >>> _heading("x", True, change), _heading("x", False, change | {"count": None, "rows": [3, 17]})
    ('rows left out that it survives', '2 named rows left out')
    >>> _heading("x", False, change | {"count": 2, "grouped": {"groups": 60}}, "user_id")
    'any 2 groups of user_id left out'
    >>> _heading("x", False, change | {"relabelled": 2})
    'any 1 row left out and any 2 other labels wrong'
    """
    word, more = WHAT.get(problem["parameter"]), problem.get("relabelled")
    if word is None or problem.get("fresh") is not None:
        return name
    if more is not None:
        return (f"{_heading(name, survives, {**problem, 'relabelled': None}, owner)} and any {more} other "
                f"label{'' if more == 1 else 's'} wrong")
    noun, unit, what = word
    if grouped(problem):
        count, of = problem.get("count"), f" of {short(owner)}" if owner else ""
        plain = unit and not survives and count is not None and problem["rows"] == "all"
        return f"any {count} {unit}{'' if count == 1 else 's'}{of} {what}" if plain else name
    if survives:
        return f"{noun}s {what} that it survives"
    rows, count = problem["rows"], problem.get("count")
    listed = isinstance(rows, list)
    if count is None:
        return f"{len(rows)} named {noun}{'' if len(rows) == 1 else 's'} {what}" if listed else name
    of = f" of {len(rows)} that are named" if listed else ""
    return f"any {count} {noun}{'' if count == 1 else 's'} {what}{of}"


def _fates(claim: Mapping[str, Any], problem: Mapping[str, Any]) -> tuple[Cell, ...] | None:
    """Which predictions stay; None where the certificate does not list them."""
    witness, points = claim["witness"], problem["evaluation_rows"]
    if witness.get("flipped") is None:
        return None
    flipped, changed, undecided = witness["flipped"], witness["changed"], set(witness["undecided"])
    width = len(changed) // max(len(flipped), 1)
    by = {point: tuple(row for row in changed[a * width : (a + 1) * width] if row != NONE)
          for a, point in enumerate(flipped)}
    fresh = problem.get("fresh") is not None  # rows join then, which are no training rows
    words = [(FLIPS if by[point] or fresh else ALREADY) if point in by else OPEN if point in undecided else STAYS
             for point in range(points)]
    other = claim.get(RELABELLED, {})
    return tuple(Cell(word, RANKS[word], rows=by.get(point, ()), relabelled=other.get(point))
                 for point, word in enumerate(words))


def _ends(claim: Mapping[str, Any], problem: Mapping[str, Any]) -> tuple[Cell, ...] | None:
    """How many changes each prediction survives; None where the certificate does not say it of each."""
    low, high = claim.get("row_lower") or (), claim.get("row_upper") or ()
    if len(low) != problem["evaluation_rows"]:
        return None
    return tuple(_survives(*ends, problem.get("count")) for ends in zip(low, high, strict=True))


def _survives(low: float | None, high: float | None, most: int | None) -> Cell:
    """How many changed rows a prediction survives, both ends; more than were asked about is not known.

    >>> [_survives(*ends, 3).word for ends in ((0, 0), (1, 2), (1, 3), (3, 3), (None, None))]
    ['0', '1 to 2', '1 or more', '3 or more', '0 or more']
    """
    least = int(low or 0)
    if high is None or high == most:
        return Cell(f"{least} or more", RANKS[STAYS], least)
    return Cell(f"{least}" if least == high else f"{least} to {int(high)}", RANKS[STAYS], least)


def _moves(claim: Mapping[str, Any], problem: Mapping[str, Any]) -> tuple[Cell, ...] | None:
    """How far each prediction moves at most, those first that may move most; none where nothing is known.

    >>> [cell.word for cell in _moves({"upper": 2.0, "each": (0.5, 3.0)}, {"evaluation_rows": 2})]
    ['0.5', '2.0']
    """
    N, upper, each = problem["evaluation_rows"], claim["upper"], claim["each"]
    if each is None or (upper is None and not each):
        return None
    ends = [float(min(end, inf if upper is None else upper)) for end in (each or (inf,) * N)]
    return tuple(Cell(OPEN, RANKS[OPEN]) if end == inf else Cell(repr(end), RANKS[STAYS], -end) for end in ends)


@dataclass(frozen=True)
class Teller:
    """What claims of a quantity say of single predictions.

    Attributes:
        cells: of a claim and its problem.
        survives: whether they say how many changes a prediction survives.
        more: what stands behind the change in the heading.
    """

    cells: Callable[[Mapping[str, Any], Mapping[str, Any]], tuple[Cell, ...] | None]
    survives: bool
    more: str = ""


TELLERS: Final = {STABLE_PREDICTIONS.name: Teller(_fates, False), TOLERATED_CHANGES.name: Teller(_ends, True),
                  PREDICTION_CHANGE.name: Teller(_moves, False, ": moves by at most")}
"""By the quantity of a claim."""


@dataclass(frozen=True)
class Line:
    """One prediction.

    Attributes:
        row: its number.
        label, output, margin: of today.
        cells: what is said of it.
    """

    row: int
    label: str
    output: float
    margin: float
    cells: tuple[Cell, ...]


@dataclass(frozen=True, eq=False)
class Today:
    """What the given weights say of every prediction, in floats.

    Attributes:
        labels: in words.
        outputs: that of the label; of one output this.
        margins: by how much it lies on its side of what parts the labels, or above the largest other output.
        several: whether there are several outputs.
        labelled: whether they stand for labels; else labels are empty and margins 0.
    """

    labels: tuple[str, ...]
    outputs: Array
    margins: Array
    several: bool
    labelled: bool = True


def today_of(subject: Subject) -> Today | None:
    """Today's labels, outputs and margins; None where outputs overflow, or several stand for no labels.

    Args:
        subject: whose predictions they are.
    """
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            F = np.concatenate([found for _, found in outputs_of(subject.network, subject.to_predict)])
    except EnclosureError:
        return None
    if not np.isfinite(F).all():
        return None
    if not subject.classifies:
        return Today(("",) * len(F), F[:, 0], np.zeros(len(F)), False, False) if F.shape[1] == 1 else None
    if F.shape[1] == 1:
        over = F[:, 0] - (subject.threshold or 0.0)
        at, outputs, margins = (over > 0).astype(np.int64), F[:, 0], np.abs(over)
        words: Sequence[Any] = subject.classes or ("below", "above")
    else:
        at, order = np.argmax(F, axis=1), np.sort(F, axis=1)
        outputs, margins = order[:, -1], order[:, -1] - order[:, -2]
        words = subject.classes or range(F.shape[1])
    return Today(tuple(str(words[label]) for label in at), outputs, margins, F.shape[1] > 1)


@dataclass(frozen=True, eq=False)
class Table:
    """All predictions, with what was said of them.

    Attributes:
        today: of the given weights.
        columns: one a change.
    """

    today: Today
    columns: tuple[Column, ...]

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """Every prediction: what flips, then what is open, then what survives least; the smallest margin first."""
        today, cells = self.today, zip(*(one.cells for one in self.columns), strict=True)
        found = [Line(row, *one) for row, one in enumerate(zip(
            today.labels, today.outputs.tolist(), today.margins.tolist(), cells, strict=True))]
        return tuple(sorted(found, key=lambda line: (
            min(cell.rank for cell in line.cells), min(cell.least for cell in line.cells), line.margin, line.row)))

    def csv(self) -> str:
        """A header and a line a prediction, in the order of their rows; numbers in full."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        heads = [part for one in self.columns for part in _with_rows(
            one, one.heading, f"{one.heading}: label then", f"{one.heading}: groups", f"{one.heading}: training rows",
            f"{one.heading}: training rows with a wrong label")]
        labelled = self.today.labelled
        known = ["prediction", "label today", "output today", "margin today"] if labelled else [
            "prediction", "output today"]
        writer.writerow([*known, *heads])
        for line in sorted(self.lines, key=lambda line: line.row):
            told = [part for one, cell in zip(self.columns, line.cells, strict=True)
                    for part in _with_rows(one, cell.word, _guarded(cell.label), _guarded("; ".join(cell.groups)),
                                            " ".join(map(str, cell.rows)),
                                            " ".join(map(str, sorted(cell.relabelled or ()))))]
            writer.writerow([line.row, _guarded(line.label), repr(line.output), repr(line.margin), *told] if labelled
                            else [line.row, repr(line.output), *told])
        return text.getvalue()


def _with_rows(column: Column, word: str, label: str, groups: str, rows: str, wrong: str) -> tuple[str, ...]:
    """What stands of a column in a line: where some prediction flips the label it then has, groups and rows too."""
    if not column.flips:
        return (word,)
    return (word, *((label,) if column.names_labels else ()), *((groups,) if column.grouped else ()), rows,
            *((wrong,) if column.both else ()))


def named(rows: Sequence[int]) -> str:
    """Some training rows, the first of many.

    >>> named((3, 17)), named(tuple(range(10)))
    ('3, 17', '0, 1, 2, 3, 4, 5, 6, 7 and 2 more')
    """
    return first(rows, NAMED)


def named_groups(names: Sequence[str]) -> str:
    """Some groups, the first of many, none with a name that is too long.

    >>> named_groups(("007", "7"))
    '007, 7'
    """
    more = len(names) - NAMED
    return ", ".join(map(short, names[:NAMED])) + (f" and {more} more" if more > 0 else "")


def _guarded(text: str) -> str:
    """Foreign text of a cell, which no spreadsheet takes for a formula; a number stays one."""
    try:
        float(text)
    except ValueError:
        return f"'{text}" if FORMULA.match(text) else text
    return text
