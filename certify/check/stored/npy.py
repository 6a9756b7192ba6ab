"""A `.npy` file of numbers, read some rows at a time; every reading is proved to be of the bytes that are bound."""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from certify.check.reading.certificate import FileRecord
from certify.check.reading.formats.npz import NPY_HEADER, NPY_TYPES
from certify.format.canonical import LARGEST_INTEGER, show
from certify.format.refusal import Invalid

HEADER, AT_ONCE = 2**16, 2**20
"""Bytes that the header may have at most, and that are hashed at a time."""

NEEDED = "an array of booleans, integers or floats of at most 64 bits is needed (never a pickle)"

TEXT, LETTER = 256, 4
"""Letters of a word at most, and bytes of a letter."""

LETTERS = frozenset(map(str, range(1, TEXT + 1)))
"""Numbers of letters that a word may have, as they are written."""

Values = tuple[float, ...]

READ: dict[str, tuple[Callable[[float], bool], str]] = {
    "f": (math.isfinite, "finite numbers are"), "b": (lambda x: x <= 1, "0 or 1 is"),
    "i": (lambda x: abs(x) <= LARGEST_INTEGER, "integers up to 2^53 in size are"),
    "u": (lambda x: x <= LARGEST_INTEGER, "integers up to 2^53 in size are")}
"""By the kind of numbers: which of them are read, and what is needed."""


@dataclass(frozen=True)
class Stored:
    """An array on disk.

    Attributes:
        path, where: the file, and how to call it in messages.
        record: its size and digest.
        start: where its numbers begin.
        order, typ: of its bytes, and of its numbers.
        shape: the lengths of its axes.
    """

    path: Path
    where: str
    record: FileRecord
    start: int
    order: str
    typ: str
    shape: tuple[int, ...]

    @property
    def bytes_a_row(self) -> int:
        """Of the numbers of one row."""
        return int(self.typ[1:]) * (LETTER if self.typ[0] == "U" else 1) * math.prod(self.shape[1:])

    def parts(self, rows: int) -> Iterator[tuple[int, bytes]]:
        """The numbers of so many rows after the others, as bytes; each with the number of its first row.

        What is made of them counts only when all have been read.

        Raises:
            Invalid: the file is another one than is bound.
        """
        digest, size = sha256(), self.bytes_a_row
        with _opened(self.path, self.where, self.record) as file:
            digest.update(_read(file, self.start, self.where))
            for first in range(0, self.shape[0], rows):
                part = _read(file, min(rows, self.shape[0] - first) * size, self.where)
                digest.update(part)
                yield first, part
            if file.read(1) or digest.hexdigest() != self.record.sha256:
                raise Invalid(self.where, f"the certificate binds sha256 {self.record.sha256}",
                              "its bytes have another")

    def numbers(self, rows: int) -> Iterator[tuple[int, list[Values]]]:
        """The same, as finite floats row by row."""
        width = math.prod(self.shape[1:])
        for first, part in self.parts(rows):
            values = self.values(first, part)
            yield first, [values[i:i + width] for i in range(0, len(values), width)]

    def values(self, first: int, part: bytes) -> Values:
        """The numbers of a part, one after the other.

        Args:
            first: the number of its first row.
            part: as bytes.

        Raises:
            Invalid: one of them is not finite, or too large to be exact.
        """
        width, found = math.prod(self.shape[1:]), self.unpacked(part)
        good, words = READ[self.typ[0]]
        if not all(map(good, found)):
            wrong = next(i for i, x in enumerate(found) if not good(x))
            place = f"row {first + wrong // width}, column {wrong % width}"
            raise Invalid(f"{self.where}, {place if len(self.shape) > 1 else f'entry {first + wrong}'}",
                          f"{found[wrong]} is in it", f"{words} needed")
        return found if self.typ[0] == "f" else tuple(map(float, found))

    def unpacked(self, part: bytes) -> Values:
        """The numbers of a part, whatever they are."""
        return struct.unpack(f"{self.order}{len(part) // int(self.typ[1:])}{NPY_TYPES[self.typ]}", part)

    def words(self) -> list[str] | list[float]:
        """All of a list: numbers, or words.

        Raises:
            Invalid: no number, or a word that is no Unicode.
        """
        if self.typ[0] != "U":
            return [values[0] for _, part in self.numbers(2**16) for values in part]
        size, found = self.bytes_a_row, list[str]()
        for _, part in self.parts(2**12):
            try:
                found += [part[i:i + size].decode("utf-32-be" if self.order == ">" else "utf-32-le").rstrip("\0")
                          for i in range(0, len(part), size)]
            except UnicodeDecodeError:
                raise Invalid(self.where, "a word of it is no Unicode", "words or numbers are needed") from None
        return found


def stored(path: Path, role: str, record: FileRecord, axes: int) -> Stored:
    """The array of a file, whose bytes are the ones that are bound, and whose header has been looked at.

    Args:
        path: of the file.
        role: what it is for.
        record: as the certificate binds it.
        axes: how many axes the array has to have.

    Raises:
        Invalid: there is no such file, it has another size, or it is no array of numbers, row by row.
    """
    where = f"{role} file {show(str(path))}"
    with _opened(path, where, record, f"; say with --{role} where it is") as file:
        head, digest = file.read(HEADER), sha256()
        digest.update(head)
        while part := file.read(AT_ONCE):
            digest.update(part)
    if digest.hexdigest() != record.sha256:  # before a word is said of what is in it
        raise Invalid(where, f"the certificate binds sha256 {record.sha256}", "its bytes have another")
    start, order, typ, fortran, shape = _header(head, where)
    words = typ[0] == "U" and axes == 1 and typ[1:] in LETTERS
    if typ not in NPY_TYPES and not words:
        raise Invalid(where, f"its numbers are of type {show(typ, 20)}", NEEDED)
    if len(shape) != axes or 0 in shape or (fortran and axes > 1):
        raise Invalid(where, f"an array of shape {show(list(shape))}{', columns before rows' * fortran}",
                      f"{axes} axes are needed, none of them empty, row by row")
    found = Stored(path, where, record, start, order, typ, shape)
    if start + shape[0] * found.bytes_a_row != record.bytes:
        raise Invalid(where, f"an array of shape {list(shape)} and type {typ}", f"it has {record.bytes} bytes")
    return found


def _header(data: bytes, name: str) -> tuple[int, str, str, bool, tuple[int, ...]]:
    """Where the numbers begin, their order of bytes and type, whether columns come first, and the shape.

    Args:
        data: the first bytes, with the whole header.
        name: how to call it in messages.

    Raises:
        Invalid: it is no array.
    """
    version = data[6:8]
    if data[:6] != b"\x93NUMPY" or version not in (b"\x01\x00", b"\x02\x00", b"\x03\x00"):
        raise Invalid(name, "it does not start like an .npy array", "numpy's format 1, 2 or 3 is needed")
    width = 2 if version == b"\x01\x00" else 4
    start = 8 + width + int.from_bytes(data[8:8 + width], "little")
    found = data[8 + width:start].decode("latin-1")
    match = NPY_HEADER.fullmatch(found)
    if match is None or start > len(data):
        raise Invalid(name, f"its header is {show(found.strip())}", NEEDED)
    order, typ, fortran, dims = match.groups()
    shape = tuple(int(d) for d in dims.replace(" ", "").split(",") if d)
    if dims.replace(" ", "") not in (",".join(map(str, shape)) + end for end in (",", "" if len(shape) != 1 else ",")):
        raise Invalid(name, f"its header has the shape {show(f'({dims})')}", "a shape as numpy writes it is needed")
    return start, ">" if order == ">" else "<", typ, fortran == "True", shape


def _opened(path: Path, where: str, record: FileRecord, remedy: str = "") -> BinaryIO:
    """A regular file of the size that is bound, open."""
    try:
        if not path.is_file():
            found = "it is a folder" if path.is_dir() else "there is no such file"
            raise Invalid(where, "it is bound by the certificate", found + remedy)
        file = path.open("rb")
        there = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise Invalid(where, "it is bound by the certificate", f"it cannot be read ({error.strerror})") from None
    if there != record.bytes:
        file.close()
        raise Invalid(where, f"the certificate binds {record.bytes} bytes", "it has another number of them")
    return file


def _read(file: BinaryIO, size: int, where: str) -> bytes:
    try:
        found = file.read(size)
    except OSError as error:
        raise Invalid(where, "it is bound by the certificate", f"it cannot be read ({error.strerror})") from None
    if len(found) != size:
        raise Invalid(where, "it was longer", "it ended while it was read")
    return found
