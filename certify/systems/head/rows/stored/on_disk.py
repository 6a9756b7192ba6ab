"""Rows of a `.npy` file, mapped anew for every part so that no more of it stays in memory than is worked on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from certify.format.errors import InputError
from certify.inputs.numbers import exact_float64
from certify.rigor.fp import Array
from certify.systems.head.rows.stored.rows import Ints

KINDS = ("float32", "float64")
"""What numbers such a file may hold: each is a float64 as it is."""


@dataclass(frozen=True, eq=False)
class OnDisk:
    """Rows of a file, read as exact float64; a 1 may follow the features of each, for an intercept.

    Attributes:
        path, offset, dtype: the file, where its numbers begin, and what they are.
        size: `(n, d)` as stored.
        ones: whether a 1 follows.
        state: length and time of the file when it was opened.
    """

    path: str
    offset: int
    dtype: np.dtype[Any]
    size: tuple[int, int]
    ones: bool
    state: tuple[int, int]

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
        mapped = self._mapped()
        return self._exact(np.array(mapped[start:stop]), f"X, rows {start} to {stop - 1}")

    def take(self, rows: Ints) -> Array:
        """Rows of these numbers."""
        mapped = self._mapped()
        return self._exact(np.array(mapped[rows]), "X, some of its rows")

    def require_unchanged(self) -> None:
        """Refuse what was found if the file is another one than it was.

        Raises:
            InputError: its length or its time is another.
        """
        if not os.path.exists(self.path) or state_of(self.path) != self.state:
            raise InputError("X", f"{self.path}, which was written to while it was read", "ask again")

    def _mapped(self) -> np.memmap[Any, np.dtype[Any]]:
        try:
            return np.memmap(self.path, dtype=self.dtype, mode="r", offset=self.offset, shape=self.size)
        except (OSError, ValueError) as error:
            raise InputError("X", f"{self.path}, which is gone or shorter than it was ({error})", "ask again") from None

    def _exact(self, stored: np.ndarray[Any, Any], name: str) -> Array:
        rows = exact_float64(stored, name)
        return np.hstack([rows, np.ones((len(rows), 1))]) if self.ones else rows


def on_disk(X: Any, ones: bool) -> OnDisk:
    """The rows of a file.

    Args:
        X: the path of a `.npy` file, or what `numpy.load(path, mmap_mode="r")` gives: `(n, d)` of float32 or float64,
            row by row.
        ones: whether a 1 follows the features of each row.

    Raises:
        InputError: another array, another type of numbers, columns before rows, or no rows.
    """
    if isinstance(X, str | os.PathLike):
        try:
            X = np.load(X, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise InputError("X", f"{os.fspath(X)}: {error}", "give a .npy file of numbers") from None
    if not isinstance(X, np.memmap) or X.filename is None or isinstance(X.base, np.memmap):
        raise InputError("X", f"{type(X).__name__}, or a part of a mapped file",
                         'give the path of a .npy file, or numpy.load(path, mmap_mode="r") as it is')
    if X.ndim != 2 or X.size == 0 or X.dtype.name not in KINDS or not X.flags.c_contiguous:
        raise InputError("X", f"{X.dtype} of shape {X.shape}", f"store (n, d) numbers of {' or '.join(KINDS)}, row by "
                         "row (C order)")
    path = os.fspath(X.filename)
    return OnDisk(path, int(X.offset), X.dtype, (int(X.shape[0]), int(X.shape[1])), ones, state_of(path))


def state_of(path: str) -> tuple[int, int]:
    """Length and time of a file."""
    found = os.stat(path)
    return found.st_size, found.st_mtime_ns
