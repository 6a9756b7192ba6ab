"""Claims about first-order changes of predictions: their form, and their ends (P1; V8 and V51)."""

from __future__ import annotations

from functools import partial

from certify.check.hypotheses import expect
from certify.check.reading.canonical import show
from certify.check.reading.certificate import Claim
from certify.check.reading.head_spec import FIRST_ORDER
from certify.check.reading.refusal import Invalid
from certify.check.reading.subject import Problem
from certify.check.systems.evidence import Ladder
from certify.check.theorems.modulus import critical as stationary_rules
from certify.check.theorems.predictions import rules as prediction_rules

UNIT = "output change to first order"


def about(claim: Claim) -> bool:
    """Whether a claim is about first-order changes of predictions."""
    return claim.quantity == FIRST_ORDER


def check_form(claim: Claim, problem: Problem) -> None:
    """V8 for these claims: both ends at every evaluation row, the largest of which are the claim's; or none at all.

    Raises:
        Invalid: the claim has another form.
    """
    where, ends = claim.where, (claim.lower, claim.upper)
    if len(problem.kept) < len(problem.features):
        raise Invalid(where, "it is stated", "rows are merged")
    if ends == (None, None) and not claim.rows:
        return
    needed = tuple(range(len(problem.evaluation)))
    if claim.rows != needed:
        raise Invalid(f"{where}.rows", show(list(claim.rows)), f"the evaluation rows are 0 to {len(needed) - 1}")
    low = [v for v in claim.row_lower if v is not None]
    high = [v for v in claim.row_upper if v is not None]
    if len(low) + len(high) < 2 * len(needed):
        raise Invalid(f"{where}.row_lower, .row_upper", "an end is null", "both ends of every row are needed")
    most = (max(low), max(high))
    if ends != most:
        raise Invalid(f"{where}.lower, .upper", show(ends), f"the largest ends of the rows are {show(most)}")


def theorem(claim: Claim, ladder: Ladder) -> str:
    """P1; where nothing was proved also the case of M5 that stands in the way.

    With a tilt in weight space the Hessian has to be nonsingular, without symmetries (M5c).

    Raises:
        Invalid: it is not proved so.
    """
    if claim.upper is None:
        return claim.theorem if claim.theorem in ("M5", "M5a", "M5d") else "P1"
    if ladder.tilt == "weights":
        for rule in (partial(stationary_rules.theorem, name="M5c"), stationary_rules.nonsingular):
            expect(f"{claim.where}.theorem", 0, rule, ladder)
    return "P1"


def check_ends(claim: Claim, ladder: Ladder) -> None:
    """V51: both ends of every evaluation row.

    Raises:
        Invalid: one cannot be re-derived.
    """
    for row, low, high in zip(claim.rows, claim.row_lower, claim.row_upper, strict=True):
        assert low is not None and high is not None  # the form was checked
        most = partial(prediction_rules.upper, at=row, most=float(high))
        expect(f"{claim.where}.row_upper of row {row}", high, most, ladder)
        if low:
            least = partial(prediction_rules.lower, at=row, least=float(low))
            expect(f"{claim.where}.row_lower of row {row}", low, least, ladder)
