"""Open a certificate for a report, and refuse one that is malformed or says more than its own numbers do.

A report is read by people who will not open the JSON, so nothing is repeated before it was looked at. That tells
that the certificate is whole and agrees with itself, not that it is true: that is `certify check`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction

from certify.certificate.canonical import digest
from certify.certificate.schema import Certificate, Claim, Gate, Problem, validate
from certify.format.errors import CertificateError
from certify.spec.convexity import CONVEX, FIRST_ORDER, PREDICTIONS
from certify.spec.window import QUANTITIES as ON_A_WINDOW

REMEDY = "run `certify run` again and leave the file as it was written"


def open_certificate(certificate: Mapping[str, object]) -> Certificate:
    """Return the certificate with every member typed.

    Args:
        certificate: the dictionary read from ``certificate.json``.

    Raises:
        CertificateError: a member is missing, unknown or of another type, the digest differs, or a verdict or gate
            says more than the numbers beside it.
    """
    validate(certificate)
    opened = Certificate.model_validate(certificate)
    if opened.digest != (found := digest(dict(certificate))):
        raise CertificateError("certificate: member digest", f"its content gives {found}", REMEDY)
    _agree_problem(opened.problem)
    _agree_nearness(opened)
    for i, claim in enumerate(opened.claims):
        _agree(claim, f"certificate: member claims.{i}")
        _belongs(claim, opened, f"certificate: member claims.{i}")
    _agree_overall(opened)
    return opened


def _agree(claim: Claim, where: str) -> None:
    """Refuse a claim whose verdict or gate is not implied by its own numbers."""
    low = -math.inf if claim.lower is None else claim.lower
    high = math.inf if claim.upper is None else claim.upper
    rows = zip(claim.rows or (), claim.row_lower or (), claim.row_upper or (), strict=True)
    for what, lower, upper in ((".lower", low, high), *((f".row_lower, row {i}", lo, up) for i, lo, up in rows)):
        if lower is not None and upper is not None and lower > upper:
            raise CertificateError(where + what, f"{lower!r} is above the upper end {upper!r}", REMEDY)
    if claim.witness.equal_rows is not None:
        low = math.inf
    holds, fails = (high < math.inf, low == math.inf) if claim.gate is None else _against(claim.gate, low, high)
    if claim.rigour != "proved" and claim.verdict != "inconclusive":
        raise CertificateError(f"{where}.verdict", f"{claim.verdict} without a proof", REMEDY)
    if not {"certified": holds, "refuted": fails, "inconclusive": True}[claim.verdict]:
        raise CertificateError(f"{where}.verdict", f"the ends do not show {claim.verdict!r}", REMEDY)
    if claim.gate is not None and not {"met": holds, "failed": fails, "open": True}[claim.gate.state]:
        raise CertificateError(f"{where}.gate.state", f"the ends do not show {claim.gate.state!r}", REMEDY)


def _agree_problem(problem: Problem) -> None:
    """Refuse a combination of words that no problem has, for the report has no sentence for it."""
    fits = problem.map == "interpolation"
    clashes = {
        "parameter": (fits and problem.parameter == "sample_weights") or (
            problem.parameter == "labels" and (problem.map, problem.radius) != ("critical", None)),
        "set": problem.map == "sublevel" and problem.set in ("sparse", "given"),
        "norm": problem.norm != 2 and (problem.map == "sublevel" or problem.set in ("total", "given")),
        "count": (problem.count is None) != (problem.set != "sparse"),
        "direction": problem.direction is not None and problem.parameter != "sample_weights",
        "level": problem.map != "sublevel" and problem.level is not None,
        "merge_duplicates": problem.map == "critical" and problem.merge_duplicates,
        "base": problem.map == "sublevel" and problem.base == "nearby",
        "scale": problem.scale is not None and (len(problem.scale) != problem.inputs or min(problem.scale) < 0),
    }
    for member, clash in clashes.items():
        if clash:
            found = f"does not go with map {problem.map!r}" if member != "scale" else "one unit ≥ 0 a feature is needed"
            raise CertificateError(f"certificate: member problem.{member}", found, REMEDY)


def _agree_nearness(opened: Certificate) -> None:
    """Refuse a verdict at a solution that the certificate itself calls too far from the given weights."""
    problem, distance = opened.problem, opened.base.distance
    if None in (problem.within, problem.weights_length, distance):
        return
    far = Fraction(distance) > Fraction(problem.within) * Fraction(problem.weights_length)
    if far and any(claim.verdict != "inconclusive" for claim in opened.claims):
        raise CertificateError("certificate: member base.distance", "beyond problem.within, where nothing is decided",
                               REMEDY)


def _belongs(claim: Claim, opened: Certificate, where: str) -> None:
    """Refuse a claim that the problem, or the base point, does not carry."""
    problem = opened.problem
    if claim.quantity == "persistence_radius" and (problem.map != "sublevel" or problem.level is None):
        raise CertificateError(f"{where}.quantity", "persistence_radius without a level of the sublevel map", REMEDY)
    if claim.quantity == "first_order_distance" and (
            problem.map == "sublevel" or (problem.radius is None and problem.set != "given")):
        raise CertificateError(f"{where}.quantity", "first_order_distance without a size of the change", REMEDY)
    at_one = (problem.map, problem.base, problem.set) == ("critical", "nearby", "given")
    finite = problem.map == "critical" and claim.quantity in CONVEX and not at_one
    if finite != (claim.theorem == "Q6") or (finite and problem.base != "nearby"):
        raise CertificateError(f"{where}.quantity", f"{claim.quantity} of the critical map by theorem {claim.theorem}",
                               REMEDY)
    if claim.theorem == "P1" and claim.quantity != FIRST_ORDER:
        raise CertificateError(f"{where}.theorem", f"P1 with {claim.quantity}", REMEDY)
    if claim.quantity == FIRST_ORDER and (problem.map == "sublevel" or problem.evaluation_rows is None or (
            problem.radius is None and problem.set != "given") or (claim.upper is not None and claim.theorem != "P1")):
        raise CertificateError(f"{where}.quantity", f"{FIRST_ORDER} by theorem {claim.theorem}, or without evaluation "
                               "rows or a size of the change", REMEDY)
    fits = (problem.map, problem.base, claim.quantity, claim.theorem) == (
        "interpolation", "given", "stable_predictions", "P2")
    if (claim.theorem == "P2" and not fits) or (fits and (claim.lower is None) != (claim.witness.reach is None)):
        raise CertificateError(f"{where}.theorem", f"P2 with {claim.quantity}, or without the distance", REMEDY)
    if claim.quantity in PREDICTIONS and (not (finite or fits) or problem.evaluation_rows is None):
        raise CertificateError(f"{where}.quantity", f"{claim.quantity} without evaluation rows", REMEDY)
    if claim.quantity == "distance" and not (finite or at_one) and (problem.map, problem.base) != (
            "interpolation", "given"):
        raise CertificateError(f"{where}.quantity", "distance without base 'given'", REMEDY)
    if claim.quantity == "aubin" and (problem.map == "critical" or problem.level is not None or
                                      (problem.base, problem.set) != ("given", "total")):
        raise CertificateError(f"{where}.quantity", "aubin without base 'given' and a total budget", REMEDY)
    if (claim.witness.radius_u is None) != (claim.quantity != "aubin" or claim.upper is None):
        raise CertificateError(f"{where}.witness", "explicit radii belong to the upper end of aubin", REMEDY)
    if claim.quantity in ON_A_WINDOW and (problem.window is None or (problem.map, problem.base, problem.set) != (
            "interpolation", "given", "given")):
        raise CertificateError(f"{where}.quantity", f"{claim.quantity} without a window and one given change", REMEDY)
    if claim.quantity in ("modulus", "sample_modulus") and problem.set in ("sparse", "given"):
        raise CertificateError(f"{where}.quantity", f"a modulus with set {problem.set!r}", REMEDY)
    if claim.witness.equal_rows is not None and (problem.map != "interpolation" or problem.base != "given"):
        raise CertificateError(f"{where}.witness", "equal rows refute only interpolation with base 'given'", REMEDY)
    if opened.base.distance is None:
        if problem.base != "nearby" and problem.map != "critical":  # a limit may have ended it before any tilt
            raise CertificateError("certificate: member base.distance", f"none with base {problem.base!r}", REMEDY)
        if claim.lower is not None or claim.upper is not None:
            raise CertificateError(where, "ends of a modulus at a solution that was not proved", REMEDY)
    if problem.map == "critical" and problem.base == "given" and opened.base.tilt is None and (
            claim.lower is not None or claim.upper is not None):
        raise CertificateError(where, "ends of a modulus without the tilt that makes the weights critical", REMEDY)


def _against(gate: Gate, low: float, high: float) -> tuple[bool, bool]:
    """Whether the enclosure lies wholly inside the gate, and whether it lies wholly outside."""
    if gate.max is not None:
        return high <= gate.max, low > gate.max
    assert gate.min is not None  # the schema asks for exactly one
    return low >= gate.min, high < gate.min


def _agree_overall(opened: Certificate) -> None:
    """Refuse an overall verdict or gate state that the claims do not give."""
    verdicts = {claim.verdict for claim in opened.claims}
    states = {claim.gate.state for claim in opened.claims if claim.gate and claim.gate.severity == "fail"}
    verdict = next(v for v in ("refuted", "inconclusive", "certified") if v in verdicts)
    state = next((s for s in ("failed", "open") if s in states), "met")
    for member, found, implied in (("verdict", opened.verdict, verdict), ("gates", opened.gates, state)):
        if found != implied:
            clash = f"{found!r} where the claims give {implied!r}"
            raise CertificateError(f"certificate: member {member}", clash, REMEDY)
