"""ONNX files written by hand, so that tests need no onnx package."""

from __future__ import annotations

import struct

import numpy as np

TYPES = {"f4": 1, "f8": 11, "f2": 10, "i8": 7}


def varint(value: int) -> bytes:
    value %= 2**64
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def put(number: int, value: int | float | str | bytes) -> bytes:
    """One field: an integer, a float of 32 bits, or bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def tensor(name: str, array: np.ndarray) -> bytes:
    kind = TYPES[array.dtype.str[1:]]
    dims = b"".join(put(1, length) for length in array.shape)
    return dims + put(2, kind) + put(8, name) + put(9, np.ascontiguousarray(array).tobytes())


def node(kind: str, inputs: list[str], output: str | list[str], domain: str = "",
         **options: int | float | str | bytes | list[int]) -> bytes:
    outputs = [output] if isinstance(output, str) else output
    message = b"".join(put(1, name) for name in inputs) + b"".join(put(2, name) for name in outputs)
    message += put(4, kind) + put(7, domain)
    for name, value in options.items():
        if isinstance(value, list):
            message += put(5, put(1, name) + b"".join(put(8, v) for v in value) + put(20, 7))
            continue
        number, code = {int: (3, 2), float: (2, 1), str: (4, 3), bytes: (5, 4)}[type(value)]
        message += put(5, put(1, name) + put(number, value) + put(20, code))
    return message


def model(nodes: list[bytes], tensors: dict[str, np.ndarray], output: str = "y", extra: bytes = b"",
          axes: int | None = None, opset: int = 20, dims: tuple[int, ...] = ()) -> bytes:
    graph = b"".join(put(1, n) for n in nodes)
    graph += b"".join(put(5, tensor(name, array)) for name, array in tensors.items())
    shape = b"" if axes is None else put(2, put(1, put(1, 1) + put(2, put(1, put(1, 3)) * axes)))
    if dims:  # 0: of any length
        lengths = b"".join(put(1, put(1, length) if length else put(2, "batch")) for length in dims)
        shape = put(2, put(1, put(1, 1) + put(2, lengths)))
    graph += put(11, put(1, "x") + shape) + put(12, put(1, output))
    return put(1, 9) + put(7, graph) + put(8, put(2, opset)) + extra
