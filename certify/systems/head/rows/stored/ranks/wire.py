"""What ranks tell each other: words and numbers in JSON, arrays as they are; nothing in a message is ever executed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

KINDS: Final = {"float64": 8, "int64": 8, "bool": 1}
"""What arrays may hold, and bytes of each."""

LENGTHS: Final = 16
"""Bytes before a message that say how long its words and its arrays are."""

MOST_WORDS: Final = 2**26
MOST: Final = 2**40
"""Bytes of words, and of arrays, beyond which a message is none."""


class Malformed(ValueError):
    """Bytes that are no message."""


@dataclass(frozen=True, eq=False)
class Message:
    """What it is about, words and numbers, and arrays.

    >>> sent = Message("told", {"rank": 1}, {"x": np.array([0.1, 2.0])})
    >>> got = decoded(encoded(sent))
    >>> got.about, got.words, got.arrays["x"].tolist()
    ('told', {'rank': 1}, [0.1, 2.0])
    """

    about: str
    words: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)


def encoded(message: Message) -> bytes:
    """A message as bytes, the lengths of its two parts before them."""
    arrays = {name: np.ascontiguousarray(x) for name, x in message.arrays.items()}
    words = json.dumps([message.about, dict(message.words),
                        [[name, x.dtype.name, list(x.shape)] for name, x in arrays.items()]]).encode()
    body = b"".join(x.tobytes() for x in arrays.values())
    return len(words).to_bytes(8, "big") + len(body).to_bytes(8, "big") + words + body


def lengths_of(start: bytes) -> tuple[int, int]:
    """How many bytes of words and of arrays follow.

    Raises:
        Malformed: more than any message has.
    """
    words, body = int.from_bytes(start[:8], "big"), int.from_bytes(start[8:LENGTHS], "big")
    if len(start) < LENGTHS or words > MOST_WORDS or body > MOST:
        raise Malformed("a message that is too long, or none")
    return words, body


def decoded(data: bytes | bytearray) -> Message:
    """A message from its bytes.

    Raises:
        Malformed: they are none.
    """
    words, body = lengths_of(bytes(data[:LENGTHS]))
    if len(data) != LENGTHS + words + body:
        raise Malformed("a message that is cut short")
    try:
        about, told, forms = json.loads(bytes(data[LENGTHS : LENGTHS + words]))
        at, arrays = LENGTHS + words, dict[str, NDArray[Any]]()
        for name, kind, shape in forms:
            count = 1
            for length in shape:
                count *= _length(length)
            size = KINDS[kind] * count
            if size > len(data) - at:
                raise Malformed("an array that is cut short")
            arrays[str(name)] = np.frombuffer(data, kind, count, at).reshape(shape).copy()
            at += size
        if at != len(data) or not isinstance(told, dict):
            raise Malformed("bytes that belong to nothing")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise Malformed(str(error)[:200]) from None
    return Message(str(about), told, arrays)


def _length(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Malformed("a shape that is none")
    return value
