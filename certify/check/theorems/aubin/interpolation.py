"""Explicit radii of the Aubin property of an interpolation map, and the limit of every such claim (Q1; V37 to V39)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from flint import arb, arb_mat

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.enclosure.tangents import at_point
from certify.check.hypotheses import Stated
from certify.check.kernel import DIGITS, Finding, expect, judged
from certify.check.linalg.balls import ZERO
from certify.check.linalg.definite import Truth
from certify.check.reading.certificate import Claim, Number, Pair, number, stated, two_rows
from certify.check.reading.subject import Problem
from certify.check.rule import Rule, Side, always, check_vector, modulus
from certify.check.systems.interpolation import Interpolation, Refutable, check_refutable, hypotheses, kernel_definite
from certify.check.systems.point import Ladder, Point
from certify.check.theorems.aubin.centre import Centre
from certify.check.theorems.aubin.limit import no_further
from certify.check.theorems.aubin.radii import Radii, check_radii
from certify.check.theorems.modulus.kernel import lower as modulus_lower
from certify.format.canonical import show
from certify.format.refusal import Invalid

LARGEST = 2**25
"""Most numbers N³ of the tensor that is formed."""


@dataclass(frozen=True)
class FitRadii(Radii, Refutable):
    """And a radius_u that no κ has, with two rows that prove it; or two equal rows."""

    limit: Number | None = stated(number)
    pair: Pair | None = stated(two_rows)


def check_form(claim: Claim[FitRadii], problem: Problem) -> None:
    """Radii with an upper end and only then, above 0, those of the spec; a limit with its pair of rows; z.

    Raises:
        Invalid: the claim has another form.
    """
    where = f"{claim.where}.witness"
    words = obstacle(problem)
    if words and claim.upper is not None:
        raise Invalid(f"{claim.where}.upper", f"{claim.upper!r} is stated", f"Q1 is not built for {words}")
    check_radii(claim, problem)
    limit, pair = claim.witness.limit, claim.witness.pair
    if (limit is None) != (pair is None) or (limit is not None and claim.upper is None):
        raise Invalid(where, f"limit is {show(limit)}", "limit and pair go together, beside an upper end")
    check_vector(claim, claim.witness.z, bool(claim.lower), problem.interpolation_rows)
    check_refutable(claim, problem)


def check_ends(claim: Claim[FitRadii], ladder: Ladder, side: Side) -> None:
    """Both ends and the limit, each by its rule.

    Raises:
        Invalid: one cannot be re-derived.
    """
    where = claim.where
    if claim.upper is not None:
        expect(f"{where}.upper", claim.upper, partial(upper, claim=claim), ladder, once=True)
    if claim.lower and claim.witness.z is not None:
        expect(f"{where}.lower", claim.lower, partial(modulus_lower, least=claim.lower, z=claim.witness.z), ladder)
    if claim.witness.pair is not None and claim.witness.limit is not None:
        rule = partial(no_further, most=claim.witness.limit, pair=claim.witness.pair)
        expect(f"{where}.witness.limit", claim.witness.limit, rule, ladder)


def obstacle(problem: Problem) -> str:
    """What of the problem Q1 is not built for, in words; empty where it is."""
    phi = ACTIVATIONS.get(problem.activation)
    smooth = len(problem.layers) == 1 or (phi is not None and (
        phi.third is not None or (phi.kinked and len(problem.layers) == 2)))
    for wrong, words in (
        (not problem.solutions.by_row or problem.nearby, "another map or base"),
        (not problem.budget.joint or not problem.lengths.plain, "another set or norm than total, euclidean"),
        (problem.graph is not None or len(problem.free) < len(problem.layers), "a graph, or single layers"),
        (problem.scale is not None, "features in units of their own"),
        (len(problem.kept) < len(problem.features), "merged rows"),
        (not smooth, f"{problem.activation} in {len(problem.layers) - 1} hidden layers"),
    ):
        if wrong:
            return words
    return ""


def upper(point: Point, claim: Claim[FitRadii]) -> Finding:
    """V37: with X of this checker, `mean < 1` and `α ≤ κ(1 − mean)` for the claim's radii and κ."""
    definite = kernel_definite(point)
    if definite.truth is not Truth.PROVED:
        return Finding(Truth.UNDECIDED, definite.found)
    if (len(point.problem.kept) * point.problem.outputs) ** 3 > LARGEST:
        return Finding(Truth.UNDECIDED, "there are more equations than this checker forms tensors for")
    u, w, kappa = _radii(claim)
    mean, alpha = _mean(point, claim), point.of(centre).alpha(u, w)
    if not mean < 1:
        return Finding(Truth.UNDECIDED, f"the mean of ‖I − XJQᵀ‖ is at most {_shown(mean)}, not proved below 1")
    proved = bool(alpha <= kappa * (1 - mean))
    return judged(proved, False,
                  f"{_shown(alpha / (1 - mean))} is what these radii need")


def contraction(point: Point, claim: Claim[FitRadii], most: float) -> Finding:
    """V39: the mean for the radii and κ of the claim is at most `most`, which is less than 1."""
    mean = _mean(point, claim)
    return Finding(Truth.PROVED if most < 1 and mean <= arb(most) else Truth.UNDECIDED, f"it is at most {_shown(mean)}")


def _mean(point: Point, claim: Claim[FitRadii]) -> arb:
    """The mean, computed once for one claim's numbers."""
    key = ("aubin mean", claim.witness.radius_u, claim.witness.radius_w, claim.upper)
    return point.once(key, lambda: point.of(centre).mean(*_radii(claim)))


def centre(point: Point) -> Centre:
    """What Q1 needs at the data, for R of K, which must have been proved positive definite."""
    at, problem, k = point.of(Interpolation), point.problem, point.problem.block
    R, N = at.definite.R, at.kernel.nrows()
    assert R is not None
    rows = [[ZERO] * N for _ in range(N)]
    for i, block in at.moved.items():
        for a in range(k):
            rows[i * k + a][i * k:i * k + k] = block[a]
    passes = at_point(problem, point.parameters, point.forward, point.backward)
    return Centre(problem, passes, R, at.definite.defect, arb_mat(rows))


def _radii(claim: Claim[FitRadii]) -> tuple[arb, arb, arb]:
    u, w, kappa = claim.witness.radius_u, claim.witness.radius_w, claim.upper
    assert u is not None and w is not None and kappa is not None  # the form was checked
    return arb(u), arb(w), arb(kappa)


def _shown(x: arb) -> str:
    return str(x.upper().str(DIGITS, radius=False))


def _check_contraction(stated: Stated) -> None:
    """V39: a number below 1."""
    if isinstance(stated.value, str) or stated.value is None or stated.claim.upper is None or not stated.holds:
        raise Invalid(stated.where, stated.words, "a number below 1 goes with an upper end")
    rule = partial(contraction, claim=stated.claim, most=stated.value)
    expect(stated.where, stated.value, rule, stated.ladder, once=True)


RULE = Rule(always("Q1"), modulus, check_form, check_ends,
            lambda claim, problem: {**hypotheses(claim, problem), "contraction": _check_contraction}, FitRadii)
