"""Check one claim: every number of it is re-derived, then its verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from certify.check.hypotheses import check_hypothesis, expect
from certify.check.linalg.definite import Truth
from certify.check.reading import label_rules
from certify.check.reading.arrays import Array
from certify.check.reading.canonical import Json, same, show
from certify.check.reading.certificate import Base, Claim
from certify.check.reading.refusal import Invalid
from certify.check.reading.spec import Gate, Spec
from certify.check.reading.subject import Problem, cut_down
from certify.check.systems.evidence import Evidence, Finding, Ladder, decide
from certify.check.theorems.aubin import interpolation as aubin
from certify.check.theorems.aubin import sublevel as sublevel_aubin
from certify.check.theorems.distance import compensation
from certify.check.theorems.distance import critical_given_change as critical_finite
from certify.check.theorems.distance import given_change as finite
from certify.check.theorems.excess import claims as window_rules
from certify.check.theorems.head import claims as convex_claims
from certify.check.theorems.modulus import critical as stationary_rules
from certify.check.theorems.modulus import kernel as rules
from certify.check.theorems.modulus import one_row as alone
from certify.check.theorems.modulus import set_quantities as set_claims
from certify.check.theorems.modulus import sublevel as descent_rules
from certify.check.theorems.predictions import claims as prediction_claims
from certify.check.theorems.predictions import labels
from certify.check.verdicts import Outcome, evaluate

THEOREMS = {"total": "M2", "per_sample": "N1", "sparse": "N2", "given": "N3"}
MOVED = {"features": "feature change", "targets": "target change", "sample_weights": "change of the sample weights"}
DISTANCES = {"euclidean": "weight distance", "relative": "weight distance relative to each layer",
             "function": "weight distance as the reference rows see it"}
BUDGETS = {"features": "feature distance", "targets": "target distance",
           "sample_weights": "change of the sample weights"}


def check_claims(
    claims: tuple[Claim, ...], spec: Spec, ladder: Ladder, base: Base | None, side: Mapping[str, Array],
    far: bool = False,
) -> list[Outcome]:
    """Check that the claims answer the gates of the spec one by one, and every claim.

    Args:
        claims: the claims.
        spec: the spec.
        ladder: the evidence, at the weights of the solution.
        base: where the solution is, as stated and proved; None if none is, and then no claim has a number.
        side: the arrays of the side file.
        far: whether the certificate has to state that nothing is decided, because the solution is far (V62).

    Returns:
        The outcomes under the spec's own gates.

    Raises:
        Invalid: at the first claim that does not check.
    """
    plain = ["modulus", "sample_modulus"] if spec.parameter == "features" and spec.norm == 2 else ["modulus"]
    plain = ["first_order_distance"] if spec.set in ("sparse", "given") else plain
    plain = [*plain, "aubin"] if spec.aubin else plain
    plain = plain if spec.window is None else [*plain, *window_rules.QUANTITIES]
    wanted = [gate.quantity for gate in spec.gates] or plain
    found = [claim.quantity for claim in claims]
    if found != wanted:
        raise Invalid("claims", f"they are about {show(found)}", f"the spec asks for {show(wanted)}")
    gates: tuple[Gate | None, ...] = spec.gates or (None,) * len(claims)
    outcomes = []
    for claim, gate in zip(claims, gates, strict=True):
        if base is None and (claim.lower, claim.upper, claim.rows, claim.equal_rows) != (None, None, (), None):
            raise Invalid(claim.where, "it has numbers", "no solution is stated that they could be about")
        _check_claim(claim, ladder, base, side)
        outcomes.append(_check_outcome(claim, evaluate(claim, gate, far)))
        ladder.tell(f"{claim.where}: every number is re-derived")
    return outcomes


def _check_claim(claim: Claim, ladder: Ladder, base: Base | None, side: Mapping[str, Array]) -> None:
    """Form, both ends and hypotheses of a claim."""
    where, problem = claim.where, ladder.problem
    for name, stated, needed in (
        ("theorem", claim.theorem, (_theorem(claim, ladder),)), ("rigour", claim.rigour, ("proved",)),
        ("unit", claim.unit, _units(claim, problem)),
    ):
        if stated not in needed:
            raise Invalid(f"{where}.{name}", f"{show(stated)} is stated",
                          f"{show(needed[0])} is what can be re-derived")
    _check_form(claim, problem)
    if claim.equal_rows is not None:
        _check_equal_rows(claim, ladder)
    if convex_claims.about(claim, problem):
        convex_claims.check_ends(claim, ladder, side)
    elif prediction_claims.about(claim):
        prediction_claims.check_ends(claim, ladder)
    elif labels.about(claim, problem):
        labels.check_ends(claim, ladder, side)
    elif claim.quantity == "sample_modulus":
        _check_rows(claim, ladder, side)
    elif claim.quantity == "aubin":
        (sublevel_aubin if problem.map == "sublevel" else aubin).check_ends(claim, ladder)
    elif claim.quantity in window_rules.QUANTITIES:
        window_rules.check_ends(claim, ladder)
    elif claim.quantity == "distance":
        at_one = critical_finite if problem.map == "critical" else finite
        (at_one if problem.set == "given" else compensation).check_ends(claim, ladder, side)
    elif problem.map != "sublevel" and (problem.set != "total" or claim.quantity == "first_order_distance"):
        set_claims.check_ends(claim, ladder, side)
    elif claim.quantity == "modulus":
        _check_ends(claim, ladder)
    else:
        _check_persistence(claim, ladder, side)
    for hypothesis in claim.hypotheses:
        check_hypothesis(hypothesis, claim, ladder, base)


def _check_outcome(claim: Claim, outcome: Outcome) -> Outcome:
    """V16: the stated verdict and gate are those that follow."""
    where = claim.where
    if claim.verdict != outcome.verdict:
        raise Invalid(f"{where}.verdict", f"{show(claim.verdict)} is stated", f"the ends give {show(outcome.verdict)}")
    member = _gate_member(outcome)
    if not same(claim.gate, member):
        raise Invalid(f"{where}.gate", f"{show(claim.gate)} is stated", f"spec and ends give {show(member)}")
    return outcome


def _theorem(claim: Claim, ladder: Ladder) -> str:
    """The theorem a claim rests on; with the critical map the stated one, if it is what was found or says no more."""
    problem, stated = ladder.problem, claim.theorem
    if prediction_claims.about(claim):
        return prediction_claims.theorem(claim, ladder)
    if problem.map == "sublevel":
        return "Q5" if claim.quantity == "aubin" else "M6"
    if problem.map == "interpolation":
        if claim.quantity == "aubin":
            return "Q1"
        if claim.quantity in window_rules.QUANTITIES:
            return "S14"
        if labels.about(claim, problem):
            return labels.THEOREM
        if claim.quantity == "distance":
            return "Q7" if problem.set == "given" else "Q4"
        alone_in = "M4" if problem.norm == 2 else "N4"
        return alone_in if claim.quantity == "sample_modulus" else THEOREMS[problem.set]
    if convex_claims.about(claim, problem):
        return "Q6"
    if stated in ("Q6", "P1"):  # their rules are for these claims alone
        return "M5c"
    if claim.quantity == "distance":
        return "Q7"
    if stated in ("M5b", "M5c") and (claim.lower, claim.upper) != (None, None):
        finding = decide(partial(stationary_rules.theorem, name=stated), ladder)
        if finding.truth is not Truth.PROVED:
            raise Invalid(f"{claim.where}.theorem", f"{show(stated)} is stated", finding.found)
        if ladder.tilt == "weights":  # allowed where the Hessian is nonsingular, and nowhere else
            expect(f"{claim.where}.theorem", 0, stationary_rules.nonsingular, ladder)
    elif stated == "M5d":
        if claim.upper is not None or claim.rows or ladder.tilt == "weights":
            raise Invalid(f"{claim.where}.theorem", '"M5d" is stated',
                          "it is for lower ends of the modulus alone, and not for a tilt in weight space")
    elif stated == "M5" and (claim.lower, claim.upper, claim.rows) != (None, None, ()):
        raise Invalid(f"{claim.where}.theorem", '"M5" is stated', "the claim has numbers, so it is one of its cases")
    return stated


def _units(claim: Claim, problem: Problem) -> tuple[str, ...]:
    """The unit; of labels also the one that certificates stated before it said what a label is."""
    return label_rules.units(problem) if claim.quantity == label_rules.QUANTITY else (_unit(claim, problem),)


def _unit(claim: Claim, problem: Problem) -> str:
    if convex_claims.about(claim, problem):
        return convex_claims.UNITS.get(claim.quantity, "")
    if prediction_claims.about(claim):
        return prediction_claims.UNIT
    if claim.quantity == "persistence_radius":
        return f"{BUDGETS[problem.parameter]} {'in total' if problem.set == 'total' else 'of every row'}"
    merged = " (equal rows move as one)" if len(problem.kept) < len(problem.features) else ""
    distance = DISTANCES[problem.weight_norm]
    if claim.quantity in window_rules.QUANTITIES:
        return f"{window_rules.UNITS[claim.quantity]}{merged}"
    if claim.quantity in ("first_order_distance", "distance"):
        return f"{distance}{merged}"
    return f"{distance} per unit of {MOVED[problem.parameter]}{merged}"


def _gate_member(outcome: Outcome) -> Json | None:
    gate = outcome.gate
    if gate is None:
        return None
    return {gate.side: gate.value, "rigour": gate.rigour, "severity": gate.severity, "rationale": gate.rationale,
            "state": outcome.state}


def _check_form(claim: Claim, problem: Problem) -> None:
    """V8: ends, witness and rows fit together, before anything is computed."""
    where, ends = claim.where, (claim.lower, claim.upper)
    per_row = claim.quantity == "sample_modulus"
    for name, value in (("lower", claim.lower), ("upper", claim.upper),
                        *(("row_lower", v) for v in claim.row_lower), *(("row_upper", v) for v in claim.row_upper)):
        if value is not None and value < 0:
            raise Invalid(f"{where}.{name}", f"{value!r} is stated", "it is not negative")
    if claim.lower is not None and claim.upper is not None and claim.lower > claim.upper:
        raise Invalid(f"{where}.lower", f"{claim.lower!r} is stated", f"the upper end is {claim.upper!r}")
    if claim.equal_rows is not None and (ends != (None, None) or claim.rows):
        raise Invalid(f"{where}.witness", "equal_rows is stated", "then lower and upper are null and rows is empty")
    if prediction_claims.about(claim):
        prediction_claims.check_form(claim, problem)
        return
    if labels.about(claim, problem):
        labels.check_form(claim, problem)
        return
    convex = convex_claims.about(claim, problem)
    if convex or claim.theta is not None or claim.reach is not None:
        convex_claims.check_form(claim, problem)
    if convex:
        return
    whole = claim.quantity in ("modulus", "first_order_distance") and problem.map != "sublevel"
    finite_size = claim.quantity == "distance"
    whole_map = (whole and problem.set != "given") or claim.quantity == "aubin"
    needs_z = (finite_size or whole_map) and bool(claim.lower)
    length = problem.kernel_rows
    if problem.map == "sublevel":
        needs_z, length = claim.quantity == "aubin" and claim.upper is not None, problem.parameters
    if problem.map == "critical":
        length = problem.parameters if set_claims.by_hessian(claim, problem) else problem.interpolation_rows
    attacked = claim.quantity == "persistence_radius" and problem.parameter == "features"
    needs_array = (finite_size or attacked) and claim.upper is not None
    budget = finite_size and problem.set != "given"
    if budget:
        needs_array = bool(claim.lower)
    _check_budget(claim, problem, finite_size, budget)
    if claim.quantity == "aubin":
        (sublevel_aubin if problem.map == "sublevel" else aubin).check_form(claim, problem)
    if claim.quantity in window_rules.QUANTITIES:
        window_rules.check_form(claim, problem)
    if per_row and claim.upper is not None:
        needs_array = alone.needs_array(problem, set_claims.by_hessian(claim, problem))
    if whole:
        needs_array = set_claims.check_form(claim, problem)
    elif claim.member is not None or claim.dual is not None:
        raise Invalid(f"{where}.witness", "member or dual is stated", "they are for modulus and first_order_distance")
    for name, there, needed in (("z", claim.z is not None, needs_z), ("array", claim.array is not None, needs_array)):
        if there != needed:
            raise Invalid(f"{where}.witness", f"{name} is {'there' if there else 'missing'}",
                          f"the ends are {show(ends)}")
    if claim.equal_rows is not None and ((problem.map, problem.base) != ("interpolation", "given")
                                         or problem.set == "given"):
        raise Invalid(f"{where}.witness", "equal_rows is stated", "it is for interpolation with base given")
    if claim.z is not None and len(claim.z) != length:
        raise Invalid(f"{where}.witness.z", f"it has {len(claim.z)} entries", f"{length} are needed")
    if claim.rows and claim.rows != problem.moving:
        raise Invalid(f"{where}.rows", show(list(claim.rows)), f"the rows that may move are {show(problem.moving)}")
    if per_row:
        low = [v for v in claim.row_lower if v is not None]
        high = [v for v in claim.row_upper if v is not None]
        largest = (max(low, default=None), max(high) if high and len(high) == len(claim.rows) else None)
        if ends != largest:
            raise Invalid(f"{where}.lower, .upper", show(ends), f"the largest ends of the rows are {show(largest)}")


def _check_budget(claim: Claim, problem: Problem, finite_size: bool, budget: bool) -> None:
    """The members of `distance` over a budget: there together, and nowhere else."""
    where = claim.where
    if (claim.layer is not None) != (budget and claim.upper is not None):
        raise Invalid(f"{where}.witness", f"layer is {'there' if claim.layer is not None else 'missing'}",
                      "it is for the upper end of distance over a budget")
    if (claim.sigma is not None) != (claim.layer is not None) or (claim.sigma is not None and not claim.sigma > 0):
        raise Invalid(f"{where}.witness", f"sigma is {show(claim.sigma)}", "a number above 0 goes with layer")
    if claim.constants is not None and claim.layer is None:
        raise Invalid(f"{where}.witness", "constants are there and no layer", "they belong to a layer")
    if claim.layer is not None and claim.layer not in problem.free:
        raise Invalid(f"{where}.witness.layer", f"{claim.layer} is stated", f"the free layers are {show(problem.free)}")
    if finite_size and ((claim.limit is None) != (claim.pair is None) or (claim.limit is not None and not budget)):
        raise Invalid(f"{where}.witness", f"limit is {show(claim.limit)}", "it goes with pair, and with a budget")


def _check_ends(claim: Claim, ladder: Ladder) -> None:
    """V10 and V11, V21, or V33 and V34: the two ends of `modulus`."""
    sublevel, stationary = ladder.problem.map == "sublevel", set_claims.by_hessian(claim, ladder.problem)
    if claim.upper is not None:
        rule = (partial(descent_rules.upper, most=claim.upper) if sublevel
                else partial(stationary_rules.modulus_upper, upper=claim.upper) if stationary
                else partial(rules.modulus_upper, upper=claim.upper))
        expect(f"{claim.where}.upper", claim.upper, rule, ladder)
    if claim.lower and sublevel:
        expect(f"{claim.where}.lower", claim.lower, partial(descent_rules.lower, least=claim.lower), ladder)
    elif claim.lower and claim.z is not None:
        low = stationary_rules.modulus_lower if stationary else rules.modulus_lower
        expect(f"{claim.where}.lower", claim.lower, partial(low, lower=claim.lower, z=claim.z), ladder)


def _check_rows(claim: Claim, ladder: Ladder, side: Mapping[str, Array]) -> None:
    """V12 and V13, V21, V35, or V53 and V54: both ends of every row."""
    place = {row: at for at, row in enumerate(ladder.problem.kept)}
    sublevel, stationary = ladder.problem.map == "sublevel", set_claims.by_hessian(claim, ladder.problem)
    if ladder.problem.norm != 2:
        _check_alone(claim, ladder, side)
        return
    rows = zip(claim.rows, claim.row_lower, claim.row_upper, strict=True)
    for number, (row, lower, upper) in enumerate(rows):
        high: Callable[[Evidence], Finding]
        low: Callable[[Evidence], Finding]
        if upper is not None:
            high = (partial(descent_rules.upper, most=upper, at=number) if sublevel
                    else partial(stationary_rules.row_upper, number=number, upper=upper) if stationary
                    else partial(rules.row_upper, at=place[row], upper=upper))
            expect(f"{claim.where}.row_upper of row {row}", upper, high, ladder)
        if lower is not None and (lower or not sublevel):
            low = (partial(descent_rules.lower, least=lower, at=number) if sublevel
                   else partial(stationary_rules.row_lower, number=number, lower=lower) if stationary
                   else partial(rules.row_lower, at=place[row], lower=lower))
            expect(f"{claim.where}.row_lower of row {row}", lower, low, ladder)


def _check_alone(claim: Claim, ladder: Ladder, side: Mapping[str, Array]) -> None:
    """V53 and V54: both ends of every row in the norm 1 or inf."""
    place = {row: at for at, row in enumerate(ladder.problem.kept)}
    stationary = set_claims.by_hessian(claim, ladder.problem)
    shape = None if claim.array is None else set_claims.signed_shape(claim, ladder.problem, side)
    for number, row in enumerate(claim.rows):
        lower, upper = claim.row_lower[number], claim.row_upper[number]
        if upper is not None:
            high = (partial(alone.stationary_upper, number=number, upper=upper, shape=shape) if stationary
                    else partial(alone.row_upper, at=place[row], upper=upper, shape=shape))
            expect(f"{claim.where}.row_upper of row {row}", upper, high, ladder)
        if lower is not None:
            low = (partial(alone.stationary_lower, number=number, lower=lower, shape=shape) if stationary
                   else partial(alone.row_lower, at=place[row], lower=lower, shape=shape))
            expect(f"{claim.where}.row_lower of row {row}", lower, low, ladder)


def _check_persistence(claim: Claim, ladder: Ladder, side: Mapping[str, Array]) -> None:
    """V22: both ends of `persistence_radius`."""
    problem = ladder.problem
    if claim.lower is not None:
        closed = problem.parameter != "features"
        expect(f"{claim.where}.lower", claim.lower, partial(descent_rules.persistence_lower, least=claim.lower),
               ladder, once=not closed)
    if claim.upper is None:
        return
    if claim.array is None:
        expect(f"{claim.where}.upper", claim.upper, partial(descent_rules.persistence_upper, most=claim.upper), ladder)
        return
    moved = side.get(claim.array)
    if moved is None or claim.array != f"{claim.quantity}.moved":
        raise Invalid(f"{claim.where}.witness.array", f"{show(claim.array)} is stated",
                      f"the side file holds {show(sorted(side))}")
    if moved.shape != (len(problem.features), len(problem.features[0])):
        raise Invalid(f"witness file, array {show(claim.array)}", f"its shape is {moved.shape}", "that of the features")
    expect(f"{claim.where}.upper", claim.upper, partial(descent_rules.attack, most=claim.upper, moved=moved), ladder)


def _check_equal_rows(claim: Claim, ladder: Ladder) -> None:
    """V14: S is not Lipschitz-like, because two equal rows cannot move apart."""
    assert claim.equal_rows is not None
    where, (i, j), problem = f"{claim.where}.witness.equal_rows", claim.equal_rows, ladder.problem
    stated = f"rows {i} and {j} are stated"
    if i == j or max(i, j) >= len(problem.features) or problem.features[i] != problem.features[j]:
        raise Invalid(where, stated, "they are not two equal rows of the data")
    if i not in problem.kept or j not in problem.kept:
        raise Invalid(where, stated, "equal rows are merged into one")
    if i not in problem.moving and j not in problem.moving:
        raise Invalid(where, stated, "neither may move")
    if problem.parameter == "features":
        finding = decide(rules.effect, Ladder(cut_down(problem, i)))
        if finding.truth is not Truth.PROVED:
            raise Invalid(where, stated, finding.found)
