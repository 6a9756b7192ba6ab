"""Gates: from a bound and a threshold to a verdict, a state, and an exit status. No tolerance anywhere."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from certify.format.digits import at_least, at_most, enclosure
from certify.format.quantities import QUANTITIES
from certify.format.words import Rigour, Verdict
from certify.problem.bound import Bound

if TYPE_CHECKING:
    from certify.spec.models import Gate

State = Literal["met", "failed", "open"]

EXIT: Final[dict[str, int]] = {"met": 0, "failed": 3, "open": 4}

BY_WEIGHT: Final[tuple[State, ...]] = ("failed", "open", "met")
"""The states of gates; of several the first one counts."""

WORST: Final = (2, 3, 4, 0)
"""Exit statuses; of several the first one counts, and another one before all of them."""

UNSOLVED: Final = 5
"""Exit status of an estimate whose linear system was not solved, whatever its gates say: its numbers mean nothing."""


@dataclass(frozen=True)
class Outcome:
    """What became of one claim.

    Attributes:
        verdict: of the claim; only a proved bound certifies or refutes.
        gate: state of the gate, None where there is none.
        severity: of the gate; a gate of severity `warn` never changes the exit status.
        reason: for what is not certified: how far off, what blocked it, what would decide it.
    """

    verdict: Verdict
    gate: State | None = None
    severity: Literal["fail", "warn"] = "fail"
    reason: str = ""


def evaluate(bound: Bound, gate: Gate | None, far: str = "") -> Outcome:
    """Hold a bound against a gate, or against finiteness where there is no gate.

    With ``max``: certified iff `upper ≤ max`, refuted iff `lower > max`; with ``min`` mirrored; without a gate
    certified iff there is a finite upper end, refuted iff the modulus is proved infinite. Both ask for a proved
    bound. The gate itself asks only for the rigour it names.

    Args:
        bound: the two-sided bound.
        gate: the gate of the spec, or None.
        far: why nothing is decided whatever the ends are (:func:`certify.problem.nearness.too_far`); empty where they
            count.

    >>> from certify.spec import Gate
    >>> b = Bound("modulus", "M2", Rigour.PROVED, 1.9, 2.1, "per unit")
    >>> [str(evaluate(b, Gate(quantity="modulus", max=m)).verdict) for m in (2.1, 2.0, 1.8)]
    ['certified', 'inconclusive', 'refuted']
    >>> str(evaluate(b, Gate(quantity="modulus", max=2.1), "another solution").gate)
    'open'
    """
    if far:
        if gate is None:
            return Outcome(Verdict.INCONCLUSIVE, reason=far)
        return Outcome(Verdict.INCONCLUSIVE, "open", gate.severity, far)
    low = math.inf if bound.refuted else -math.inf if bound.lower is None else bound.lower
    high = math.inf if bound.upper is None else bound.upper
    if gate is None:
        holds, fails = high < math.inf, low == math.inf
    elif gate.max is not None:
        holds, fails = high <= gate.max, low > gate.max
    elif gate.min is not None:
        holds, fails = low >= gate.min, high < gate.min
    else:
        raise ValueError("a gate without max and min")
    proved = bound.rigour is Rigour.PROVED
    verdict = Verdict.INCONCLUSIVE
    if proved and holds:
        verdict = Verdict.CERTIFIED
    elif proved and fails:
        verdict = Verdict.REFUTED
    counts = gate is None or bound.rigour.at_least(gate.rigour)
    if bound.rigour is Rigour.ESTIMATED:
        reason = _reason_of_estimate(bound, gate, counts, fails)
    else:
        reason = "" if verdict is Verdict.CERTIFIED else _reason(bound, gate, fails)
    if gate is None:
        return Outcome(verdict, reason=reason)
    state: State = "met" if counts and holds else "failed" if counts and fails else "open"
    return Outcome(verdict, state, gate.severity, reason)


def overall(outcomes: Iterable[Outcome]) -> tuple[Verdict, State]:
    """The verdict over all claims and the state of all gates of severity `fail`.

    Refuted if any claim is, else inconclusive if any is, else certified; failed if any gate is, else open if
    any is, else met.
    """
    outcomes = tuple(outcomes)
    verdicts = {outcome.verdict for outcome in outcomes}
    states = {outcome.gate for outcome in outcomes if outcome.severity == "fail"}
    verdict = next((v for v in (Verdict.REFUTED, Verdict.INCONCLUSIVE) if v in verdicts), Verdict.CERTIFIED)
    state: State = "failed" if "failed" in states else "open" if "open" in states else "met"
    return verdict, state


def exit_status(gates: str, verdicts: Iterable[str] | None = None) -> int:
    """Exit status for the state of the gates or, without gates, for what was proved.

    Args:
        gates: the state of all gates of severity `fail`.
        verdicts: the verdicts of all claims where there is no gate at all; None where there is one.

    >>> [exit_status(state) for state in ("met", "failed", "open")]
    [0, 3, 4]
    >>> exit_status("met", ["certified", "inconclusive"]), exit_status("met", ["inconclusive"])
    (0, 4)
    """
    if verdicts is not None and set(verdicts) <= {Verdict.INCONCLUSIVE}:
        return EXIT["open"]
    return EXIT[gates]


def exit_of(certificate: Mapping[str, Any]) -> int:
    """Exit status of a run for its certificate: 3, 4 or 0 by the gates; without gates 4 if nothing was proved.

    Args:
        certificate: the certificate.
    """
    claims = certificate["claims"]
    gated = any(claim["gate"] for claim in claims)
    own = exit_status(certificate["gates"], None if gated else [claim["verdict"] for claim in claims])
    return worst(own, EXIT[over_time_state(certificate) or "met"])


def worst(*statuses: int) -> int:
    """The status that counts of several: invalid input, then a gate that failed, then one that is open.

    >>> worst(0, 4, 3), worst(), worst(3, 2)
    (3, 0, 2)
    """
    return next((status for status in WORST if status in statuses), max(statuses, default=0))


def over_time_state(certificate: Mapping[str, Any]) -> State | None:
    """The state of all gates over time of severity `fail`; None where there is none.

    >>> over_time_state({"over_time": {"gates": [{"severity": "fail", "state": "open"}]}}), over_time_state({})
    ('open', None)
    """
    member = certificate.get("over_time") or {"gates": ()}
    states = {gate["state"] for gate in member["gates"] if gate["severity"] == "fail"}
    return next((state for state in BY_WEIGHT if state in states), None)


def gates_of(certificate: Mapping[str, Any]) -> State:
    """The state of all gates of severity `fail`, those over time included.

    >>> gates_of({"gates": "met", "over_time": {"gates": [{"severity": "fail", "state": "failed"}]}})
    'failed'
    """
    states = {certificate["gates"], over_time_state(certificate)}
    return next(state for state in BY_WEIGHT if state in states)


def _reason(bound: Bound, gate: Gate | None, fails: bool) -> str:
    """Why a claim is not certified, how far off it is and what would decide it."""
    if bound.refuted:
        return bound.reason or "the solution map is proved not Lipschitz-like, so its modulus is infinite"
    if gate is None:
        return bound.reason
    key, value = ("max", gate.max) if gate.max is not None else ("min", gate.min)
    assert value is not None
    if bound.rigour is not Rigour.PROVED:
        return _joined(f"the bound is {bound.rigour}, and only a proved one certifies or refutes", bound.reason)
    if fails:
        end = f"at least {at_least(_end(bound.lower))}" if key == "max" else f"at most {at_most(_end(bound.upper))}"
        return f"{bound.quantity} is proved to be {end}, and {key} = {value!r}"
    if bound.lower is None and bound.upper is None:
        return bound.reason or "no end is proved"
    inside = f"{key} = {value!r} lies inside the proved enclosure {enclosure(bound.lower, bound.upper, value)}"
    return _joined(inside, _deciding(bound, key, value), bound.reason)


def _reason_of_estimate(bound: Bound, gate: Gate | None, counts: bool, fails: bool) -> str:
    """Why an estimate decides nothing, or what it says about its gate."""
    if bound.lower is None or bound.upper is None:
        return bound.reason or "there is no finite estimate"
    if gate is None:
        return "an estimate, which proves nothing"
    key, value = ("max", gate.max) if gate.max is not None else ("min", gate.min)
    if not counts:
        least = "proved one" if gate.rigour is Rigour.PROVED else "proved or conditional one"
        return (f'this is an estimate, and only a {least} counts for a gate with rigour = "{gate.rigour}"; where an '
                'estimate is enough, give the gate rigour = "estimated"')
    if fails:
        return f"it is estimated to be {bound.upper:.6g}, and {key} = {value!r}"
    return "met by an estimate, which proves nothing"


def _deciding(bound: Bound, key: str, value: float) -> str:
    """The smallest change of the threshold that would decide the gate."""
    changes = []
    if key == "max":
        if bound.upper is not None:
            off = at_most(bound.upper - value, 3)
            changes.append(f"max ≥ {at_most(bound.upper, 9)} would be met ({off} more)")
        if bound.lower:  # a maximum below 0 asks for nothing
            changes.append(f"max < {at_least(bound.lower, 9)} would be refuted")
    else:
        if bound.lower:  # a minimum of 0 is met by every outcome
            off = at_most(value - bound.lower, 3)
            changes.append(f"min ≤ {at_least(bound.lower, 9)} would be met ({off} less)")
        row = QUANTITIES.get(bound.quantity)
        if bound.upper is not None and not (row and row.counts):  # beyond all there is to count a minimum is invalid
            changes.append(f"min > {at_most(bound.upper, 9)} would be refuted")
    return ", ".join(changes)


def _end(value: float | None) -> float:
    assert value is not None  # a gate can only fail against a proved end
    return value


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)
