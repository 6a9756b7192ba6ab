"""Rules for explicit radii of the Aubin property of a sublevel map (Q5; V49, V50)."""

from __future__ import annotations

from flint import arb

from certify.check.linalg.balls import ZERO
from certify.check.linalg.definite import Truth
from certify.check.lipschitz.directional_descent import Along
from certify.check.reading.certificate import Claim
from certify.check.reading.subject import Problem
from certify.check.systems.evidence import Evidence, Finding
from certify.check.theorems.modulus.kernel import DIGITS

PARTS = 8
"""Of the way from the weights to the border of the balls, each with bounds of its own."""


def obstacle(problem: Problem) -> str:
    """What of the problem Q5 is not built for, in words; empty where it is."""
    for wrong, words in (
        (problem.map != "sublevel" or problem.level is not None, "another map, or a level above the loss"),
        (problem.set != "total" or problem.weight_norm != "euclidean", "another set or norm than total, euclidean"),
        (problem.graph is not None, "a graph"),
        (problem.scale is not None, "features in units of their own"),
        (problem.parameter == "sample_weights", "sample weights"),
        (problem.parameter == "targets" and problem.loss != "squared", "targets of another loss than the squared one"),
    ):
        if wrong:
            return words
    return ""


def upper(evidence: Evidence, claim: Claim) -> Finding:
    """V49: the loss can be brought down fast enough within the claim's radii, with κ of the claim."""
    assert claim.upper is not None
    mean, steep = slopes(evidence, claim)
    if not mean > 0:
        return Finding(Truth.UNDECIDED, f"the mean slope on the path is at least {_low(mean)}, not proved positive")
    proved = bool(steep <= arb(claim.upper) * mean)
    return Finding(Truth.PROVED if proved else Truth.UNDECIDED, f"{_high(steep / mean)} is what these radii need")


def descent(evidence: Evidence, claim: Claim, least: float) -> Finding:
    """V50: the mean slope for the radii and κ of the claim is at least `least > 0`."""
    mean, _ = slopes(evidence, claim)
    proved = least > 0 and bool(mean >= arb(least))
    return Finding(Truth.PROVED if proved else Truth.UNDECIDED, f"it is at least {_low(mean)}")


def slopes(evidence: Evidence, claim: Claim) -> tuple[arb, arb]:
    """Lower bound of the mean slope along the path of Q5 (0 where its end is not proved positive), and Λ."""
    key = (claim.where, claim.radius_u, claim.radius_w, claim.upper)
    if key not in evidence.descents:
        evidence.descents[key] = _slopes(evidence.problem, claim)
    return evidence.descents[key]


def _slopes(problem: Problem, claim: Claim) -> tuple[arb, arb]:
    assert claim.z is not None and claim.upper is not None  # the form was checked
    assert claim.radius_u is not None and claim.radius_w is not None
    u, w, kappa = arb(claim.radius_u), arb(claim.radius_w), arb(claim.upper)
    way, reach = Along(problem, [float(v) for v in claim.z]), w + 2 * kappa * u
    start = way.sizes(ZERO, ZERO).slope
    bent, mixed = ZERO, ZERO
    for k in range(1, PARTS + 1):
        found = way.sizes((reach * k / PARTS).upper(), (u * k / PARTS).upper())
        bent, mixed = bent + found.weights / PARTS, mixed + found.data / PARTS
    steep = way.sizes(w, u).loss
    end = start - reach * bent - u * mixed
    mean = (start - (w + kappa * u) * bent - u * mixed) / way.length
    return (mean if end > 0 and way.length > 0 else ZERO), steep


def _low(x: arb) -> str:
    return str(x.lower().str(DIGITS, radius=False))


def _high(x: arb) -> str:
    return str(x.upper().str(DIGITS, radius=False))
