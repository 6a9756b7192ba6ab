"""Canonical JSON: one byte string for one object, so that a changed byte cannot hide."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

from certify.format.refusal import Invalid

Json = dict[str, Any]

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


def seal(certificate: Json) -> Json:
    """The certificate with its digest put in.

    Raises:
        Invalid: it holds what JSON cannot say exactly.

    >>> seal({"format": "certify/1"})["digest"] == digest({"format": "certify/1", "digest": "anything"})
    True
    """
    require_exact(certificate)
    return {**certificate, "digest": digest(certificate)}


def require_exact(value: object, where: str = "certificate") -> None:
    """Refuse what canonical JSON cannot say exactly, naming the member.

    Raises:
        Invalid: NaN, an infinity, an integer beyond 2^53, a lone surrogate, a key that is no string, another type.
    """
    if value is None or type(value) is bool:
        return
    if type(value) is str:
        if any(0xD800 <= ord(c) < 0xE000 for c in value):
            raise Invalid(where, "a lone surrogate is stated", "valid text is needed")
    elif type(value) is int:
        if abs(value) > LARGEST_INTEGER:
            raise Invalid(where, f"an integer of {value.bit_length()} bits is stated", "integers end at 2^53")
    elif type(value) is float:
        if not math.isfinite(value):
            raise Invalid(where, f"{value!r} is stated", "null stands where there is no finite number")
    elif type(value) is list:
        for i, entry in enumerate(value):
            require_exact(entry, f"{where}[{i}]")
    elif type(value) is dict:
        for key, entry in value.items():
            if type(key) is not str:
                raise Invalid(where, f"the key {key!r} is stated", "keys are strings")
            require_exact(key, f"{where}, a key")
            require_exact(entry, f"{where}.{key}")
    else:
        raise Invalid(where, f"it is {type(value).__name__}", "a type of JSON is needed")


def same(a: object, b: object) -> bool:
    """Whether two JSON values have the same canonical bytes (so that 1, 1.0 and true differ).

    >>> same([1, "x"], [1, "x"]), same(1, 1.0), same(1, True)
    (True, False, False)
    """
    return encode(a) == encode(b)


def show(value: object, most: int = 120) -> str:
    """A JSON value on one line, cut to `most` characters.

    >>> show(list(range(9)), 12)
    '[0,1,2,3,4,…'
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return text if len(text) <= most else text[: most - 1] + "…"


def kind(value: object) -> str:
    """The type of a value in JSON's words."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false", int: "an integer",
             float: "a number", type(None): "null"}
    return names.get(type(value), type(value).__name__)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number")
