"""Canonical JSON: one byte string for one object, so that a changed byte cannot hide."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from certify.format.refusal import Invalid

Json = dict[str, Any]

FORMAT = "certify/1"
"""What the member `format` of a certificate says."""

LARGEST_INTEGER = 2**53
"""Integers up to here are doubles."""


def encode(value: object) -> bytes:
    r"""The canonical bytes of a JSON value.

    UTF-8, keys sorted by code point, separators ``,`` and ``:`` without spaces, no escapes but those JSON
    requires, floats in Python's shortest round-trip form, one newline at the end.

    Raises:
        ValueError: NaN, an infinity or a lone surrogate, none of which has a canonical form.

    >>> encode({"b": 0.1, "a": [1, None]})
    b'{"a":[1,null],"b":0.1}\n'
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8") + b"\n"


def decode(data: bytes, name: str) -> Json:
    """Parse an object and insist that its bytes are the canonical ones.

    Raises:
        Invalid: not JSON, not an object, a duplicate key, a number out of range, or another spelling.
    """
    try:
        value = json.loads(data.decode("utf-8"), parse_constant=_no_constant)
        again = encode(value)
    except RecursionError:
        raise Invalid(name, "the nesting is too deep", "a certificate is a few levels deep") from None
    except ValueError as error:
        raise Invalid(name, "the bytes are not JSON", f"canonical JSON is needed ({error})") from None
    if not isinstance(value, dict):
        raise Invalid(name, f"the top is {kind(value)}", "an object is needed")
    if again != data:
        at = next((i for i, (a, b) in enumerate(zip(data, again, strict=False)) if a != b),
                  min(len(data), len(again)))
        raise Invalid(name, f"byte {at} reads {data[at:at + 20]!r}", "the canonical form has "
                      f"{again[at:at + 20]!r}: the file was changed after it was written")
    return value


def digest(certificate: Json) -> str:
    """The digest of a certificate: SHA-256 of the canonical bytes of all members but ``digest``."""
    rest = {key: value for key, value in certificate.items() if key != "digest"}
    return "sha256:" + hashlib.sha256(encode(rest)).hexdigest()


def same(a: object, b: object) -> bool:
    """Whether two JSON values have the same canonical bytes (so that 1, 1.0 and true differ).

    >>> same([1, "x"], [1, "x"]), same(1, 1.0), same(1, True)
    (True, False, False)
    """
    return encode(a) == encode(b)


def show(value: object, most: int = 120) -> str:
    """A JSON value on one line, cut to `most` characters.

    >>> show(list(range(9)), 12), show(16**6000 - 1)
    ('[0,1,2,3,4,…', '"an integer of 24000 bits"')
    """
    text = json.dumps(_cut(value, most), sort_keys=True, separators=(",", ":"), default=str)
    return text if len(text) <= most else text[: most - 1] + "…"


def _cut(value: object, most: int, deep: int = 0) -> object:
    """What of a value can be shown in so many characters: Python writes no integer of thousands of digits.

    A value so `deep` begins behind as many brackets, past what is shown.
    """
    if deep > most:
        return "…"
    if isinstance(value, int) and value.bit_length() > 4 * most:
        return f"an integer of {value.bit_length()} bits"
    if isinstance(value, str):
        return value[: most + 1]
    if isinstance(value, list | tuple):
        return [_cut(part, most, deep + 1) for part in value[: most + 1]]
    if isinstance(value, dict):
        return {_cut(key, most): _cut(value[key], most, deep + 1) for key in sorted(value, key=str)[: most + 1]}
    return value


def kind(value: object) -> str:
    """The type of a value in JSON's words."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false", int: "an integer",
             float: "a number", type(None): "null"}
    return names.get(type(value), type(value).__name__)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number")
