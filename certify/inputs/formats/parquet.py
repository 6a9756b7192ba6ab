"""Reader of `.parquet` files, by pyarrow (extra `tables`): columns of numbers without missing values."""

from __future__ import annotations

from typing import Any

import numpy as np

from certify.format.errors import InputError
from certify.inputs.formats.archive import Archive


class ParquetArchive(Archive):
    """The columns of one `.parquet` file.

    Args:
        content: the bytes of the file.
        asked: how to name the file in messages.

    Raises:
        InputError: pyarrow is not installed, the file is damaged, or a column name occurs twice.
    """

    table = True

    def __init__(self, content: bytes, asked: str) -> None:
        self._asked = asked
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise InputError(
                asked, "reading .parquet needs pyarrow, which is not installed",
                "pip install pyarrow, or save the table as .csv",
            ) from None
        self._errors = (pyarrow.ArrowException, OSError, ValueError, KeyError, NotImplementedError, MemoryError)
        try:
            self._file = pyarrow.parquet.ParquetFile(pyarrow.BufferReader(content))
            self._names = tuple(self._file.schema_arrow.names)
        except self._errors as error:
            raise InputError(asked, f"not a .parquet file, or damaged ({_line(error)})", "write it again") from None
        if len(set(self._names)) < len(self._names):
            twice = next(name for name in self._names if self._names.count(name) > 1)
            raise InputError(asked, f"two columns are named {twice!r}", "give every column a name of its own")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return self._names

    def read(self, name: str) -> np.ndarray[Any, Any]:
        """The column of that name, in the type it is stored in."""
        import pyarrow

        where = f"column {name!r} in {self._asked}"
        kind = self._file.schema_arrow.field(self._names.index(name)).type
        types = pyarrow.types
        if not (types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)):
            raise InputError(where, f"entries of type {kind}", "store real numbers: floats, integers or booleans")
        return self._column(name, "give every row a number, or leave the row out")

    def read_words(self, name: str) -> np.ndarray[Any, Any]:
        """Numbers as :meth:`read` gives them, or labels in words, as they are stored."""
        found = self._text(name, "give every row its label, or leave the row out")
        if found is None:
            return self.read(name)
        words = found.astype(str)
        if words.tolist() != found.tolist():  # numpy's text loses zeros at its end, so that two labels may be one
            raise InputError(f"column {name!r} in {self._asked}", "a label that ends in a NUL character",
                             "give labels without it")
        return words

    def read_written(self, name: str) -> np.ndarray[Any, Any]:
        """The column of that name: text as it is stored, or as :meth:`read` gives it."""
        found = self._text(name, "say in every row whose it is, or leave the row out")
        return self.read(name) if found is None else found

    def _text(self, name: str, remedy: str) -> np.ndarray[Any, Any] | None:
        """A column of text, none of which is missing; None: it holds no text."""
        import pyarrow

        kind, types = self._file.schema_arrow.field(self._names.index(name)).type, pyarrow.types
        kind = kind.value_type if types.is_dictionary(kind) else kind
        if not (types.is_string(kind) or types.is_large_string(kind)):
            return None
        found = self._column(name, remedy)
        if (found == "").any():
            raise InputError(f"column {name!r} in {self._asked}, row {int(np.argmax(found == ''))}", "a missing value",
                             remedy)
        return found

    def _column(self, name: str, remedy: str) -> np.ndarray[Any, Any]:
        where = f"column {name!r} in {self._asked}"
        try:
            # a dot in a name would be taken for a path within it
            column = self._file.read(use_threads=False).column(self._names.index(name))
            missing = column.is_null().to_numpy()
        except self._errors as error:
            raise InputError(where, f"damaged ({_line(error)})", "write it again") from None
        if missing.any():
            raise InputError(f"{where}, row {int(np.argmax(missing))}", "a missing value", remedy)
        return np.asarray(column.to_numpy())

    def read_fields(self, name: str) -> np.ndarray[Any, Any]:
        """The entries of a column: numbers, words, true and false, and None where one is missing."""
        try:
            column = self._file.read(use_threads=False).column(self._names.index(name))
            return np.array(column.to_pylist(), dtype=object)
        except self._errors as error:
            where = f"column {name!r} in {self._asked}"
            raise InputError(where, f"damaged ({_line(error)})", "write it again") from None


def _line(error: BaseException) -> str:
    """An error of another library in one line."""
    return " ".join(str(error).split())[:200] or type(error).__name__
