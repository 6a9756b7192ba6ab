"""Canonical JSON: one spelling of one object, so that its digest means its content."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

from certify.format.errors import CertificateError

Json = dict[str, Any]

LARGEST_INTEGER = 2**53


def canonical_bytes(value: object) -> bytes:
    r"""The canonical bytes of a JSON value.

    UTF-8, keys sorted by code point, separators ``,`` and ``:``, no escapes but those JSON requires, floats in
    Python's shortest round-trip form, one newline at the end.

    Raises:
        CertificateError: a value that has no place in JSON: NaN, an infinity, an integer beyond 2^53, a lone
            surrogate, a key that is not a string, an object of another type.

    >>> canonical_bytes({"b": [0.1, None], "a": "ü"})
    b'{"a":"\xc3\xbc","b":[0.1,null]}\n'
    """
    _check(value, "certificate")
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    try:
        return text.encode("utf-8") + b"\n"
    except UnicodeEncodeError:
        raise CertificateError("certificate", "a lone surrogate in a string", "use valid text") from None


def digest(certificate: Json) -> str:
    """SHA-256 of the canonical bytes of all members but ``digest``.

    >>> digest({"format": "certify/1", "digest": "anything"}) == digest({"format": "certify/1"})
    True
    """
    rest = {key: value for key, value in certificate.items() if key != "digest"}
    return f"sha256:{hashlib.sha256(canonical_bytes(rest)).hexdigest()}"


def seal(certificate: Json) -> Json:
    """The certificate with its digest put in."""
    return {**certificate, "digest": digest(certificate)}


def _check(value: object, where: str) -> None:
    """Refuse what canonical JSON cannot say exactly, naming the member."""
    if value is None or type(value) in (bool, str):
        return
    if type(value) is int:
        if abs(value) > LARGEST_INTEGER:
            raise CertificateError(where, f"an integer of {value.bit_length()} bits", "integers end at 2^53")
    elif type(value) is float:
        if not math.isfinite(value):
            raise CertificateError(where, repr(value), "write null where there is no finite number")
    elif type(value) is list:
        for i, entry in enumerate(value):
            _check(entry, f"{where}[{i}]")
    elif type(value) is dict:
        for key, entry in value.items():
            if type(key) is not str:
                raise CertificateError(where, f"the key {key!r}", "keys are strings")
            _check(entry, f"{where}.{key}")
    else:
        raise CertificateError(where, f"a {type(value).__name__}", "use the types of JSON")
