"""Tensors of an ONNX model that lie in files beside it, as exporters write large or, since torch 2.9, all of them.

A location is a path within the model's folder; offset and length have to fit the file and the tensor's shape. Whole
files are read, once each, so that what is recorded of them is the digest of the very bytes that are used.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from certify.format.errors import InputError
from certify.inputs.chain import key_of
from certify.inputs.formats.archive import available_memory
from certify.spec.sources import read_source

ONE_FILE: Final = "export it into one file: torch.onnx.export(…, external_data=False)"
KEYS: Final = frozenset({"location", "offset", "length", "checksum"})
ROLE: Final = "model data "
"""Beginning of the role under which such a file is recorded; its location follows, shortened, with a ' where another
location of that role was read before."""


class Beside:
    """Files beside a model.

    Args:
        folder: where the model lies; None: nothing beside it can be read.
        asked: how to name the model in messages.
    """

    def __init__(self, folder: Path | None, asked: str) -> None:
        self._folder, self._asked = folder, asked
        self._read: dict[str, bytes] = {}
        self._roles: set[str] = set()

    def tensor(self, name: str, entries: Mapping[str, str], size: int) -> bytes:
        """The bytes of a tensor.

        Args:
            name: of the tensor, for messages.
            entries: what the model says of them: location, offset, length.
            size: how many the tensor has by its shape and type.

        Raises:
            InputError: a path out of the folder, no such file, one too large, or bytes that are not in it.
        """
        what = f"tensor '{key_of(name)}'"
        if self._folder is None:
            raise InputError(self._asked, f"{what} lies in another file", ONE_FILE)
        location = entries.get("location", "")
        if not set(entries) <= KEYS or not location:
            raise InputError(self._asked, f"{what} lies in another file, in a way that is not read", ONE_FILE)
        start, length = (_whole(entries.get(key), default) for key, default in (("offset", 0), ("length", size)))
        if start is None or length is None or length != size:
            said = " at ".join(key_of(entries.get(key, "0")) for key in ("length", "offset"))
            raise InputError(self._asked, f"{what} needs {size} bytes, and {said} are announced", "export it again")
        content = self._content(location, what)
        if start + size > len(content):
            raise InputError(self._asked, f"{what} reaches beyond the {len(content)} bytes of '{key_of(location)}'",
                             "copy both files again, or export again")
        return content[start : start + size]

    def _content(self, location: str, what: str) -> bytes:
        if location in self._read:
            return self._read[location]
        assert self._folder is not None
        path = self._folder / location
        pure = PurePosixPath(location)
        if pure.is_absolute() or ".." in pure.parts or "\\" in location or ":" in location or "\0" in location or (
                not path.resolve().is_relative_to(self._folder.resolve())):
            raise InputError(self._asked, f"{what} lies at '{key_of(location)}', out of the model's folder",
                             "put the file beside the model and export again")
        held = sum(map(len, self._read.values()))  # one file under two spellings of its path is held twice
        try:
            large = held + path.stat().st_size > available_memory() // 4
        except OSError:
            large = False  # what is wrong is said where it is read
        if large:
            raise InputError(self._asked, f"'{key_of(location)}' takes more than a quarter of the memory"
                             + (", with the files read before it" if held else ""),
                             "use a smaller model or a larger machine")
        role = f"{ROLE}{key_of(location)}"
        while role in self._roles:  # shortened names may agree, and each file is recorded
            role += "'"
        self._roles.add(role)
        self._read[location] = read_source(path, role).content
        return self._read[location]


def _whole(text: str | None, default: int) -> int | None:
    """A number in digits; None where it is none.

    >>> _whole("12", 0), _whole(None, 3), _whole("-1", 0)
    (12, 3, None)
    """
    if text is None:
        return default
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None
