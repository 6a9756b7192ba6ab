"""Gates: verdicts and states exactly as the contract states them, at the ends and an ulp beside them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.check import verdicts as verdicts_of
from certify.format.digits import at_least, at_most, enclosure
from certify.format.words import Rigour, Verdict
from certify.problem.bound import Bound
from certify.prove.gates import Outcome, evaluate, exit_of, exit_status, overall
from certify.spec import Gate

numbers = st.floats(allow_nan=False, allow_infinity=False)


def bound(lower=None, upper=None, rigour=Rigour.PROVED, **more):
    return Bound("modulus", "M2", rigour, lower, upper, "per unit", **more)


def limit(key, value, **more):
    return Gate.model_validate({"quantity": "modulus", key: value, **more})


def test_ends_of_the_enclosure_decide_without_tolerance():
    b = bound(2.0, 3.0)
    up, down = math.nextafter(3.0, 9.0), math.nextafter(3.0, 0.0)
    assert evaluate(b, limit("max", 3.0)).verdict == "certified"
    assert evaluate(b, limit("max", up)).gate == "met"
    assert evaluate(b, limit("max", down)).gate == "open"
    assert evaluate(b, limit("max", 2.0)).verdict == "inconclusive"
    assert evaluate(b, limit("max", math.nextafter(2.0, 0.0))).gate == "failed"
    assert evaluate(b, limit("min", 2.0)).gate == "met"
    assert evaluate(b, limit("min", math.nextafter(2.0, 9.0))).gate == "open"
    assert evaluate(b, limit("min", 3.0)).gate == "open"
    assert evaluate(b, limit("min", up)).gate == "failed"


def test_without_a_gate_a_finite_upper_end_certifies():
    assert evaluate(bound(1.0, 2.0), None) == Outcome(Verdict.CERTIFIED)
    assert evaluate(bound(None, 2.0), None).verdict == "certified"
    found = evaluate(bound(1.0, None, reason="dead units"), None)
    assert (found.verdict, found.gate, found.reason) == ("inconclusive", None, "dead units")


def test_infinite_modulus_fails_every_max_and_meets_every_min():
    b = bound(refuted=True, reason="rows 1 and 2 are equal")
    assert evaluate(b, None).verdict == "refuted"
    assert evaluate(b, limit("max", 1e300)).gate == "failed"
    assert evaluate(b, limit("max", 1e300)).reason == "rows 1 and 2 are equal"
    assert evaluate(b, limit("min", 1e300)).verdict == "certified"


@pytest.mark.parametrize("rigour", [Rigour.CONDITIONAL, Rigour.ESTIMATED])
def test_only_proof_certifies_or_refutes(rigour):
    b = bound(1.0, 2.0, rigour)
    met, failed = evaluate(b, limit("max", 3.0, rigour=rigour)), evaluate(b, limit("max", 0.5, rigour=rigour))
    assert (met.verdict, met.gate) == ("inconclusive", "met")
    assert (failed.verdict, failed.gate) == ("inconclusive", "failed")
    for value in (0.5, 3.0):
        strict = evaluate(b, limit("max", value))
        assert (strict.verdict, strict.gate) == ("inconclusive", "open")
        assert "only a proved one" in strict.reason
    assert evaluate(b, None).verdict == "inconclusive"


def test_reason_says_how_far_off_and_what_would_decide():
    reason = evaluate(bound(19.9, 20.3, reason="K is ill-conditioned"), limit("max", 20.0)).reason
    assert "max = 20.0 lies inside the proved enclosure [19.8999, 20.3001]" in reason
    assert "max ≥ 20.3" in reason and "0.301 more" in reason and "max < 19.8" in reason
    assert reason.endswith("K is ill-conditioned")
    assert "min ≤ 19.8" in evaluate(bound(19.9, 20.3), limit("min", 20.0)).reason
    assert "at least 20.1, and max = 20.0" in evaluate(bound(20.1, 20.3), limit("max", 20.0)).reason
    assert "at most 20.3001, and" in evaluate(bound(20.1, 20.3), limit("min", 21.0)).reason
    assert evaluate(bound(reason="rank"), limit("max", 20.0)).reason == "rank"


@given(numbers, numbers, numbers, st.sampled_from(["max", "min"]))
def test_the_suggested_threshold_would_be_met(a, b, value, key):
    lower, upper = min(a, b), max(a, b)
    found = evaluate(bound(lower, upper), limit(key, value))
    if found.gate != "open":
        return
    word = found.reason.split("≥ " if key == "max" else "≤ ")[1].split(" would be met")[0]
    if math.isfinite(float(word)):
        assert evaluate(bound(lower, upper), limit(key, float(word))).gate == "met"


@given(numbers, st.integers(1, 17))
def test_shown_ends_are_rounded_outward(value, digits):
    from fractions import Fraction

    assert Fraction(at_least(value, digits)) <= Fraction(value) <= Fraction(at_most(value, digits))


@given(numbers, numbers, numbers)
def test_shown_enclosure_stands_to_its_threshold_as_the_true_one(a, b, threshold):
    lower, upper = min(a, b), max(a, b)
    low, high = (float(end) for end in enclosure(lower, upper, threshold).strip("[]").split(", "))
    assert low <= lower and high >= upper
    assert (high <= threshold) == (upper <= threshold) and (low > threshold) == (lower > threshold)


verdicts, states = st.sampled_from(list(Verdict)), st.sampled_from(["met", "failed", "open", None])
outcomes = st.builds(Outcome, verdicts, states, st.sampled_from(["fail", "warn"]))


@given(st.lists(outcomes, min_size=1))
def test_overall_is_the_worst_and_warnings_never_count(found):
    verdict, state = overall(found)
    assert verdict == ("refuted" if any(o.verdict == "refuted" for o in found) else
                       "inconclusive" if any(o.verdict == "inconclusive" for o in found) else "certified")
    counting = {o.gate for o in found if o.severity == "fail"}
    assert state == ("failed" if "failed" in counting else "open" if "open" in counting else "met")
    assert exit_status(state) == {"met": 0, "failed": 3, "open": 4}[state]


@given(st.lists(outcomes, min_size=1))
def test_status_without_gates_is_4_where_nothing_is_proved(found):
    """And for the prover and the checker the same, whatever the gates."""
    claims = [{"verdict": str(o.verdict), "gate": o.gate and {"state": o.gate}} for o in found]
    status = exit_of({"gates": overall(found)[1], "claims": claims})
    if all(o.gate is None for o in found):
        assert status == (4 if {o.verdict for o in found} == {"inconclusive"} else 0)
    else:
        assert status == exit_status(overall(found)[1])
    theirs = [verdicts_of.Outcome(None, None if o.gate is None else verdicts_of.Gate("modulus", "max", 1.0, "proved",
                                  o.severity), str(o.verdict), o.gate) for o in found]
    assert verdicts_of.exit_status(theirs) == status


@given(numbers, numbers, numbers, st.sampled_from(["max", "min"]), st.sampled_from(["fail", "warn"]))
def test_far_away_nothing_is_decided(a, b, value, key, severity):
    found = bound(min(a, b), max(a, b))
    gate = Gate(quantity="modulus", severity=severity, **{key: value})
    outcome = evaluate(found, gate, "too far")
    assert (outcome.verdict, outcome.gate, outcome.reason) == ("inconclusive", "open", "too far")
    assert outcome.severity == severity
    assert evaluate(found, None, "too far") == Outcome(Verdict.INCONCLUSIVE, None, "fail", "too far")
