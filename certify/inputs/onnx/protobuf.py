"""The wire format of protocol buffers: a message as a sequence of numbered fields; nothing is interpreted."""

from __future__ import annotations

import struct
from collections.abc import Iterator

Value = int | bytes
"""Varints as non-negative integers; strings, messages and fixed-size numbers as bytes."""


def fields(message: bytes) -> Iterator[tuple[int, int, Value]]:
    """Number, wire type and value of every field.

    Raises:
        ValueError: cut short, or groups (which proto3 does not have).

    >>> list(fields(bytes([0x08, 0x96, 0x01, 0x12, 0x02, 0x68, 0x69])))
    [(1, 0, 150), (2, 2, b'hi')]
    """
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        number, wire = key >> 3, key & 7
        if number == 0:
            raise ValueError("field number 0")
        if wire == 0:
            value: Value
            value, position = _varint(message, position)
        elif wire in (1, 2, 5):
            length = {1: 8, 5: 4}.get(wire, 0)
            if wire == 2:
                length, position = _varint(message, position)
            if length > len(message) - position:
                raise ValueError(f"a field of {length} bytes where {len(message) - position} follow")
            value, position = message[position : position + length], position + length
        else:
            raise ValueError(f"wire type {wire}")
        yield number, wire, value


def varints(value: Value) -> Iterator[int]:
    """The signed 64-bit numbers of a repeated field: one, or packed.

    >>> list(varints(bytes([3, 0x96, 0x01]))), list(varints(2**64 - 1))
    ([3, 150], [-1])
    """
    if isinstance(value, int):
        yield value - 2**64 if value >= 2**63 else value
        return
    position = 0
    while position < len(value):
        number, position = _varint(value, position)
        yield number - 2**64 if number >= 2**63 else number


def float32(value: Value) -> float:
    """The number in a 4-byte field.

    >>> float32(bytes([0, 0, 0x80, 0x3f]))
    1.0
    """
    if not isinstance(value, bytes) or len(value) != 4:
        raise ValueError("no 4-byte number")
    return float(struct.unpack("<f", value)[0])


def _varint(message: bytes, position: int) -> tuple[int, int]:
    result = 0
    for shift in range(0, 70, 7):
        if position >= len(message):
            raise ValueError("cut short within a number")
        byte = message[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            if result >= 2**64:
                break
            return result, position
    raise ValueError("a number of more than 64 bits")
