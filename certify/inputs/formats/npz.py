"""Reader of `.npz` files: strict, on bytes; an object array or a pickle is refused before it is touched.

Labels may be words: numpy stores these without a pickle, four bytes a character.
"""

from __future__ import annotations

import io
import math
import re
import zipfile
from typing import Any, Final, Literal

import numpy as np

from certify.format.errors import InputError
from certify.inputs.formats.archive import ZIP_ERRORS, Archive, available_memory
from certify.inputs.formats.zip_layout import member_starts, unpack

_HEADER: Final = re.compile(
    r"\{'descr': '([^']*)', 'fortran_order': (True|False), "
    r"'shape': \(((?:[0-9]{1,18}, ?){0,31}(?:[0-9]{1,18})?)\), ?\} *\n?"
)
_WORDS: Final = re.compile(r"[<>]U[1-9][0-9]{0,5}")
_SUSPICIOUS_SIZE: Final = 256 << 20
_SUSPICIOUS_RATIO: Final = 500
_DAMAGED: Final = "copy it or save it again with numpy.savez"


class NpzArchive(Archive):
    """The arrays of one `.npz` file.

    Args:
        content: the bytes of the file.
        asked: how to name the file in messages.

    Raises:
        InputError: it is not a zip archive of `.npy` members.
    """

    def __init__(self, content: bytes, asked: str) -> None:
        self._asked = asked
        try:
            archive = zipfile.ZipFile(io.BytesIO(content))
            members = archive.infolist()
        except ZIP_ERRORS as error:
            raise InputError(asked, f"not an .npz file, or damaged ({error})", _DAMAGED) from None
        if any(member.filename.endswith(".pkl") for member in members):
            raise InputError(
                asked, "a torch archive with a pickle inside (which can run code)",
                "save the arrays with numpy.savez; nothing in it was executed",
            )
        strange = next((m.filename for m in members if not m.filename.endswith(".npy")), None)
        if strange is not None:
            raise InputError(asked, f"it holds '{strange}', which is no array", "save it again with numpy.savez")
        self._members: dict[str, zipfile.ZipInfo] = {}
        for member in members:
            name = member.filename.removesuffix(".npy")
            if name in self._members:
                raise InputError(asked, f"the array '{name}' occurs twice", _DAMAGED)
            self._members[name] = member
        self._content = content
        try:
            self._starts = member_starts(content, archive)
        except ZIP_ERRORS as error:
            raise InputError(asked, f"damaged, or not as numpy writes it ({error})", _DAMAGED) from None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the arrays, in the order of the file."""
        return tuple(self._members)

    def read(self, name: str) -> np.ndarray[Any, Any]:
        """The array of that name."""
        asked = f"array '{name}' in {self._asked}"
        return parse_npy(self._unpacked(name, asked), asked)

    def read_words(self, name: str) -> np.ndarray[Any, Any]:
        """Numbers, or labels in words."""
        asked = f"array '{name}' in {self._asked}"
        return parse_npy(self._unpacked(name, asked), asked, words=True)

    def _unpacked(self, name: str, asked: str) -> bytes:
        """The bytes of an array."""
        member = self._members[name]
        self._refuse_bomb(member, asked)
        try:
            return unpack(self._content, member, self._starts[member.filename])
        except MemoryError:
            raise InputError(asked, "larger than the memory", "use a smaller file or a larger machine") from None
        except ZIP_ERRORS as error:
            reason = str(error) or type(error).__name__
            raise InputError(asked, f"damaged ({reason})", _DAMAGED) from None

    def _refuse_bomb(self, member: zipfile.ZipInfo, asked: str) -> None:
        """Refuse what would fill the memory, before anything is unpacked."""
        size, packed = member.file_size, max(member.compress_size, 1)
        if size > available_memory() // 2:
            raise InputError(asked, f"{size} bytes when unpacked", "use a smaller file or a larger machine")
        if size > _SUSPICIOUS_SIZE and size > _SUSPICIOUS_RATIO * packed:
            raise InputError(
                asked, f"{packed} bytes that unpack to {size}, as in a zip bomb",
                "if it is meant, save it uncompressed with numpy.savez",
            )


def parse_npy(content: bytes, asked: str, words: bool = False) -> np.ndarray[Any, Any]:
    """Parse the bytes of one `.npy` file.

    Written out because numpy's own reader takes more than numbers: the header is matched against the form in
    which numpy writes it, and anything that would need a pickle is refused by it.

    Args:
        content: the bytes.
        asked: how to name the array in messages.
        words: whether it may hold words in place of numbers.

    Raises:
        InputError: not a `.npy` array of numbers, cut short, or empty.
    """
    descr, order, shape, start = _read_header(content, asked)
    if descr == "|O":
        raise InputError(
            asked, "an object array, which is a pickle (and can run code)",
            "convert it to numbers, e.g. .astype(float), or labels to words with .astype(str); nothing in it was "
            "executed",
        )
    worded = bool(_WORDS.fullmatch(descr))
    if worded and not words:
        raise InputError(asked, f"words (entries of type {descr!r})", "store numbers: of classes their places, from 0, "
                         "in the order of the model's outputs")
    if not worded and not re.fullmatch(r"[<>|=]?(b1|[iu][1248]|f(2|4|8|16)|c(8|16|32))", descr):
        raise InputError(asked, f"entries of type {descr[:60]!r}", "store real numbers")
    try:
        dtype = np.dtype(descr)
    except TypeError:
        raise InputError(asked, f"entries of type {descr!r}, unknown on this machine", "store float64") from None
    need, held = math.prod(shape) * dtype.itemsize, len(content) - start
    if need != held:
        raise InputError(asked, f"shape {shape} needs {need} bytes, {held} are there", _DAMAGED)
    if need == 0:
        raise InputError(asked, f"empty (shape {shape})", "give at least one row and one column")
    if dtype.kind == "b" and np.frombuffer(content, np.uint8, offset=start).max() > 1:
        raise InputError(asked, "truth values other than 0 and 1", _DAMAGED)
    if dtype.kind == "U":
        _require_characters(np.frombuffer(content, dtype.str[0] + "u4", offset=start), asked)
    return np.frombuffer(content, dtype, offset=start).reshape(shape, order=order)


def _require_characters(codes: np.ndarray[Any, Any], asked: str) -> None:
    """Refuse numbers that are no characters: Python could not read such words, or write them."""
    if ((codes > 0x10FFFF) | ((codes >= 0xD800) & (codes < 0xE000))).any():
        raise InputError(asked, "words with numbers in them that are no characters", _DAMAGED)


def _read_header(content: bytes, asked: str) -> tuple[str, Literal["F", "C"], tuple[int, ...], int]:
    """Type, order, shape, and where the numbers start."""
    if content[:6] != b"\x93NUMPY" or content[6:8] not in (b"\x01\x00", b"\x02\x00", b"\x03\x00"):
        raise InputError(asked, "not an array in numpy's format", _DAMAGED)
    width = 2 if content[6] == 1 else 4
    start = 8 + width + int.from_bytes(content[8 : 8 + width], "little")
    if start > len(content):
        raise InputError(asked, "cut short within its header", _DAMAGED)
    header = content[8 + width : start].decode("latin-1")
    compound = re.match(r"\{'descr': \[", header)
    if compound:
        raise InputError(asked, "a table with named columns", "store the columns as one array of numbers")
    match = _HEADER.fullmatch(header)
    if match is None:
        raise InputError(asked, "a header that is not numpy's", _DAMAGED)
    shape = tuple(int(length) for length in re.findall(r"[0-9]+", match[3]))
    return match[1], "F" if match[2] == "True" else "C", shape, start
