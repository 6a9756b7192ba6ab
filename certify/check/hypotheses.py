"""The hypotheses a claim lists: each is one that this checker knows and can re-derive (V15, V20)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.linalg.definite import Truth
from certify.check.reading.canonical import same, show
from certify.check.reading.certificate import Base, Claim, Hypothesis, Number
from certify.check.reading.refusal import Invalid
from certify.check.systems.evidence import Evidence, Finding, Ladder, decide
from certify.check.theorems.aubin import rules as aubin_rules
from certify.check.theorems.aubin import sublevel_rules as sublevel_aubin_rules
from certify.check.theorems.head import stated as convex_rules
from certify.check.theorems.modulus import critical as stationary_rules
from certify.check.theorems.modulus import kernel as rules
from certify.check.theorems.modulus import sublevel as descent_rules
from certify.check.theorems.predictions import rules as prediction_rules

KNOWN = {"interpolation": ("counting", "solution", "smooth", "rank"),
         "M5a": ("counting", "solution", "smooth", "rank", "tilt"),
         "Q6": ("convex", "solution", *convex_rules.STATED),
         "critical": ("solution", "smooth", "rank", "symmetry", "tilt"),
         "sublevel": ("loss", "interior", "smooth", "gradient")}
RULES = {"smooth": rules.smooth, "rank": rules.rank, "interior": descent_rules.interior,
         "gradient": descent_rules.gradient}
PREDICTIONS = ("evaluation", "agreement", "freedom")
STATIONARY = {"smooth": stationary_rules.smooth, "rank": stationary_rules.rank}


def check_hypothesis(hypothesis: Hypothesis, claim: Claim, ladder: Ladder, base: Base | None) -> None:
    """A hypothesis this checker knows, with the value and the truth it can re-derive.

    Args:
        hypothesis: the hypothesis.
        claim: the claim that lists it.
        ladder: the evidence.
        base: where the solution is, as stated and proved (None: none is).

    Raises:
        Invalid: it is unknown, false, or cannot be re-derived.
    """
    where, value, problem = f"{claim.where}.hypotheses, {show(hypothesis.name)}", hypothesis.value, ladder.problem
    known = KNOWN[claim.theorem if claim.theorem in ("M5a", "Q6") else problem.map]
    known = (*known, "contraction") if claim.theorem == "Q1" else known
    known = (*known, "descent") if claim.theorem == "Q5" else known
    known = ("counting", "layer_rank") if claim.theorem == "S14" else known
    known = (*known, *PREDICTIONS) if claim.theorem == "P1" else known
    if hypothesis.name not in known:
        raise Invalid(where, "it is stated", f"this checker can re-derive {', '.join(known)}")
    if hypothesis.name == "counting":
        spare = problem.parameters - len(problem.kept) * problem.block
        if not same(value, spare) or hypothesis.holds != (spare >= 0):
            raise Invalid(where, f"{show(value)}, {show(hypothesis.holds)}", f"p − nk is {spare}")
        return
    if hypothesis.name == "convex":
        if not same(value, problem.weight_decay) or not hypothesis.holds:
            raise Invalid(where, f"{show(value)}, {show(hypothesis.holds)}",
                          f"the weight decay is {show(problem.weight_decay)}")
        return
    if hypothesis.name in ("solution", "tilt"):
        nearby = hypothesis.name == "solution"
        proved = None if base is None else base.distance if nearby else base.shift_norm
        if nearby != (problem.base == "nearby") or proved is None or not same(value, proved) or not hypothesis.holds:
            raise Invalid(where, f"{show(value)}, {show(hypothesis.holds)}", f"the number in base is {show(proved)}")
        return
    if hypothesis.name in convex_rules.STATED:
        if isinstance(value, str) or value is None or value < 0 or not hypothesis.holds:
            raise Invalid(where, f"{show(value)}, {show(hypothesis.holds)}", "a number from 0 on is needed, and true")
        rule, number = convex_rules.STATED[hypothesis.name], float(value)
        expect(where, value, lambda evidence: rule(evidence, number), ladder, once=True)
        return
    if hypothesis.name == "contraction":
        if isinstance(value, str) or value is None or claim.upper is None or not hypothesis.holds:
            raise Invalid(where, f"{show(value)}, {show(hypothesis.holds)}", "a number below 1 goes with an upper end")
        expect(where, value, partial(aubin_rules.contraction, claim=claim, most=value), ladder, once=True)
        return
    if hypothesis.name == "descent":
        if isinstance(value, str) or value is None or claim.upper is None or not hypothesis.holds:
            raise Invalid(where, f"{show(value)}, {show(hypothesis.holds)}", "a number above 0 goes with an upper end")
        expect(where, value, partial(sublevel_aubin_rules.descent, claim=claim, least=value), ladder, once=True)
        return
    if hypothesis.name == "layer_rank":
        if value is not None or not hypothesis.holds:
            raise Invalid(where, f"{show(value)}, {show(hypothesis.holds)}", "null and true are what can be stated")
        expect(where, 0, _layer_rank, ladder)
        return
    if isinstance(value, str) or (value is not None and value < 0):
        raise Invalid(where, f"its value is {show(value)}", "a number from 0 on, or null, is needed")
    if not hypothesis.holds:
        numbers = claim.lower is not None or claim.upper is not None or bool(claim.rows)
        if numbers or value or hypothesis.name in ("loss", "interior"):
            raise Invalid(where, "it is stated not to hold", "the claim has numbers that rest on it")
        return
    if hypothesis.name in PREDICTIONS:
        _derive_prediction(where, hypothesis.name, value, ladder)
    elif problem.map == "critical" and claim.theorem != "M5a":
        _derive_stationary(where, hypothesis.name, value, ladder)
    else:
        _derive(where, hypothesis.name, value, ladder)


def _layer_rank(evidence: Evidence) -> Finding:
    """V48: both matrices of a layer's inputs have full row rank."""
    _ = evidence.layer_window  # raises Unproved
    return Finding(Truth.PROVED, "both Gram matrices are nonsingular")


def _derive_prediction(where: str, name: str, value: Number | None, ladder: Ladder) -> None:
    """V52."""
    if (value is None) != (name == "evaluation"):
        raise Invalid(where, f"its value is {show(value)}", "null with evaluation, else a number of rows")
    if value is None:
        expect(where, 0, prediction_rules.evaluation, ladder)
        return
    counted = prediction_rules.agreement if name == "agreement" else prediction_rules.freedom
    expect(where, value, partial(counted, count=value), ladder)


def _derive_stationary(where: str, name: str, value: Number | None, ladder: Ladder) -> None:
    if name == "symmetry":
        if value is None:
            raise Invalid(where, "its value is null", "the number of independent fields is needed")
        expect(where, value, partial(stationary_rules.symmetry, count=value), ladder)
        return
    broken = ACTIVATIONS[ladder.problem.activation].broken and len(ladder.problem.layers) > 1
    if name == "smooth" and (value is not None) != broken:
        raise Invalid(where, f"its value is {show(value)}", "a number is for relu, leaky relu and elu, null for others")
    expect(where, value or 0, partial(STATIONARY[name], least=value or 0), ladder)


def _derive(where: str, name: str, value: Number | None, ladder: Ladder) -> None:
    problem = ladder.problem
    if name == "smooth":
        if (value is not None) != problem.kinked:
            raise Invalid(where, f"its value is {show(value)}", "a number is for networks with kinks, null for others")
    if name == "interior" and problem.level is None:
        raise Invalid(where, "it is stated", "the level is the loss at the weights")
    if name == "loss":
        if value is None:
            raise Invalid(where, "its value is null", "a number is needed")
        expect(where, value, partial(descent_rules.loss, most=value), ladder)
        return
    expect(where, value or 0, partial(RULES[name], least=value or 0), ladder)


def expect(
    where: str, stated: Number, rule: Callable[[Evidence], Finding], ladder: Ladder, once: bool = False,
) -> None:
    """Apply a rule; anything but a proof is a refusal that quotes both sides.

    Args:
        where: the member of the certificate.
        stated: its value.
        rule: what has to be proved.
        ladder: the evidence.
        once: whether more precision is of no use.
    """
    finding = decide(rule, ladder, once)
    if finding.truth is not Truth.PROVED:
        unsure = finding.truth is Truth.UNDECIDED and "not proved" not in finding.found
        raise Invalid(where, f"{stated!r} is stated",
                      finding.found + "; that it is so was neither proved nor disproved" * unsure)
