"""Rows of a `.npy` file, read anew for every part so that no more of it stays in memory than is worked on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from tokenize import TokenError
from typing import Any, BinaryIO

import numpy as np

from certify.format.errors import InputError
from certify.inputs.numbers import exact_float64
from certify.rigor.fp import Array
from certify.systems.head.rows.stored.rows import Ints
from certify.systems.head.rows.stored.state import State, reopened, require_same, state_of

KINDS = ("float32", "float64")
"""What numbers such a file may hold: each is a float64 as it is."""

DAMAGED = (OSError, ValueError, EOFError, OverflowError, TypeError, TokenError)
"""What numpy may raise of a header that is damaged."""


@dataclass(frozen=True, eq=False)
class OnDisk:
    """Rows of a file, read as exact float64; a 1 may follow the features of each, for an intercept.

    Attributes:
        path, offset, dtype: the file, where its numbers begin, and what they are.
        size: `(n, d)` as stored.
        ones: whether a 1 follows.
        state: of the file when it was asked about.
    """

    path: str
    offset: int
    dtype: np.dtype[Any]
    size: tuple[int, int]
    ones: bool
    state: State

    @property
    def held(self) -> int:
        """Bytes that stay between parts."""
        return 0

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and features, the 1 among them."""
        return self.size[0], self.size[1] + self.ones

    def part(self, start: int, stop: int) -> Array:
        """Rows one after another."""
        with reopened(self.path, self.state) as file:
            found = self._stored(file, start, stop - start)
        return self._exact(found, f"X, rows {start} to {stop - 1}")

    def take(self, rows: Ints) -> Array:
        """Rows of these numbers."""
        with reopened(self.path, self.state) as file:
            found = [self._stored(file, i, 1) for i in rows.tolist()]
        return self._exact(np.concatenate([np.empty((0, self.size[1]), self.dtype), *found]), "X, some of its rows")

    def require_unchanged(self) -> None:
        """Refuse what was found if the file is another one than it was.

        Raises:
            InputError: it was replaced, or written to.
        """
        require_same(self.path, self.state)

    def _stored(self, file: BinaryIO, start: int, count: int) -> np.ndarray[Any, Any]:
        """Some rows; a file is read and not mapped, for one that is cut short would end the program."""
        width = self.size[1]
        file.seek(self.offset + start * width * self.dtype.itemsize)
        found = np.fromfile(file, self.dtype, count * width)
        if found.size != count * width:
            raise InputError("X", f"{self.path}, which is shorter than it was", "ask again")
        return found.reshape(count, width)

    def _exact(self, stored: np.ndarray[Any, Any], name: str) -> Array:
        if not self.ones:
            return exact_float64(stored, name)
        rows = np.ones((len(stored), stored.shape[1] + 1))
        exact_float64(stored, name, rows[:, :-1])
        return rows


def on_disk(X: Any, ones: bool) -> OnDisk:
    """The rows of a file.

    Args:
        X: the path of a `.npy` file, or what `numpy.load(path, mmap_mode="r")` gives: `(n, d)` of float32 or float64,
            row by row. It is the file that is read, as it is now.
        ones: whether a 1 follows the features of each row.

    Raises:
        InputError: another array, another type of numbers, columns before rows, or no rows.
    """
    held = None if isinstance(X, str | os.PathLike) else _whole(X)
    path = os.fspath(X) if held is None else str(held.filename)
    try:
        state = state_of(path)  # before the header is read
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except DAMAGED as error:
        raise InputError("X", f"{path}: {error}", "give a .npy file of numbers") from None
    if not isinstance(found, np.memmap) or (held is not None and _form(held) != _form(found)):
        raise InputError("X", f"{path}, which is no .npy file, or was replaced since it was mapped", "give its path")
    if found.ndim != 2 or found.size == 0 or found.dtype.name not in KINDS or not found.flags.c_contiguous:
        raise InputError("X", f"{found.dtype} of shape {found.shape}", f"store (n, d) numbers of {' or '.join(KINDS)}, "
                         "row by row (C order)")
    return OnDisk(path, int(found.offset), found.dtype, (int(found.shape[0]), int(found.shape[1])), ones, state)


def _whole(X: Any) -> np.memmap[Any, np.dtype[Any]]:
    """A mapped file as numpy.load gives it; what is written to a copy on write does not stand in the file."""
    if not isinstance(X, np.memmap) or X.filename is None or isinstance(X.base, np.memmap) or X.mode == "c":
        raise InputError("X", f"{type(X).__name__}, or a part of a mapped file, or one whose changes are not stored",
                         'give the path of a .npy file, or numpy.load(path, mmap_mode="r") as it is')
    return X


def _form(X: np.memmap[Any, np.dtype[Any]]) -> tuple[object, ...]:
    return int(X.offset), X.dtype, X.shape, X.flags.c_contiguous
