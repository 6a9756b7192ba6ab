"""Reader of `.pt`, `.pth` and `.th` files that hold a state dict: strict, on bytes, without torch.

Both of torch's formats are read: the zip archive, and the sequence of pickles of versions before 1.6. The
pickles in them are followed by :mod:`certify.inputs.torch.pickled`, which calls nothing.
"""

from __future__ import annotations

import io
import math
import zipfile
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from certify.format.errors import InputError
from certify.inputs.formats.archive import ZIP_ERRORS, Archive, listed
from certify.inputs.torch.pickled import Builder, read_pickle

_DAMAGED: Final = "copy or save it again"
_MAGIC: Final = 0x1950A86A20F9469CFC6C
_WRAPPERS: Final = ("state_dict", "model_state_dict", "model", "net")


@dataclass(frozen=True)
class _Kind:
    """Type of a storage's numbers."""

    descr: str

    @property
    def size(self) -> int:
        return np.dtype(self.descr.rpartition(":")[2]).itemsize


@dataclass(frozen=True)
class _Storage:
    kind: _Kind
    key: str
    count: int


@dataclass(frozen=True)
class Tensor:
    """A view of a storage, not decoded yet."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _tensor(storage: object, offset: object, shape: object, strides: object, *_: object) -> Tensor:
    """What `torch._utils._rebuild_tensor` stands for."""
    if not isinstance(storage, _Storage):
        raise ValueError("a tensor without a storage")
    start, sizes, steps = _whole((offset,))[0], _whole(shape), _whole(strides)
    if len(sizes) != len(steps) or len(sizes) > 16 or math.prod(sizes) > storage.count:
        raise ValueError("a tensor larger than its storage")
    if math.prod(sizes) and start + sum((n - 1) * s for n, s in zip(sizes, steps, strict=True)) >= storage.count:
        raise ValueError("a tensor that reaches beyond its storage")
    return Tensor(storage, start, sizes, steps)


def _whole(values: object) -> tuple[int, ...]:
    """A tuple of sizes."""
    if not isinstance(values, tuple) or any(type(v) is not int or not 0 <= v < 2**48 for v in values):
        raise ValueError("sizes that are no whole numbers")
    return values


def _parameter(tensor: object, *_: object) -> Tensor:
    """What `torch._utils._rebuild_parameter` stands for."""
    if not isinstance(tensor, Tensor):
        raise ValueError("a parameter that is no tensor")
    return tensor


def _table(*arguments: object) -> dict[object, object]:
    """What `collections.OrderedDict` stands for: empty, or made of a list of pairs."""
    if not arguments:
        return {}
    pairs = arguments[0]
    if len(arguments) > 1 or not isinstance(pairs, list) or any(
        not isinstance(pair, list | tuple) or len(pair) != 2 or not isinstance(pair[0], str) for pair in pairs
    ):
        raise ValueError("a table that is no list of pairs")
    return {key: value for key, value in pairs}


_NAMES: Final = {
    "collections.OrderedDict": Builder(_table),
    "torch._utils._rebuild_tensor": Builder(_tensor),
    "torch._utils._rebuild_tensor_v2": Builder(_tensor),
    "torch._utils._rebuild_parameter": Builder(_parameter),
    **{f"torch.{name}Storage": _Kind(descr) for name, descr in {
        "Double": "<f8", "Float": "<f4", "Half": "<f2", "BFloat16": "bfloat16:<u2", "Long": "<i8", "Int": "<i4",
        "Short": "<i2", "Char": "|i1", "Byte": "|u1", "Bool": "bool:|u1",
    }.items()},
}


class TorchArchive(Archive):
    """The tensors of the state dict in one `.pt` file.

    A state dict may lie inside a table under `state_dict` (or `model_state_dict`, `model`, `net`), or alone in
    a list.

    Args:
        content: the bytes of the file.
        asked: how to name the file in messages.

    Raises:
        InputError: it holds code or anything but plain data (says what; nothing was executed), is damaged, or
            no state dict is in it.
    """

    def __init__(self, content: bytes, asked: str) -> None:
        self._asked = asked
        self._container: _Zip | _Sequence
        if content.startswith(b"PK\x03\x04"):
            self._container = _Zip(content, asked)
        else:
            self._container = _Sequence(content, asked)
        self._tensors = _state_dict(self._container.content, asked)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the tensors, in the order of the file."""
        return tuple(self._tensors)

    def read(self, name: str) -> np.ndarray[Any, Any]:
        """The tensor of that name."""
        tensor = self._tensors[name]
        asked = f"tensor '{name}' in {self._asked}"
        if not math.prod(tensor.shape):
            raise InputError(asked, f"empty (shape {tensor.shape})", "give at least one entry")
        kind, descr = tensor.storage.kind, tensor.storage.kind.descr
        data = self._container.bytes_of(tensor.storage, asked)
        if len(data) != kind.size * tensor.storage.count:
            found = f"{len(data)} bytes where {kind.size * tensor.storage.count} are announced"
            raise InputError(asked, found, _DAMAGED)
        flat = np.frombuffer(data, descr.rpartition(":")[2])
        strides = tuple(s * kind.size for s in tensor.strides)
        array = np.lib.stride_tricks.as_strided(flat[tensor.offset :], tensor.shape, strides, writeable=False)
        if descr.startswith("bfloat16:"):
            return (array.astype("<u4") << 16).view("<f4")
        if descr.startswith("bool:"):
            if array.max() > 1:
                raise InputError(asked, "truth values other than 0 and 1", _DAMAGED)
            return array.astype(bool)
        return np.ascontiguousarray(array).reshape(tensor.shape)  # of a scalar it makes a vector


def _storage_of(identity: object, length: int) -> _Storage:
    """The storage that a persistent id names: ('storage', type, key, place, number of entries)."""
    if not isinstance(identity, tuple) or len(identity) != length or identity[0] != "storage":
        raise ValueError("a persistent id that names no storage")
    _, kind, key, _, count, *view = identity
    if not isinstance(kind, _Kind) or not isinstance(key, str) or type(count) is not int or not 0 <= count < 2**48:
        raise ValueError("a storage that makes no sense")
    if view not in ([], [None]):
        raise ValueError("a view of a storage, from a torch before 0.4")
    return _Storage(kind, key, count)


class _Zip:
    """The zip archive of torch 1.6 and later: `name/data.pkl`, and one member for each storage."""

    def __init__(self, content: bytes, asked: str) -> None:
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(content))
            names = self._zip.namelist()
        except ZIP_ERRORS as error:
            raise InputError(asked, f"not a torch file, or damaged ({_line(error)})", _DAMAGED) from None
        roots = [name.removesuffix("data.pkl") for name in names if name.endswith("/data.pkl")]
        if any(name.endswith(("/archive_format", "serialized_exported_program.json")) for name in names):
            raise InputError(asked, "a torch.export archive", "name it .pt2")
        if any("/code/" in name or name.endswith("/constants.pkl") for name in names):
            raise InputError(
                asked, "a TorchScript archive, which holds code",
                "save the module's state_dict() with torch.save; nothing in it was executed",
            )
        if len(roots) != 1 or names.count(f"{roots[0]}data.pkl") != 1:
            raise InputError(asked, "a zip archive, but not one of torch.save", "save the state dict with torch.save")
        self._root = roots[0]
        if f"{self._root}byteorder" in names and self._member("byteorder", asked) != b"little":
            raise InputError(asked, "numbers in the byte order of another machine", "save it on a usual machine")
        pickled = io.BytesIO(self._member("data.pkl", asked))
        self.content = read_pickle(pickled, asked, _NAMES, lambda identity: _storage_of(identity, 5))

    def _member(self, name: str, asked: str) -> bytes:
        try:
            member = self._zip.getinfo(f"{self._root}{name}")
            if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1:
                raise InputError(asked, f"its member {name!r} is compressed or encrypted", "save it with torch.save")
            return self._zip.read(member)
        except InputError:
            raise
        except ZIP_ERRORS as error:
            raise InputError(asked, f"damaged ({_line(error)})", _DAMAGED) from None

    def bytes_of(self, storage: _Storage, asked: str) -> bytes:
        """The bytes of a storage."""
        return self._member(f"data/{storage.key}", asked)


class _Sequence:
    """The format before torch 1.6: pickles (magic number, version, machine, content, keys), then the storages."""

    def __init__(self, content: bytes, asked: str) -> None:
        self._storages: dict[str, _Storage] = {}
        stream = io.BytesIO(content)
        if not content.startswith(b"\x80"):
            raise InputError(asked, "not a file of torch.save", "save the state dict with torch.save")
        if read_pickle(stream, asked, _NAMES, self._remember) != _MAGIC:
            raise InputError(asked, "a pickle, but not one of torch.save", "save the state dict with torch.save")
        version, machine, self.content, keys = (
            read_pickle(stream, asked, _NAMES, self._remember) for _ in range(4)
        )
        if version != 1001 or not isinstance(machine, dict) or machine.get("little_endian") is not True:
            raise InputError(asked, "written by another version of torch or another kind of machine", _DAMAGED)
        self._content, position = content, stream.tell()
        self._starts: dict[str, int] = {}
        for key in keys if isinstance(keys, list) else ():
            storage = self._storages.get(key) if isinstance(key, str) else None
            count = int.from_bytes(content[position : position + 8], "little")
            if storage is None or count != storage.count or key in self._starts:
                raise InputError(asked, "cut short or damaged: its storages are not those announced", _DAMAGED)
            self._starts[key] = position + 8
            position += 8 + count * storage.kind.size
        if position != len(content) or set(self._starts) != set(self._storages):
            raise InputError(
                asked, f"cut short or damaged: {position} bytes are announced, the file has {len(content)}", _DAMAGED
            )

    def _remember(self, identity: object) -> _Storage:
        storage = _storage_of(identity, 6)
        if self._storages.setdefault(storage.key, storage) != storage:
            raise ValueError("a storage announced twice")
        return storage

    def bytes_of(self, storage: _Storage, asked: str) -> bytes:
        """The bytes of a storage."""
        start = self._starts[storage.key]
        return self._content[start : start + storage.count * storage.kind.size]


def _state_dict(content: object, asked: str) -> dict[str, Tensor]:
    """The table of tensors in the content of a file, alone or inside a usual wrapper."""
    for _ in range(4):
        if isinstance(content, list | tuple) and len(content) == 1:
            content = content[0]
        if not isinstance(content, dict):
            break
        if any(isinstance(value, Tensor) for value in content.values()) and not any(
            isinstance(content.get(key), dict | list) for key in _WRAPPERS
        ):
            return _only_tensors(content, asked)
        inner = [key for key in _WRAPPERS if isinstance(content.get(key), dict | list)]
        if len(inner) != 1:
            break
        content = content[inner[0]]
    found = f"a table of {listed([str(key)[:40] for key in content])}" if isinstance(content, dict) else (
        f"a {type(content).__name__}"
    )
    raise InputError(asked, f"no state dict in it, but {found}", "save module.state_dict() with torch.save")


def _only_tensors(content: dict[Any, Any], asked: str) -> dict[str, Tensor]:
    for key, value in content.items():
        if not isinstance(key, str) or not key.isprintable() or not isinstance(value, Tensor):
            raise InputError(
                asked, f"a state dict with the entry {str(key)[:60]!r}, which is no tensor with a plain name",
                "save module.state_dict() with torch.save",
            )
    return dict(content)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:100] or type(error).__name__
