"""Rules for explicit radii of the Aubin property (V37 to V39)."""

from __future__ import annotations

from flint import arb

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.linalg.balls import squares
from certify.check.linalg.definite import Truth
from certify.check.reading.certificate import Claim
from certify.check.reading.subject import Problem
from certify.check.systems.evidence import Evidence, Finding
from certify.check.theorems.modulus.kernel import DIGITS, kernel_definite

LARGEST = 2**25
"""Most numbers N³ of the tensor that is formed."""


def obstacle(problem: Problem) -> str:
    """What of the problem Q1 is not built for, in words; empty where it is."""
    phi = ACTIVATIONS.get(problem.activation)
    smooth = len(problem.layers) == 1 or (phi is not None and (
        phi.third is not None or (phi.kinked and len(problem.layers) == 2)))
    for wrong, words in (
        ((problem.map, problem.base) != ("interpolation", "given"), "another map or base"),
        (problem.set != "total" or problem.weight_norm != "euclidean", "another set or norm than total, euclidean"),
        (problem.graph is not None or len(problem.free) < len(problem.layers), "a graph, or single layers"),
        (problem.scale is not None, "features in units of their own"),
        (len(problem.kept) < len(problem.features), "merged rows"),
        (not smooth, f"{problem.activation} in {len(problem.layers) - 1} hidden layers"),
    ):
        if wrong:
            return words
    return ""


def upper(evidence: Evidence, claim: Claim) -> Finding:
    """V37: with X of this checker, `mean < 1` and `α ≤ κ(1 − mean)` for the claim's radii and κ."""
    definite = kernel_definite(evidence)
    if definite.truth is not Truth.PROVED:
        return Finding(Truth.UNDECIDED, definite.found)
    if (len(evidence.problem.kept) * evidence.problem.outputs) ** 3 > LARGEST:
        return Finding(Truth.UNDECIDED, "there are more equations than this checker forms tensors for")
    u, w, kappa = _radii(claim)
    mean, alpha = _mean(evidence, claim), evidence.aubin_centre.alpha(u, w)
    if not mean < 1:
        return Finding(Truth.UNDECIDED, f"the mean of ‖I − XJQᵀ‖ is at most {_shown(mean)}, not proved below 1")
    proved = bool(alpha <= kappa * (1 - mean))
    return Finding(Truth.PROVED if proved else Truth.UNDECIDED,
                   f"{_shown(alpha / (1 - mean))} is what these radii need")


def contraction(evidence: Evidence, claim: Claim, most: float) -> Finding:
    """V39: the mean for the radii and κ of the claim is at most `most`, which is less than 1."""
    mean = _mean(evidence, claim)
    return Finding(Truth.PROVED if most < 1 and mean <= arb(most) else Truth.UNDECIDED, f"it is at most {_shown(mean)}")


def no_further(evidence: Evidence, most: float, pair: tuple[int, int]) -> Finding:
    """V38: two rows with different outputs can be moved onto one another within a budget of `most`."""
    problem, (i, j) = evidence.problem, pair
    free = sum(row in problem.moving for row in pair)
    plain = problem.scale is None and problem.norm == 2 and len(problem.kept) == len(problem.features)
    if i == j or max(pair) >= len(problem.features) or not free or problem.parameter != "features" or not plain:
        return Finding(Truth.UNDECIDED, "two rows are needed, one of which may move, in the data's own unit")
    if problem.set != "total":  # each row has the whole budget
        free = min(free, problem.count or 2) ** 2
    outputs = evidence.forward.outputs.tolist()
    if not any(a != b for a, b in zip(outputs[i], outputs[j], strict=True)):
        return Finding(Truth.UNDECIDED, "their outputs are not proved different")
    apart = squares(arb(x) - arb(y) for x, y in zip(problem.features[i], problem.features[j], strict=True))
    needed = (apart / free).sqrt()
    return Finding(Truth.PROVED if needed <= arb(most) else Truth.UNDECIDED,
                   f"{_shown(needed)} is what it takes to move them onto one another")


def _mean(evidence: Evidence, claim: Claim) -> arb:
    """The mean, computed once for one claim's numbers."""
    key = (claim.radius_u, claim.radius_w, claim.upper)
    if key not in evidence.means:
        evidence.means[key] = evidence.aubin_centre.mean(*_radii(claim))
    return evidence.means[key]


def _radii(claim: Claim) -> tuple[arb, arb, arb]:
    assert claim.radius_u is not None and claim.radius_w is not None and claim.upper is not None  # the form was checked
    return arb(claim.radius_u), arb(claim.radius_w), arb(claim.upper)


def _shown(x: arb) -> str:
    return str(x.upper().str(DIGITS, radius=False))
