"""Arrays of numbers from the bytes of `.safetensors` and `.npz` files, without numpy and without pickle.

Every value is turned into the Python float (binary64) it is exactly, or refused.
"""

from __future__ import annotations

import json
import math
import re
import struct
from dataclasses import dataclass

from certify.check.reading.canonical import show
from certify.check.reading.refusal import Invalid
from certify.check.reading.zips import read_members

LARGEST_INTEGER = 2**53
LONGEST_HEADER = 100_000_000

_NPY_TYPES = {"b1": "B", "i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "i8": "q", "u8": "Q",
              "f2": "e", "f4": "f", "f8": "d"}
_SAFETENSORS_TYPES = {"BOOL": "B", "I8": "b", "U8": "B", "I16": "h", "U16": "H", "BF16": "H", "I32": "i", "U32": "I",
                      "I64": "q", "U64": "Q", "F16": "e", "F32": "f", "F64": "d"}
_NPY_HEADER = re.compile(
    r"\{'descr': '([<>|=]?)([a-zA-Z]\d+)', 'fortran_order': (True|False), "
    r"'shape': \(((?:[0-9]{1,18}, ?){0,31}(?:[0-9]{1,18})?)\), ?\} *\n?")


@dataclass(frozen=True)
class Array:
    """Exact numbers in row-major order.

    Attributes:
        shape: the lengths of its axes.
        values: its entries, each a finite float.
        kind: `f` floats, `i` integers, `b` truth values: what the file stores.
    """

    shape: tuple[int, ...]
    values: tuple[float, ...]
    kind: str


def read_arrays(data: bytes, name: str) -> dict[str, Array]:
    """Every array of a file, by name; the format is told by the first bytes.

    Args:
        data: the bytes of the file.
        name: how to call the file in messages.

    Raises:
        Invalid: another format, a pickle, a damaged or ambiguous file, or a number with no exact value.
    """
    return _npz(data, name) if data[:4] == b"PK\x03\x04" else _safetensors(data, name)


def _npz(data: bytes, name: str) -> dict[str, Array]:
    arrays: dict[str, Array] = {}
    for member, content in read_members(data, name).items():
        key = member.removesuffix(".npy")
        if key == member:
            raise Invalid(name, f"it has the member {show(member)}", "an .npz file holds .npy arrays, each name once")
        arrays[key] = _npy(content, f"{name}, array {show(key)}")
    return arrays


def _npy(data: bytes, name: str) -> Array:
    version = data[6:8]
    if data[:6] != b"\x93NUMPY" or version not in (b"\x01\x00", b"\x02\x00", b"\x03\x00"):
        raise Invalid(name, "it does not start like an .npy array", "numpy's format 1, 2 or 3 is needed")
    width = 2 if version == b"\x01\x00" else 4
    start = 8 + width + int.from_bytes(data[8:8 + width], "little")
    header = data[8 + width:start].decode("latin-1")
    match = _NPY_HEADER.fullmatch(header)
    if match is None or match[2] not in _NPY_TYPES:
        raise Invalid(name, f"its header is {show(header.strip())}",
                      "an array of booleans, integers or floats of at most 64 bits is needed (never a pickle)")
    order, typ, fortran, dims = match.groups()
    shape = tuple(int(d) for d in dims.replace(" ", "").split(",") if d)
    array = _unpack(data[start:], ">" if order == ">" else "<", _NPY_TYPES[typ], typ[0], shape, name)
    return _transposed(array, name) if fortran == "True" and len(shape) > 1 else array


def _transposed(array: Array, name: str) -> Array:
    if len(array.shape) != 2:
        raise Invalid(name, f"it has {len(array.shape)} axes in Fortran order", "at most two axes are needed")
    rows, columns = array.shape
    values = tuple(array.values[i + rows * j] for i in range(rows) for j in range(columns))
    return Array(array.shape, values, array.kind)


def _safetensors(data: bytes, name: str) -> dict[str, Array]:
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > min(len(data) - 8, LONGEST_HEADER):
        raise Invalid(name, f"{len(data)} bytes announce a header of {length} bytes",
                      "a whole .safetensors or .npz file is needed")
    try:
        header = json.loads(data[8:8 + length].decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise Invalid(name, "the header is not JSON", f"a .safetensors or .npz file is needed ({error})") from None
    if not isinstance(header, dict):
        raise Invalid(name, "the header is not an object", "a .safetensors or .npz file is needed")
    entries = {key: _entry(value, f"{name}, tensor {show(key)}") for key, value in header.items()
               if key != "__metadata__"}
    body, arrays, reached = data[8 + length:], {}, 0
    for key, (typ, shape, begin, end) in sorted(entries.items(), key=lambda item: item[1][2:]):
        where = f"{name}, tensor {show(key)}"
        if begin != reached or end > len(body):
            raise Invalid(where, f"its bytes are {begin} to {end} of {len(body)}", f"they must start at {reached}")
        reached = end
        letter = {"BF16": "w", "BOOL": "b"}.get(typ, typ[0].lower())
        arrays[key] = _unpack(body[begin:end], "<", _SAFETENSORS_TYPES[typ], letter, shape, where)
    if reached != len(body):
        raise Invalid(name, f"the tensors take {reached} bytes", f"{len(body)} bytes follow the header")
    return arrays


def _entry(value: object, where: str) -> tuple[str, tuple[int, ...], int, int]:
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise Invalid(where, f"its entry is {show(value)}", "dtype, shape and data_offsets are needed")
    typ, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    for numbers in (shape, offsets):
        if not isinstance(numbers, list) or any(type(v) is not int or v < 0 for v in numbers):
            raise Invalid(where, f"its entry is {show(value)}", "shape and offsets must be lists of whole numbers")
    if not isinstance(typ, str) or typ not in _SAFETENSORS_TYPES or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise Invalid(where, f"its entry is {show(value)}", f"one of {', '.join(_SAFETENSORS_TYPES)} is needed")
    return typ, tuple(shape), offsets[0], offsets[1]


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a key occurs twice")
    return dict(pairs)


def _unpack(data: bytes, order: str, code: str, kind: str, shape: tuple[int, ...], name: str) -> Array:
    """Numbers from bytes. `kind`: f, i, u, b as in numpy; w for bfloat16 (the upper half of a float32)."""
    count = math.prod(shape)
    if count * struct.calcsize(order + code) != len(data):
        raise Invalid(name, f"shape {shape} and type {code!r}", f"it has {len(data)} bytes")
    if kind == "w":
        halves = struct.unpack(f"<{count}H", data)
        data, code = struct.pack(f"<{count}I", *(h << 16 for h in halves)), "f"
    values = struct.unpack(f"{order}{count}{code}", data)
    for at, v in enumerate(values):
        if kind in "fw":
            bad = not math.isfinite(v)
        else:
            bad = v > 1 if kind == "b" else abs(v) > LARGEST_INTEGER
        if bad:
            raise Invalid(f"{name}, {_index(at, shape)}", f"the value is {v}",
                          "a finite number with an exact double-precision value is needed")
    stored = {"f": "f", "w": "f", "b": "b"}.get(kind, "i")
    return Array(shape, tuple(map(float, values)), stored)


def _index(at: int, shape: tuple[int, ...]) -> str:
    """The place of the entry number `at`, as row and column where there are two axes."""
    if len(shape) != 2:
        return f"entry {at}"
    return f"row {at // shape[1]}, column {at % shape[1]}"
