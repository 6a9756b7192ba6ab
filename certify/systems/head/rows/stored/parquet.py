"""Rows of a `.parquet` file, read and never mapped, one row group after another; the last one is kept."""

from __future__ import annotations

from io import BufferedReader
from typing import Any

import numpy as np

from certify.format.errors import InputError
from certify.inputs.numbers import exact_float64
from certify.rigor.fp import Array
from certify.systems.head.rows.stored.rows import Ints
from certify.systems.head.rows.stored.state import State, reopened, require_same, state_of

COPIES = 3
"""Copies of a row group while it is read: columns as stored, as an array, and what the reader keeps."""


class Parquet:
    """All columns of a file as features, in their order; a 1 may follow them, for an intercept.

    Args:
        path: of the file.
        ones: whether a 1 follows.

    Raises:
        InputError: pyarrow is not installed, the file is damaged, or a column holds no numbers.
    """

    def __init__(self, path: str, ones: bool) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise InputError("X", f"{path}, and pyarrow is not installed", "pip install pyarrow, or save the rows as "
                             ".npy") from None
        self.path, self.ones, self._pyarrow = path, ones, pyarrow
        self._errors = (pyarrow.ArrowException, OSError, ValueError, KeyError, NotImplementedError, MemoryError)
        try:
            with open(path, "rb") as stored:
                self._state = state_of(stored.fileno())
                file = pyarrow.parquet.ParquetFile(stored)
                self._metadata, schema = file.metadata, file.schema_arrow
            sizes = [self._metadata.row_group(g).num_rows for g in range(self._metadata.num_row_groups)]
        except self._errors as error:
            raise InputError("X", f"{path}: {' '.join(str(error).split())[:200]}", "give a .parquet file") from None
        types = pyarrow.types
        for field in schema:
            if not (types.is_integer(field.type) or types.is_floating(field.type) or types.is_boolean(field.type)):
                raise InputError(f"X, column {field.name!r}", f"entries of type {field.type}", "store real numbers")
        self.names = tuple(schema.names)
        self._starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        self._kept: tuple[int, np.ndarray[Any, Any]] | None = None
        if not self.names or min(sizes, default=0) < 0 or not self._starts[-1]:
            raise InputError("X", f"{path} without rows or columns", "give (n, d) numbers")

    @property
    def state(self) -> State:
        """Of the file when it was asked about."""
        return self._state

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and features, the 1 among them."""
        return int(self._starts[-1]), len(self.names) + self.ones

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns as stored."""
        return int(self._starts[-1]), len(self.names)

    @property
    def held(self) -> int:
        """Bytes that the largest row group takes while it is read."""
        return int(np.diff(self._starts).max()) * len(self.names) * 8 * COPIES

    def part(self, start: int, stop: int) -> Array:
        """Rows one after another."""
        first = int(np.searchsorted(self._starts, start, side="right")) - 1
        pieces = []
        for g in range(first, len(self._starts) - 1):
            low, high = int(self._starts[g]), int(self._starts[g + 1])
            if low >= stop:
                break
            pieces.append(self._group(g)[max(start, low) - low : min(stop, high) - low])
        rows = exact_float64(np.concatenate(pieces), f"X, rows {start} to {stop - 1}")
        return np.hstack([rows, np.ones((len(rows), 1))]) if self.ones else rows

    def take(self, rows: Ints) -> Array:
        """Rows of these numbers."""
        return np.concatenate([self.part(int(i), int(i) + 1) for i in rows]) if len(rows) else self.part(0, 1)[:0]

    def require_unchanged(self) -> None:
        """Refuse what was found if the file is another one than it was.

        Raises:
            InputError: it was replaced, or written to.
        """
        require_same(self.path, self._state)

    def _group(self, g: int) -> np.ndarray[Any, Any]:
        if self._kept is None or self._kept[0] != g:
            self._kept = None  # before the next one is there
            table = self._table(g)
            for name, column in zip(self.names, table.columns, strict=True):
                if column.null_count:
                    raise InputError(f"X, column {name!r}", f"{column.null_count} missing values in row group {g}",
                                     "give every row a number, or leave the row out")
            # each column exactly, whatever type it has
            columns = [exact_float64(column.to_numpy(), f"X, column {name!r}")
                       for name, column in zip(self.names, table.columns, strict=True)]
            self._kept = (g, np.column_stack(columns))
        return self._kept[1]

    def _table(self, g: int) -> Any:
        """A row group; the file is opened anew, and is the one that it was."""
        with BufferedReader(reopened(self.path, self._state)) as stored:
            try:
                file = self._pyarrow.parquet.ParquetFile(stored, metadata=self._metadata)
                table = file.read_row_group(g)
            except self._errors as error:
                raise InputError("X", f"{self.path}, row group {g}: {' '.join(str(error).split())[:200]}",
                                 "write it again") from None
        if table.num_rows != self._starts[g + 1] - self._starts[g]:
            raise InputError("X", f"{self.path}, row group {g} of {table.num_rows} rows, where the file says otherwise",
                             "write it again")
        return table
