"""Seal a certificate: refuse what canonical JSON cannot say exactly, then put the digest in."""

from __future__ import annotations

import math

from certify.format.canonical import LARGEST_INTEGER, Json, digest
from certify.format.refusal import Invalid


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
