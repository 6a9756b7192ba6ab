"""The formats that can be opened, by the ending of a file's name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from certify.format.errors import InputError
from certify.inputs.formats.archive import Archive
from certify.spec.sources import Source
from certify.spec.vocabulary import FOREIGN

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
    ending, readers = source.path.suffix.lower(), _readers(role, source.path.parent)
    if ending not in readers:
        remedy = FOREIGN.get(ending) if role == "model" else None
        more = "; `certify audit` reads .skops too, and .npz of a linear model" if role == "model" else ""
        raise InputError(asked, f"'{ending}' is no format that can be read ({', '.join(readers)}{more})",
                         remedy or "save it in one of them")
    disguised, usual = _what_it_really_is(source.content)
    if disguised and ending not in usual:
        raise InputError(
            asked, f"{disguised}, not the {ending} file its name promises",
            f"put a real {ending} file there",
        )
    return readers[ending](source.content, asked)


def _readers(role: str, folder: Path) -> dict[str, Callable[[bytes, str], Archive]]:
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
        return {".safetensors": SafetensorsArchive, **torch_files, ".pt2": ExportArchive,
                ".onnx": partial(OnnxArchive, folder=folder)}
    return {".npz": NpzArchive, ".safetensors": SafetensorsArchive, ".csv": CsvArchive, ".parquet": ParquetArchive}


def _what_it_really_is(content: bytes) -> tuple[str, tuple[str, ...]]:
    """Name the format that the first bytes give away and its usual endings, or an empty string."""
    for magic, name, usual in _MAGIC:
        # the first eight bytes of a safetensors file are a length: with these values it would be no length
        if content.startswith(magic) and not _plausible_safetensors(content):
            return name, usual
    return "", ()


def _plausible_safetensors(content: bytes) -> bool:
    return content[8:9] == b"{" and int.from_bytes(content[:8], "little") <= len(content) - 8
