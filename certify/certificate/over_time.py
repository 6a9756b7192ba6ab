"""A quantity against a baseline: whether it got worse by more than a tolerance, from both ends of both.

It lies in [l, u], and lay in [a, b] in the baseline. It grew by at most t if ``u − a ≤ t``, and by more if
``l − b > t``; a fall is mirrored. Between the two nothing is decided. Differences are computed exactly.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final

from certify.format.errors import CertificateError
from certify.prove.gates import State

Json = Mapping[str, Any]

REMEDY: Final = "use the file as `certify run` wrote it"

READ: Final = "read, not proved again"
"""What is said of the ends of a baseline wherever they are shown."""


def compared(new: tuple[float, float], old: tuple[float, float], side: str, tolerance: float) -> State:
    """Whether a quantity got worse by more than a tolerance, from both ends of both.

    Args:
        new, old: lower and upper end, infinite where there is none.
        side: `max_increase` or `max_decrease`.
        tolerance: by how much it may.

    >>> inf = math.inf
    >>> compared((132, 140), (138, 140), "max_decrease", 8), compared((132, 135), (138, 140), "max_decrease", 2)
    ('met', 'failed')
    >>> compared((132, 139), (138, 140), "max_decrease", 2), compared((1.0, inf), (0.1, 0.2), "max_increase", 0.5)
    ('open', 'failed')
    """
    if side == "max_decrease":
        (low, high), (least, most) = new, old
        new, old = (-high, -low), (-most, -least)
    (low, high), (least, most) = new, old
    if math.isfinite(high) and math.isfinite(least) and Fraction(high) - Fraction(least) <= Fraction(tolerance):
        return "met"
    if low == math.inf and most < math.inf:
        return "failed"
    if math.isfinite(low) and math.isfinite(most) and Fraction(low) - Fraction(most) > Fraction(tolerance):
        return "failed"
    return "open"


def ends_of(claim: Json) -> tuple[float, float]:
    """Both ends; infinite where there is none, or where equal rows prove it."""
    if claim["witness"].get("equal_rows") is not None:
        return math.inf, math.inf
    low, high = claim["lower"], claim["upper"]
    return (-math.inf if low is None else low), (math.inf if high is None else high)


def sided(gate: Json) -> tuple[str, float]:
    """Which side a gate over time bounds, and its tolerance."""
    side = "max_increase" if gate.get("max_increase") is not None else "max_decrease"
    return side, gate[side]


def agree_over_time(certificate: Json) -> None:
    """Refuse gates over time that their own numbers contradict.

    Raises:
        CertificateError: a claim that is not there, or a state that the ends do not show.
    """
    member = certificate.get("over_time") or {"gates": []}
    for number, gate in enumerate(member["gates"]):
        where, claims = f"certificate: member over_time.gates.{number}", certificate["claims"]
        if gate["claim"] >= len(claims):
            raise CertificateError(where, f"claim {gate['claim']} of {len(claims)}", REMEDY)
        low, high = gate["lower"], gate["upper"]
        old = -math.inf if low is None else low, math.inf if high is None else high
        found = compared(ends_of(claims[gate["claim"]]), old, *sided(gate))
        decided = gate["state"] != "open"
        if (decided and member["baseline"] is None) or {gate["state"], found} == {"met", "failed"} or (
                gate["state"] == "failed" and found != "failed"):
            raise CertificateError(f"{where}.state", f"the ends do not show {gate['state']!r}", REMEDY)
