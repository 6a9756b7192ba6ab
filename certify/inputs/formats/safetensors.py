"""Reader of safetensors files: strict, on bytes, with bfloat16 upcast exactly.

Stricter than the format's own library in one point: a key that occurs twice is refused, not the last one taken.
"""

from __future__ import annotations

import json
import math
from typing import Any, Final, NoReturn

import numpy as np

from certify.format.errors import InputError
from certify.inputs.formats.archive import Archive

_LONGEST_HEADER: Final = 100_000_000
_TYPES: Final = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1", "BOOL": "|u1",
}


class SafetensorsArchive(Archive):
    """The tensors of one safetensors file.

    Args:
        content: the bytes of the file.
        asked: how to name the file in messages.

    Raises:
        InputError: the header is not what the format prescribes, or the data is cut short, has holes or overlaps.
    """

    def __init__(self, content: bytes, asked: str) -> None:
        self._asked = asked
        self._header, self._start = _read_header(content, asked)
        self._content = content
        spans = sorted(
            _span(name, entry, asked) for name, entry in self._header.items()
        )
        position = 0
        for begin, end, name in spans:
            if begin != position:
                raise InputError(
                    asked, f"tensor '{name}' begins at byte {begin} of the data, the one before ends at {position}",
                    "write it again with the safetensors library",
                )
            position = end
        held = len(content) - self._start
        if held != position:
            word = "cut short" if held < position else "too long"
            raise InputError(
                asked, f"{word}: the header announces {position} bytes of data, the file holds {held}",
                "copy or download it again",
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the tensors, in the order of the header."""
        return tuple(self._header)

    def read(self, name: str) -> np.ndarray[Any, Any]:
        """The tensor of that name."""
        entry = self._header[name]
        kind, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        if begin == end:
            raise InputError(self._asked, f"tensor '{name}' is empty (shape {tuple(shape)})", "give at least one entry")
        dtype = np.dtype(_TYPES[kind])
        count = (end - begin) // dtype.itemsize
        array = np.frombuffer(self._content, dtype, count, self._start + begin).reshape(shape)
        if kind == "BF16":
            return (array.astype("<u4") << 16).view("<f4")
        if kind == "BOOL":
            if array.max() > 1:
                raise InputError(self._asked, f"tensor '{name}' has truth values other than 0 and 1", "write it again")
            return array.astype(bool)
        return array


def _read_header(content: bytes, asked: str) -> tuple[dict[str, Any], int]:
    if len(content) < 8:
        raise InputError(asked, f"cut short: {len(content)} bytes are no safetensors file", "copy it again")
    length = int.from_bytes(content[:8], "little")
    if length > _LONGEST_HEADER:
        raise InputError(asked, "not a safetensors file (its first bytes are no length)", "save it as safetensors")
    if length > len(content) - 8:
        raise InputError(
            asked, f"cut short: a header of {length} bytes is announced, {len(content) - 8} follow",
            "copy or download it again",
        )
    try:
        header = json.loads(content[8 : 8 + length].decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:  # covers UnicodeDecodeError, JSONDecodeError, a repeated key
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise InputError(asked, f"the header is not valid ({reason})", "write it again") from None
    if not isinstance(header, dict):
        raise InputError(asked, "the header is not a table of tensors", "write it again")
    header.pop("__metadata__", None)
    return header, 8 + length


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key '{twice}' occurs twice")
    return table


def _span(name: str, entry: object, asked: str) -> tuple[int, int, str]:
    """Where a tensor's bytes begin and end, after checking its entry in the header."""

    def refuse(found: str, remedy: str = "write it again with the safetensors library") -> NoReturn:
        raise InputError(asked, f"tensor '{name}' {found}", remedy)

    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        refuse("has no proper entry in the header")
    kind, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not (_whole(shape) and _whole(offsets) and len(offsets) == 2 and offsets[0] <= offsets[1]):
        refuse("has a shape or a place in the file that makes no sense")
    if len(shape) > 32 or max(*shape, *offsets) >= 2**62:
        refuse("has a shape or a place in the file that makes no sense")
    if not isinstance(kind, str) or kind not in _TYPES:
        refuse(f"holds numbers of type {kind}", f"store it as one of {', '.join(_TYPES)}")
    need = math.prod(shape) * np.dtype(_TYPES[kind]).itemsize
    if need != offsets[1] - offsets[0]:
        refuse(f"of shape {tuple(shape)} and type {kind} needs {need} bytes, its entry has {offsets[1] - offsets[0]}")
    return offsets[0], offsets[1], name


def _whole(values: object) -> bool:
    """Whether this is a list of integers that are not negative."""
    return isinstance(values, list) and all(type(v) is int and v >= 0 for v in values)
