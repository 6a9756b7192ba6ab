"""Tensors from the bytes of a `.safetensors` file: a header of JSON, then the numbers one after the other."""

from __future__ import annotations

import json

from certify.check.reading.arrays import Array, unpack
from certify.format.canonical import show
from certify.format.refusal import Invalid

LONGEST_HEADER = 100_000_000

_SAFETENSORS_TYPES = {"BOOL": "B", "I8": "b", "U8": "B", "I16": "h", "U16": "H", "BF16": "H", "I32": "i", "U32": "I",
                      "I64": "q", "U64": "Q", "F16": "e", "F32": "f", "F64": "d"}


def read(data: bytes, name: str) -> dict[str, Array]:
    """Every tensor of a `.safetensors` file, by name; see :func:`certify.check.reading.arrays.read_arrays`."""
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
        arrays[key] = unpack(body[begin:end], "<", _SAFETENSORS_TYPES[typ], letter, shape, where)
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
