"""Thresholds of whoever verifies, held against the ends that were signed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from certify.attestation.summary import COMPARATORS, STATES, Claim, Summary, Threshold, follows, overall
from certify.format.canonical import show
from certify.format.errors import InputError
from certify.format.labels import COUNTED, TOLERATED
from certify.format.quantities import QUANTITIES
from certify.format.refusal import Invalid
from certify.format.words import Severity


@dataclass(frozen=True)
class Demand:
    """A threshold that the verifier demands: `quantity <= value` (side `max`) or `quantity >= value` (`min`)."""

    side: str
    quantity: str
    value: float

    def __str__(self) -> str:
        """As a policy writes it.

        >>> str(Demand("max", "modulus", 1.0))
        'max modulus=1.0'
        """
        return f"{self.side} {self.quantity}={self.value!r}"


def judge(found: Summary, demands: Sequence[Demand]) -> Summary:
    """The summary under other thresholds, which replace all that were signed on the same quantity.

    The rule is that of `certify check --max`: of a quantity whose claims have one end, as signs of functionals, the
    claim of the demanded side answers. Ends are not touched, nor what keeps anything from being decided (`far`).

    Raises:
        InputError: nothing was signed about a quantity.
    """
    kept = [claim for claim in found.claims if not any(_answers(claim, demand) for demand in demands)]
    for demand in demands:
        claim = next((one for one in found.claims if _answers(one, demand)), None)
        if claim is None:
            raise InputError(f"--{demand.side} {demand.quantity}={demand.value!r}",
                             f"no claim on {demand.quantity} was signed", "leave it out")
        threshold = Threshold.model_validate({"comparator": COMPARATORS[demand.side], "value": demand.value,
                                              "severity": Severity.FAIL})
        verdict = follows(claim, threshold, found.solution.far)
        kept.append(claim.model_copy(update={"threshold": threshold, "verdict": verdict, "state": STATES[verdict]}))
    verdict, gates = overall(kept)
    return found.model_copy(update={"claims": kept, "verdict": verdict, "gates": gates})


def require_promise(demand: Demand, found: Summary) -> None:
    """Refuse a threshold on a count that every count meets, or none: the rule of `certify check`.

    Raises:
        Invalid: it is such.
    """
    if demand.quantity not in COUNTED:
        return
    name = "count" if demand.quantity == TOLERATED else "evaluation_rows"
    most = found.problem.get(name) or 0
    if isinstance(most, int) and (demand.value > most if demand.side == "min" else demand.value >= most):
        raise Invalid(f"--{demand.side}", f"{demand} is asked",
                      f"{name} is {show(most)}, so {'no' if demand.side == 'min' else 'every'} outcome meets it")


def _answers(claim: Claim, demand: Demand) -> bool:
    if claim.quantity != demand.quantity:
        return False
    row = QUANTITIES.get(claim.quantity)
    one_end = row is not None and row.signed
    return not one_end or (claim.threshold is not None and claim.threshold.comparator == COMPARATORS[demand.side])
