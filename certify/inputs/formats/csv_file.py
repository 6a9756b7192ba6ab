"""Reader of `.csv` files: a header row of names, then one row a sample; strict, on bytes.

A field is a decimal number and stands for the double nearest to it: that double is what is certified. A column
in which every field is an integer is a column of integers. Columns that nobody asks for may hold anything.
"""

from __future__ import annotations

import csv
import io
import math
import re
from decimal import Decimal
from typing import Any, Final

import numpy as np

from certify.format.errors import EnvironmentRefused, InputError
from certify.inputs.formats.archive import Archive
from certify.inputs.numbers import LARGEST_INTEGER
from certify.rigor import fp

_INTEGER: Final = re.compile(r"[+-]?[0-9]+")
_DECIMAL: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_INFINITE: Final = re.compile(r"[+-]?inf(inity)?", flags=re.IGNORECASE)
_MISSING: Final = ("", "na", "n/a", "nan", "null", "none", "-", "?", ".")


class CsvArchive(Archive):
    """The columns of one `.csv` file.

    Args:
        content: the bytes of the file.
        asked: how to name the file in messages.

    Raises:
        InputError: not UTF-8, no header, a name that occurs twice, or a row with another number of fields.
    """

    table = True

    def __init__(self, content: bytes, asked: str) -> None:
        self._asked = asked
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            raise InputError(f"{asked}, line {line}", "bytes that are not UTF-8", "save it as UTF-8") from None
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        try:
            rows = [(reader.line_num, row) for row in reader]
        except csv.Error as error:
            raise InputError(
                f"{asked}, line {reader.line_num}", f"not comma-separated values ({error})", "mend that line"
            ) from None
        if len(rows) < 2 or not rows[0][1]:
            headed = bool(rows and rows[0][1])
            found = "empty: it has a header, and no row below it" if headed else "no header in its first line"
            raise InputError(asked, found, "give a header row of names and at least one row of numbers")
        self._names = tuple(name.strip() for name in rows[0][1])
        self._require_names(text)
        for line, row in rows[1:]:
            if len(row) != len(self._names):
                raise InputError(
                    f"{asked}, line {line}", f"{len(row)} fields, the header has {len(self._names)}",
                    "give every row one field a column" if row else "remove the empty line",
                )
        self._lines = [line for line, _ in rows[1:]]
        self._rows = [row for _, row in rows[1:]]

    def _require_names(self, text: str) -> None:
        if len(set(self._names)) < len(self._names):
            twice = next(name for name in self._names if self._names.count(name) > 1)
            raise InputError(self._asked, f"two columns are named {twice!r}", "give every column a name of its own")
        strange = next((name for name in self._names if not name.isprintable()), None)
        if strange is not None:
            raise InputError(self._asked, f"a column is named {strange[:60]!r}", "use printable names")
        if all(_DECIMAL.fullmatch(name) for name in self._names) and len(self._names) > 1:
            ordinal = list(self._names) == [str(i) for i in range(len(self._names))]
            if not ordinal and any("." in name for name in self._names):
                raise InputError(self._asked, "its first row holds numbers, not names", "add a header row of names")
        if len(self._names) == 1:
            other = next((mark for mark in ";\t|" if mark in self._names[0]), None)
            if other is not None:
                raise InputError(self._asked, f"its header is separated by {other!r}", "separate columns by commas")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return self._names

    def read(self, name: str) -> np.ndarray[Any, Any]:
        """The column of that name: int64 if every field is an integer and none beyond 2^53, else float64."""
        column = self._names.index(name)
        fields = [row[column].strip(" \t") for row in self._rows]
        values = np.array([self._number(i, field, name) for i, field in enumerate(fields)])
        whole = all(_INTEGER.fullmatch(field) for field in fields) and np.abs(values).max() <= LARGEST_INTEGER
        return values.astype(np.int64) if whole else values

    def read_words(self, name: str) -> np.ndarray[Any, Any]:
        """Numbers where the column holds numbers alone, else the fields as they are written, as labels in words."""
        column = self._names.index(name)
        fields = [row[column].strip(" \t") for row in self._rows]
        missing = [row for row, field in enumerate(fields) if field.lower() in _MISSING]
        if any(_DECIMAL.fullmatch(field) for field in fields) or len(missing) == len(fields):
            return self.read(name)
        if missing:  # read as numbers, the first word would be blamed
            raise InputError(self._where(name, missing[0]), f"{fields[missing[0]]!r}, where a label is missing",
                             "give every row its label, or leave the row out")
        return np.array(fields)

    def read_written(self, name: str) -> np.ndarray[Any, Any]:
        """The fields of a column as they are written, but for blanks around them."""
        column = self._names.index(name)
        fields = [row[column].strip(" \t") for row in self._rows]
        for row, field in enumerate(fields):
            if field.lower() in _MISSING:
                raise InputError(self._where(name, row), f"{field!r}, a missing value",
                                 "say in every row whose it is, or leave the row out")
        return np.array(fields, dtype=object)  # as numpy's text they would lose zeros at their ends

    def renumbered(self, name: str) -> tuple[bytes, int] | None:
        """The same table with numbers in a column, by its names as they are written; None: its numbers are as many."""
        fields = self.read_written(name).tolist()
        numbers = {field: at for at, field in enumerate(dict.fromkeys(fields))}
        if all(map(_DECIMAL.fullmatch, numbers)) and len({float(field) for field in numbers}) == len(numbers):
            return None
        column, text = self._names.index(name), io.StringIO(newline="")
        lines = ([*row[:column], str(numbers[field]), *row[column + 1 :]]
                 for row, field in zip(self._rows, fields, strict=True))
        csv.writer(text, lineterminator="\n").writerows([self._names, *lines])
        return text.getvalue().encode(), len(numbers)

    def _where(self, name: str, row: int) -> str:
        return f"column {name!r} in {self._asked}, row {row} (line {self._lines[row]})"

    def merged(self, name: str) -> tuple[str, str] | None:
        """Two different decimals of a column with the same nearest double."""
        column, known = self._names.index(name), dict[float, str]()
        for field in (row[column].strip(" \t") for row in self._rows):
            if _DECIMAL.fullmatch(field) and not _same(other := known.setdefault(float(field), field), field):
                return other[:60], field[:60]
        return None

    def read_fields(self, name: str) -> np.ndarray[Any, Any]:
        """The fields as they are written, spaces too."""
        column = self._names.index(name)
        return np.array([row[column] for row in self._rows], dtype=object)

    def _number(self, row: int, field: str, name: str) -> float:
        where = self._where(name, row)
        if _DECIMAL.fullmatch(field):
            return decimal_of(field, where)
        if field.lower() in _MISSING:
            raise InputError(where, f"{field!r}, a missing value", "give every row a number, or leave the row out")
        if _INFINITE.fullmatch(field):
            raise InputError(where, f"{field!r}, which is no finite number", "correct it, or leave the row out")
        remedy = "write 1234.5, with a decimal point and without separators of thousands"
        if not any(one.isdigit() for one in field):
            remedy = "only numbers can be read: give every category a number, and the network what it was trained on"
        raise InputError(where, f"{field[:60]!r} is no decimal number", remedy)


def decimal_of(field: str, where: str) -> float:
    """The nearest double of a decimal number as it is written.

    Args:
        field: digits, with a point or an exponent.
        where: it stands, for messages.

    Raises:
        InputError: it is beyond the range of doubles.
        EnvironmentRefused: it is not 0, and this thread reads it as 0.
    """
    value = float(field)
    if value == 0 and re.match(r"[-+]?[0.]*[1-9]", field) and fp.flushes():
        raise EnvironmentRefused(where, f"{field[:60]!r} while this thread flushes subnormal numbers to zero",
                                 "turn flush-to-zero off, or rescale the column")
    if not math.isfinite(value):
        raise InputError(where, f"{field[:60]!r} is beyond the range of doubles", "give a number below 1.8e308")
    return value


def _same(one: str, other: str) -> bool:
    """Whether two decimals are the same number, by all of their digits."""
    try:
        return one == other or Decimal(one) == Decimal(other)
    except ArithmeticError:  # an exponent of more digits than decimals have
        return False
