"""Open a certificate for a report, and refuse one that is malformed or says more than its own numbers do.

A report is read by people who will not open the JSON, so nothing is repeated before it was looked at. That tells
that the certificate is whole and agrees with itself, not that it is true: that is `certify check`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction

from certify.certificate.canonical import digest
from certify.certificate.over_time import agree_over_time
from certify.certificate.schema import Certificate, Claim, Gate, Problem, validate
from certify.format.errors import CertificateError
from certify.format.question import Question
from certify.format.support import applying, stating
from certify.format.theorems import P1_CRITICAL, P2, Q1, Q5, Theorem
from certify.format.words import Base as BaseWord
from certify.format.words import Layer, Map, Network, Normalization, Parameter, Set
from certify.report.phrases.changed_rows import disagreement
from certify.spec.nearest import meaningless, refusal

MEMBERS = {"units": "scale", "down": "direction", "decay": "weight_decay", "undecayed": "bias_decay", "change": "set",
           "targets": "map", "reference": "tau", "weighed": "row_weights",
           "balanced": "class_weight"}
"""The member of a problem that answers a key of a question, where it has another name."""
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
    agree_over_time(certificate)
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


def _question(problem: Problem, quantity: str) -> Question:
    """What a claim is about, as far as the certificate says it: whether there are targets, only the spec does."""
    depth, graph = len(problem.widths or ()) - 1, problem.graph is not None
    layer = (Layer.ONLY if depth == 1 else Layer.ALL) if problem.layer == "all" else (
        Layer.LAST if problem.layer in (depth, "last") else Layer.INNER)
    return Question(
        quantity=quantity, map=problem.map, base=problem.base, network=Network.GRAPH if graph else Network.CHAIN,
        layer=layer, loss=problem.loss, set=problem.set, parameter=problem.parameter, norm=problem.norm,
        weight_norm=problem.weight_norm, normalization=problem.normalization or Normalization.FIXED,
        decay=problem.weight_decay > 0, undecayed=problem.bias_decay is False, down=problem.direction is not None,
        relative=problem.relative is True,
        targets=True, radius=problem.radius is not None, level=problem.level is not None,
        count=problem.count is not None, change=not Set(problem.set).sized and not Parameter(problem.parameter).leaves,
        reference=problem.tau is not None,
        units=problem.scale is not None, window=problem.window is not None,
        evaluation=problem.evaluation_rows is not None, weighed=problem.row_weights is not None,
        balanced=problem.class_weight is not None)


def _agree_problem(problem: Problem) -> None:
    """Refuse a combination of words that no problem has, for the report has no sentence for it."""
    why = meaningless(_question(problem, ""))
    if why is not None:
        raise CertificateError(f"certificate: member problem.{MEMBERS.get(why.key, why.key)}",
                               f"it does not go with the others: {why.found}", REMEDY)
    if Map(problem.map).trains and problem.merge_duplicates:
        raise CertificateError("certificate: member problem.merge_duplicates",
                               f"does not go with map '{problem.map}'", REMEDY)
    if problem.scale is not None and (len(problem.scale) != problem.inputs or min(problem.scale) < 0):
        raise CertificateError("certificate: member problem.scale", "one unit ≥ 0 a feature is needed", REMEDY)


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
    """Refuse a claim that the problem, its theorem, or the base point does not carry."""
    theorem = _theorem(claim, opened.problem, where)
    given = sorted(claim.witness.model_fields_set)
    if not set(given) <= set(theorem.witness.members()):
        raise CertificateError(f"{where}.witness", f"theorem {theorem} has no {', '.join(given)}", REMEDY)
    if (theorem is P2) and (claim.lower is None) != (claim.witness.reach is None):
        raise CertificateError(f"{where}.theorem", f"{theorem} without the distance", REMEDY)
    if theorem in (Q1, Q5) and (claim.upper is None) != (claim.witness.radius_u is None):
        raise CertificateError(f"{where}.witness", f"explicit radii belong to the upper end of {claim.quantity}",
                               REMEDY)
    if theorem is P1_CRITICAL and claim.upper is not None and claim.theorem != theorem.label:
        raise CertificateError(f"{where}.quantity", f"an upper end of {claim.quantity} by theorem {claim.theorem}",
                               REMEDY)
    if claim.witness.equal_rows is not None and opened.problem.base != BaseWord.GIVEN:
        raise CertificateError(f"{where}.witness", "equal rows refute only interpolation with base 'given'", REMEDY)
    lists = {"flipped", "undecided", "changed"}
    if lists <= {*theorem.witness.members()} and lists & {*given} and (found := disagreement(claim, opened.problem)):
        raise CertificateError(f"{where}.witness", found, REMEDY)
    _at_a_point(claim, opened, where)


def _theorem(claim: Claim, problem: Problem, where: str) -> Theorem:
    """The row of the table of theorems that a claim is about."""
    question = _question(problem, claim.quantity)
    found = applying(question)
    if not found:
        why = refusal(question)
        raise CertificateError(f"{where}.quantity", f"{claim.quantity}: {why.found if why else 'no theorem'}", REMEDY)
    theorem = stating(question, claim.theorem)
    if theorem is None:
        raise CertificateError(f"{where}.theorem", f"{claim.quantity} by theorem {claim.theorem}, where {found[0]} "
                               "bounds it", REMEDY)
    return theorem


def _at_a_point(claim: Claim, opened: Certificate, where: str) -> None:
    """Refuse ends at a solution that was not proved to exist."""
    problem, bare = opened.problem, claim.lower is None and claim.upper is None
    critical = Map(problem.map).stationary
    if opened.base.distance is None:
        if problem.base != BaseWord.NEARBY and not critical:  # a limit may have ended it before any tilt
            raise CertificateError("certificate: member base.distance", f"none with base '{problem.base}'", REMEDY)
        if not bare:
            raise CertificateError(where, "ends of a modulus at a solution that was not proved", REMEDY)
    if critical and problem.base == BaseWord.GIVEN and opened.base.tilt is None and not bare:
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
