"""An archive: named arrays in one file, opened without running anything that is in it."""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from certify.format.errors import InputError

ZIP_ERRORS: Final = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, KeyError, IndexError, ValueError, OverflowError, OSError,
    RuntimeError, MemoryError,
)
"""What Python's zipfile raises for a damaged archive, found by fuzzing (NotImplementedError is a RuntimeError)."""


class Archive(ABC):
    """Named arrays of one file. Names are known at once; an array is decoded when it is asked for.

    Attributes:
        table: whether the arrays are the columns of a table, one number a row in each.
        activation: what joins the layers of a network, where the file says so; else None.
        reparameterised: whether the arrays are parameters into which others were folded, as far as the file shows.
    """

    table: bool = False
    activation: str | None = None
    reparameterised: bool = False

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Names of the arrays, in the order of the file."""

    @abstractmethod
    def read(self, name: str) -> np.ndarray[Any, Any]:
        """The array of that name, in the type it is stored in (bfloat16 as float32, which is exact).

        Raises:
            InputError: it is damaged, or not an array of numbers.
        """


    def read_words(self, name: str) -> np.ndarray[Any, Any]:
        """The array of that name as :meth:`read` gives it; words as they are written, where the format has them.

        Raises:
            InputError: as :meth:`read`.
        """
        return self.read(name)

    def read_written(self, name: str) -> np.ndarray[Any, Any]:
        """The array of that name as :meth:`read` gives it; of a table names as they are written, none missing.

        Of a text `007` and `7` are two names, as `1e3` and `1000` are: nothing says that they are one number.

        Raises:
            InputError: as :meth:`read`, or a row has no name.
        """
        return self.read(name)

    def renumbered(self, name: str) -> tuple[bytes, int] | None:
        """The file with numbers from 0 for the names of a column, and how many; None where its numbers tell them apart.

        Raises:
            InputError: as :meth:`read_written`.
        """
        return None

    def merged(self, name: str) -> tuple[str, str] | None:
        """Two different numbers of a table that :meth:`read` makes the same one; None: there are none."""
        return None

    def read_fields(self, name: str) -> np.ndarray[Any, Any]:
        """A column of a table as it is written: text, for a model that reads words; where it is typed, its entries.

        Raises:
            InputError: as :meth:`read`.
        """
        return self.read(name)


def missing(archive: Archive, asked: str, key: str, name: str) -> InputError:
    """The error for an array that is not in the file: lists the names there are."""
    near = alike(name, archive.names)
    hint = f" (did you mean '{near}'?)" if near else ""
    return InputError(
        asked, f"no {_word(archive)} named '{name}', which {key} asks for; it holds {listed(archive.names)}",
        f"correct {key}{hint}",
    )


def alike(name: str, names: Sequence[str]) -> str:
    """The name that is most like another one; "" where none is.

    >>> alike("age", ["Age (years)", "AGE", "income"]), alike("smoker", ["income"])
    ('AGE', '')
    """
    import difflib

    lower = {known.lower(): known for known in names}
    found = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.5)
    return lower[found[0]] if found else ""


def called_otherwise(name: str, names: Sequence[str], known: Sequence[str]) -> str:
    """What to do about a column that is not there: rename the one that it may be.

    Args:
        name: of the column.
        names: of those that are there.
        known: of all that are needed, so that none of these is another one.

    >>> called_otherwise("age", ["Age", "income"], ["age", "income"])
    "rename 'Age' to 'age', if it is that"
    """
    near = alike(name, [one for one in names if one not in known])
    if not near:
        return "give a table with the columns of the training data"
    return f"rename {near!r} to {name!r}, if it is that"


def _word(archive: Archive) -> str:
    return "column" if archive.table else "array"


def listed(names: Sequence[str], most: int = 12) -> str:
    """Names in quotation marks, the first few of them.

    >>> listed(["X", "y"]), listed([])
    ("'X', 'y'", 'no array')
    """
    if not names:
        return "no array"
    more = f", … ({len(names)} in all)" if len(names) > most else ""
    return ", ".join(f"'{name}'" for name in names[:most]) + more


def available_memory() -> int:
    """Bytes of memory of this machine, 8 GiB where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 8 << 30
