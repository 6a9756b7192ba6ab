"""Arrays from the bytes of an `.npz` file: a zip archive of `.npy` arrays."""

from __future__ import annotations

import re
from importlib import import_module

from certify.check.reading.arrays import Array, unpack
from certify.check.reading.formats.zips import read_members
from certify.format.canonical import show
from certify.format.refusal import Invalid

NPY_TYPES = {"b1": "B", "i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "i8": "q", "u8": "Q",
              "f2": "e", "f4": "f", "f8": "d"}
NPY_HEADER = re.compile(
    r"\{'descr': '([<>|=]?)([a-zA-Z]\d+)', 'fortran_order': (True|False), "
    r"'shape': \(((?:[0-9]{1,18}, ?){0,31}(?:[0-9]{1,18})?)\), ?\} *\n?")


def read(data: bytes, name: str) -> dict[str, Array]:
    """Every array of an `.npz` file, by name; see :func:`certify.check.reading.arrays.read_arrays`."""
    arrays: dict[str, Array] = {}
    for member, content in read_members(data, name).items():
        key = member.removesuffix(".npy")
        if key == member:
            raise Invalid(name, f"it has the member {show(member)}", "an .npz file holds .npy arrays, each name once")
        arrays[key] = _npy(content, f"{name}, array {show(key)}")
    twice = next((key for key in arrays if f"{key}.npy" in arrays), None)
    if twice is not None:  # numpy reads the first where the second is asked for
        raise Invalid(name, f"it has arrays {show(twice)} and {show(twice + '.npy')}",
                      "names that numpy tells apart are needed")
    return arrays


def _npy(data: bytes, name: str) -> Array:
    version = data[6:8]
    if data[:6] != b"\x93NUMPY" or version not in (b"\x01\x00", b"\x02\x00", b"\x03\x00"):
        raise Invalid(name, "it does not start like an .npy array", "numpy's format 1, 2 or 3 is needed")
    width = 2 if version == b"\x01\x00" else 4
    start = 8 + width + int.from_bytes(data[8:8 + width], "little")
    header = data[8 + width:start].decode("latin-1")
    match = NPY_HEADER.fullmatch(header)
    if match is None or match[2] not in NPY_TYPES:
        raise Invalid(name, f"its header is {show(header.strip())}",
                      "an array of booleans, integers or floats of at most 64 bits is needed (never a pickle)")
    order, typ, fortran, dims = match.groups()
    shape = tuple(int(d) for d in dims.replace(" ", "").split(",") if d)
    array = unpack(data[start:], ">" if order == ">" else "<", NPY_TYPES[typ], typ[0], shape, name)
    if fortran == "True" and len(shape) > 1:
        array = import_module("certify.check.reading.formats.fortran").turned(array, name)
    return array
