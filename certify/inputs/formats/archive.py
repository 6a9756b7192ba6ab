"""An archive: named arrays in one file, opened without running anything that is in it."""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from certify.format.errors import InputError
from certify.spec.sources import Source
from certify.spec.vocabulary import FOREIGN

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


def open_archive(source: Source, role: str) -> Archive:
    """Open a file's bytes by the ending of its name.

    Args:
        source: the file.
        role: `model` or `data`, for messages.

    Raises:
        InputError: the content is not what the ending promises. A pickle is recognised by its first bytes and
            refused unread.
    """
    asked = f"{role} file {source.path}"
    if not source.content:
        raise InputError(asked, "an empty file", "write it again")
    ending, readers = source.path.suffix.lower(), _readers(role)
    if ending not in readers:
        remedy = FOREIGN.get(ending) if role == "model" else None
        raise InputError(asked, f"'{ending}' is no format that can be read ({', '.join(readers)})",
                         remedy or "save it in one of them")
    disguised, usual = _what_it_really_is(source.content)
    if disguised and ending not in usual:
        raise InputError(
            asked, f"{disguised}, not the {ending} file its name promises",
            f"put a real {ending} file there",
        )
    return readers[ending](source.content, asked)


def _readers(role: str) -> dict[str, Callable[[bytes, str], Archive]]:
    """The formats that can be opened. A new format is a new file and a line here."""
    from certify.inputs.formats.csv_file import CsvArchive
    from certify.inputs.formats.npz import NpzArchive
    from certify.inputs.formats.parquet import ParquetArchive
    from certify.inputs.formats.safetensors import SafetensorsArchive
    from certify.inputs.onnx.onnx_file import OnnxArchive
    from certify.inputs.torch.export_file import ExportArchive
    from certify.inputs.torch.weights_file import TorchArchive

    if role == "model":
        torch_files = {ending: TorchArchive for ending in _TORCH}
        return {".safetensors": SafetensorsArchive, **torch_files, ".pt2": ExportArchive, ".onnx": OnnxArchive}
    return {".npz": NpzArchive, ".safetensors": SafetensorsArchive, ".csv": CsvArchive, ".parquet": ParquetArchive}


_PICKLE: Final = "a Python pickle (which can run code; nothing in it was executed)"
_TORCH: Final = (".pt", ".pth", ".th")
_MAGIC: Final = (
    *((bytes((0x80, protocol)), _PICKLE, _TORCH) for protocol in range(2, 6)),
    (b"PK\x03\x04", "a zip archive", (".npz", ".pt2", *_TORCH)),
    (b"\x93NUMPY", "a single numpy array", ()),
    (b"\x89HDF", "an HDF5 file", ()),
    (b"\x1f\x8b", "a gzip file", ()),
    (b"PAR1", "a parquet file", (".parquet",)),
    (b"version https://git-lfs", "a Git LFS pointer (the real file was not downloaded)", ()),
)


def _what_it_really_is(content: bytes) -> tuple[str, tuple[str, ...]]:
    """Name the format that the first bytes give away and its usual endings, or an empty string."""
    for magic, name, usual in _MAGIC:
        # the first eight bytes of a safetensors file are a length: with these values it would be no length
        if content.startswith(magic) and not _plausible_safetensors(content):
            return name, usual
    return "", ()


def _plausible_safetensors(content: bytes) -> bool:
    return content[8:9] == b"{" and int.from_bytes(content[:8], "little") <= len(content) - 8


def missing(archive: Archive, asked: str, key: str, name: str) -> InputError:
    """The error for an array that is not in the file: lists the names there are."""
    import difflib

    lower = {known.lower(): known for known in archive.names}
    match = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.5)
    hint = f" (did you mean '{lower[match[0]]}'?)" if match else ""
    return InputError(
        asked, f"no {_word(archive)} named '{name}', which {key} asks for; it holds {listed(archive.names)}",
        f"correct {key}{hint}",
    )


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
