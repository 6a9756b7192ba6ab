"""Arrays of numbers from the bytes of `.safetensors` and `.npz` files, without numpy and without pickle.

Every value is turned into the Python float (binary64) it is exactly, or refused.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from importlib import import_module

from certify.format.canonical import LARGEST_INTEGER
from certify.format.refusal import Invalid

READERS = ((b"PK\x03\x04", "npz"),)
"""What a file of a format starts with, and the reader of it."""

OTHERWISE = "safetensors"


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
    """Every array of a file, by name; the format is told by the first bytes. Messages call the file by its `name`."""
    module = next((place for start, place in READERS if data.startswith(start)), OTHERWISE)
    found: dict[str, Array] = import_module(f"certify.check.reading.formats.{module}").read(data, name)
    return found


def unpack(data: bytes, order: str, code: str, kind: str, shape: tuple[int, ...], name: str) -> Array:
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
