"""Suppressions in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]


def words(entry: Json) -> str:
    """One suppression: who answers for the gate, until when, and why; or since when nobody does.

    >>> words({"owner": "Ann", "expires": "2027-01-31", "reason": "data is being cleaned", "expired": False})
    'suppressed by Ann until 2027-01-31: data is being cleaned'
    >>> words({"owner": "Ann", "expires": "2026-01-31", "reason": "data is being cleaned", "expired": True})
    'the suppression by Ann expired on 2026-01-31: data is being cleaned'
    """
    if entry["expired"]:
        return f"the suppression by {entry['owner']} expired on {entry['expires']}: {entry['reason']}"
    return f"suppressed by {entry['owner']} until {entry['expires']}: {entry['reason']}"


def suppressed_lines(certificate: Json) -> list[str]:
    """All of them, each with its gate."""
    return [f"{entry['gate']} {words(entry)}" for entry in certificate.get("suppressed", ())]
