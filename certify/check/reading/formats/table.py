"""Columns of numbers from the bytes of a `.csv` file: a header of names, then one row of decimal numbers a sample."""

from __future__ import annotations

import csv
import io
import math
import re
from decimal import Decimal

from certify.check.reading.arrays import Array
from certify.format.canonical import LARGEST_INTEGER, show
from certify.format.refusal import Invalid

_INTEGER = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


class Table:
    """A `.csv` file: UTF-8, commas, unique names, as many fields in every row.

    Args:
        data: the bytes of the file.
        name: how to call it in messages.

    Raises:
        Invalid: it is something else.
    """

    def __init__(self, data: bytes, name: str) -> None:
        self._name = name
        try:
            rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True))
        except (ValueError, csv.Error) as error:
            raise Invalid(name, "it is not a table", f"comma-separated values in UTF-8 are needed ({error})") from None
        self.names = tuple(field.strip() for field in rows[0]) if rows else ()
        self.rows = rows[1:]
        widths = {len(row) for row in self.rows}
        if not self.names or len(set(self.names)) < len(self.names) or widths != {len(self.names)}:
            raise Invalid(name, f"a header of {show(self.names)}, rows of {sorted(widths)} fields",
                          "different names and one field for each in every row are needed")

    def column(self, key: str) -> Array:
        """The doubles nearest to the numbers of a column; integers if every field is one and none is beyond 2^53."""
        at = self.names.index(key)
        fields = [row[at].strip(" \t") for row in self.rows]
        values = tuple(float(f) if _DECIMAL.fullmatch(f) else math.nan for f in fields)
        bad = next((i for i, v in enumerate(values) if not math.isfinite(v)), None)
        if bad is not None:
            raise Invalid(f"{self._name}, column {show(key)}, row {bad}", f"the field is {show(fields[bad])}",
                          "a decimal number in the range of doubles is needed")
        whole = all(map(_INTEGER.fullmatch, fields)) and max(map(abs, values)) <= LARGEST_INTEGER
        return Array((len(values),), values, "i" if whole else "f")

    def require_apart(self, key: str) -> None:
        """Different numbers of a column are different doubles, as those of whose the rows are have to be.

        Raises:
            Invalid: two of them become one.
        """
        at, known = self.names.index(key), dict[float, str]()
        for row, field in enumerate(line[at].strip(" \t") for line in self.rows):
            other = known.setdefault(float(field), field)
            if not _same(other, field):
                raise Invalid(f"{self._name}, column {show(key)}, row {row}",
                              f"{show(field)} and {show(other)} are the same double",
                              "numbers of groups that doubles tell apart are needed")


def _same(one: str, other: str) -> bool:
    """Whether two decimals are the same number, by all of their digits."""
    try:
        return one == other or Decimal(one) == Decimal(other)
    except ArithmeticError:  # an exponent of more digits than decimals have
        return False
