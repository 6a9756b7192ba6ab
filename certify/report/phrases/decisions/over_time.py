"""Gates over time in words."""

from __future__ import annotations

from collections.abc import Mapping
from posixpath import basename
from typing import Any

from certify.certificate.over_time import READ, sided
from certify.format.digits import enclosure

Json = Mapping[str, Any]


def asked(gate: Json, quantity: str) -> str:
    """What a gate over time asks.

    >>> asked({"max_decrease": 2.0}, "stable_predictions")
    'stable_predictions max_decrease 2.0'
    """
    side, tolerance = sided(gate)
    return f"{quantity} {side} {tolerance!r}"


def over_time_line(gate: Json, certificate: Json) -> str:
    """One gate over time: what it asks, what became of it, and the ends of the baseline."""
    claim, place = certificate["claims"][gate["claim"]], certificate["over_time"]["baseline"]
    warning = ", a warning only" if gate["severity"] == "warn" else ""
    if place is None:
        return f"{asked(gate, claim['quantity'])} {gate['state']} (no baseline{warning})"
    ends = "nothing" if gate["lower"] is None and gate["upper"] is None else enclosure(gate["lower"], gate["upper"])
    return (f"{asked(gate, claim['quantity'])} {gate['state']} (baseline {basename(place['path'])} says {ends}, "
            f"{READ}{warning})")


def over_time_lines(certificate: Json) -> list[str]:
    """All of them."""
    member = certificate.get("over_time") or {"gates": ()}
    return [over_time_line(gate, certificate) for gate in member["gates"]]


def over_time_advice(certificate: Json) -> list[str]:
    """Why gates over time are not met."""
    member = certificate.get("over_time") or {"gates": ()}
    return [f"{gate['state']} {asked(gate, certificate['claims'][gate['claim']]['quantity'])}: {gate['reason']}"
            for gate in member["gates"] if gate["state"] != "met"]
