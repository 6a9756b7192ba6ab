"""The parts of a certificate's problem, of a size that a statement may have."""

from __future__ import annotations

import hashlib
from typing import Final

from certify.format.canonical import Json, encode

LARGEST: Final = 4096
"""Bytes of canonical JSON that a list or text of a problem may have to stand in a statement as it is."""

TOLD: Final = ("about",)
"""Members that the checker only reads: no claim depends on them, and nothing of them is proved."""


def abridged(problem: Json) -> Json:
    """A problem without what is only told, and with count and digest in the place of a very long list or text.

    >>> found = abridged({"n": 5, "rows": list(range(2000)), "set": "sparse", "about": {"names": ["age"]}})
    >>> sorted(found), found["rows"]["count"], len(found["rows"]["sha256"])
    (['n', 'rows', 'set'], 2000, 64)
    """
    return {name: _short(value) for name, value in problem.items() if name not in TOLD}


def _short(value: object) -> object:
    if isinstance(value, dict):
        return {name: _short(one) for name, one in value.items()}
    if isinstance(value, list | str) and len(content := encode(value)) > LARGEST:
        return {"count": len(value), "sha256": hashlib.sha256(content).hexdigest()}
    return value
