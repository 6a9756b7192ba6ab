"""V80: gates over time, from the re-derived ends and those that a baseline states, which are read and not proved.

The state follows from the ends that the certificate states of the baseline. That a baseline states these ends, and
answers the same question, is checked where the caller hands it over; else the gates are reported as not checked.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from certify.check.reading.certificate import STATES, Certificate, Claim, file_record, read_certificate
from certify.check.reading.files import read_bytes
from certify.check.reading.numbers import is_number
from certify.check.reading.spec import Gate, Spec
from certify.check.reading.told import check_text
from certify.check.verdicts import EXIT
from certify.format.canonical import Json, decode, same, show
from certify.format.refusal import Invalid
from certify.format.words import Base

SIDES = ("max_increase", "max_decrease")
MEMBERS = ("claim", "severity", "rationale", "lower", "upper", "state", "reason")
ASKED = ("map", "base", "layer", "parameter", "set", "norm", "weight_norm", "tau", "reference_rows", "evaluation_rows",
         "functionals", "threshold", "window", "direction", "outputs", "scale", "loss", "normalization", "level",
         "merge_duplicates", "radius", "relative", "count", "relabelled", "pairs", "fresh", "rows", "class_weight")
NETWORK = ("widths", "activation", "biases", "graph", "reparameterised")
OWN = ("reach", "radius_u", "radius_w")
Ends = tuple[float, float]


@dataclass(frozen=True)
class OverTime:
    """What became of the gates over time.

    Attributes:
        lines: a line a gate, for people.
        members: a member a gate, for programs.
        status: exit status that they alone would give; what is not checked counts as open.
    """

    lines: tuple[str, ...]
    members: list[Json]
    status: int


def arrays(spec: Spec) -> Json:
    """The member `arrays` of the problem: what the spec reads of each file whose bytes are held against others."""
    features = spec.features if isinstance(spec.features, str) else None
    own, targets = spec.evaluation_features, spec.evaluation_targets
    found: dict[str, tuple[bool, list[object]]] = {
        "data": (True, [spec.features, spec.targets, spec.row_weights]),
        "reference": (spec.reference is not None, [features]), "change": (spec.change is not None, [spec.array]),
        "evaluation": (spec.evaluation is not None, [
            features if own is None else own, spec.targets if targets is None else targets,
            (spec.functionals or {}).get("intercept")])}
    return {"arrays": {role: [list(name) if isinstance(name, tuple) else name for name in names]
                       for role, (there, names) in found.items() if there}}


def check_over_time(
    certificate: Certificate, gates: Sequence[Gate], claims: Sequence[Claim[Any]], far: bool, path: Path | None,
) -> OverTime:
    """Check the member `over_time` against the spec's gates, the re-derived ends, and the baseline where it is given.

    Args:
        certificate: its claims are re-derived already.
        gates: of the spec, one a claim.
        claims: the same claims.
        far: whether their solution is too far from the given weights to count.
        path: the baseline; None: nobody named one.

    Raises:
        Invalid: the member is not what spec and ends give, or the file is not the one that it binds.
    """
    member, wanted = certificate.top.get("over_time"), [(i, g) for i, g in enumerate(gates) if g.over_time]
    if not wanted or member is None:
        raise Invalid("over_time", "it is there" if "over_time" in certificate.top else "it is missing",
                      f"the spec has {len(wanted)} gates over time")
    place, stated = _form(member, len(wanted))
    before = None if path is None else _baseline(path, place)
    lines, members, states = [], [], []
    for number, ((index, gate), entry) in enumerate(zip(wanted, stated, strict=True)):
        where = f"over_time.gates[{number}]"
        state = _check(where, entry, index, gate, claims[index], place is not None, far)
        if before is not None:
            _against(where, entry, claims[index], certificate, before, state)
        found = state if before is not None else "open" if place is None else "not checked"
        side, tolerance = _tolerance(gate)
        ends = "no baseline" if place is None else (
            f"baseline says [{entry['lower']}, {entry['upper']}], read, not proved again")
        how = " (give --baseline)" if found == "not checked" else ""
        lines.append(f"{gate.quantity} {side} {tolerance!r} {found}{how} ({ends})")
        members.append({"quantity": gate.quantity, side: tolerance, "severity": gate.severity, "state": found,
                        "lower": entry["lower"], "upper": entry["upper"]})
        states.append((gate.severity, found))
    counting = [state for severity, state in states if severity == "fail"]
    word = next((s for s in ("failed", "open", "not checked") if s in counting), "met")
    return OverTime(tuple(lines), members, EXIT["open" if word == "not checked" else word])


def _tolerance(gate: Gate) -> tuple[str, float]:
    """The side of a gate over time, and its tolerance."""
    (side, value), *more = gate.over_time
    if more or not isinstance(value, int | float) or not is_number(value, 0.0):
        raise Invalid(f"spec, {side}", f"{show(dict(gate.over_time))} is stated", "one tolerance from 0 on is needed")
    return side, float(value)


def _form(member: object, count: int) -> tuple[Json | None, list[Json]]:
    if not isinstance(member, dict) or set(member) != {"baseline", "gates"}:
        raise Invalid("over_time", f"{show(member)} is stated", "an object of baseline and gates is needed")
    place, gates = member["baseline"], member["gates"]
    if place is not None:
        file_record(place, "over_time.baseline")
    if not isinstance(gates, list) or len(gates) != count:
        raise Invalid("over_time.gates", f"{show(gates)} is stated", f"the spec has {count} gates over time")
    return place, gates


def _check(where: str, entry: object, index: int, gate: Gate, claim: Claim[Any], there: bool, far: bool) -> str:
    """The state that is stated, which spec and ends allow; `met` may also rest on what only a baseline shows."""
    side, tolerance = _tolerance(gate)
    if not isinstance(entry, dict) or set(entry) != {*MEMBERS, side}:
        raise Invalid(where, f"{show(entry)} is stated", f"the members are {', '.join((*MEMBERS, side))}")
    needed = {"claim": index, side: tolerance, "severity": gate.severity, "rationale": gate.rationale}
    for name, value in needed.items():
        if not same(entry[name], value):
            raise Invalid(f"{where}.{name}", f"{show(entry[name])} is stated", f"the spec gives {show(value)}")
    for name in ("lower", "upper"):
        if entry[name] is not None and (not there or not is_number(entry[name], -math.inf)):
            raise Invalid(f"{where}.{name}", f"{show(entry[name])} is stated", "a number of a baseline, or null")
    if entry["state"] not in STATES or not isinstance(entry["reason"], str):
        raise Invalid(where, f"{show(entry['state'])} is stated", f"one of {', '.join(STATES)} and a reason are needed")
    check_text(f"{where}.reason", entry["reason"])
    low, high = entry["lower"], entry["upper"]
    old = -math.inf if low is None else low, math.inf if high is None else high
    found = "open" if far or not there else compared(_ends(claim), old, side, tolerance)
    stated = str(entry["state"])
    if stated != "open" and (not there or far or (found != stated and (stated, found) != ("met", "open"))):
        raise Invalid(f"{where}.state", f"{stated} is stated", f"the ends give {found}")
    return stated


def compared(new: Ends, old: Ends, side: str, tolerance: float) -> str:
    """Whether it got worse by more than a tolerance: failed where that is proved, met where the contrary is.

    >>> compared((132, 135), (138, 140), "max_decrease", 2), compared((132, 139), (138, 140), "max_decrease", 2)
    ('failed', 'open')
    >>> compared((1.0, 1.5), (1.25, 2.0), "max_increase", 0.25)
    'met'
    """
    sign = 1 if side == "max_increase" else -1
    (low, high), (least, most) = (sorted((sign * ends[0], sign * ends[1])) for ends in (new, old))
    if math.isfinite(high) and math.isfinite(least) and Fraction(high) <= Fraction(least) + Fraction(tolerance):
        return "met"
    worse = math.isfinite(most) and (low == math.inf or (
        math.isfinite(low) and Fraction(low) > Fraction(most) + Fraction(tolerance)))
    return "failed" if worse else "open"


def _ends(claim: Claim[Any]) -> Ends:
    infinite = (claim.witness.get("equal_rows") if isinstance(claim.witness, dict) else claim.witness.infinite)
    if infinite is not None:
        return math.inf, math.inf
    return -math.inf if claim.lower is None else claim.lower, math.inf if claim.upper is None else claim.upper


def _baseline(path: Path, place: Json | None) -> tuple[Certificate, Json]:
    """The baseline, whose bytes have to be those that the certificate names."""
    if place is None:
        raise Invalid("over_time.baseline", "null is stated", f"{show(str(path))} is given: none was compared")
    data = read_bytes(path, "baseline file")
    found = hashlib.sha256(data).hexdigest()
    if found != place["sha256"] or len(data) != place["bytes"]:
        raise Invalid(f"baseline file {show(str(path))}", f"the certificate names sha256 {show(place['sha256'])}",
                      f"its bytes have {found}")
    name = f"baseline file {show(str(path))}"
    return read_certificate(data, name), decode(data, name)


def _against(where: str, entry: Json, claim: Claim[Any], new: Certificate, before: tuple[Certificate, Json],
             stated: str) -> None:
    """The stated ends are those of the baseline's claim, the question is one, and the state follows from both."""
    old, _ = before
    for words in differences(new, old):
        raise Invalid(where, f"a state {stated} is stated", f"the baseline answers another question: {words}")
    own = next((one for one in new.claims if one.where == claim.where), None)
    its = next((one for one in old.claims if one.quantity == claim.quantity), None)
    if its is None or own is None:
        raise Invalid(where, f"a state {stated} is stated", f"the baseline has no claim on {claim.quantity}")
    if claim.unit.startswith("weight distance") and any(
            not same(new.problem.get(m), old.problem.get(m)) for m in NETWORK):
        raise Invalid(where, f"a state {stated} is stated", "the baseline is another network, and weights are measured")
    for name, value in (("lower", its.lower), ("upper", its.upper)):
        if not same(entry[name], value):
            raise Invalid(f"{where}.{name}", f"{show(entry[name])} is stated", f"the baseline states {show(value)}")
    apart = its.unit != claim.unit or its.rigour != "proved" or _far(old) or new.base.tilt != old.base.tilt or any(
        not same(own.witness.get(m), its.witness.get(m)) for m in OWN)
    (side, tolerance), = ((s, entry[s]) for s in SIDES if s in entry)
    found = "open" if apart else "met" if _one_number(new, old) else compared(_ends(claim), _ends(its), side, tolerance)
    if found != stated and stated != "open":
        raise Invalid(f"{where}.state", f"{stated} is stated", f"the ends of both give {found}")


def differences(new: Certificate, old: Certificate) -> Iterator[str]:
    """What the two ask differently, in words."""
    for name in ASKED:
        if not same(new.problem.get(name), old.problem.get(name)):
            yield f"{name} is {show(new.problem.get(name))} and {show(old.problem.get(name))}"
    for name in ("grouped", "row_weights"):
        mine, its = ((one.problem.get(name) or {}).get("by") for one in (new, old))
        if mine != its:
            yield f"{name} is by {show(mine)} and {show(its)}"
    roles = ["evaluation", "reference", "change", *([] if new.problem.get("rows") == "all" else ["data"])]
    for role in roles:
        if _digest(new, role) != _digest(old, role):
            yield f"the {role} files have different bytes"
        mine, its = ((one.problem.get("arrays") or {}).get(role) for one in (new, old))
        if not same(mine, its):
            yield f"{show(mine)} are read of the {role} file and {show(its)}"


def _one_number(new: Certificate, old: Certificate) -> bool:
    """Whether both are about the same bytes, whose solution is given or the only one."""
    problem = new.problem
    unique = not _near(problem) or ("within" in problem and problem["within"] is None)
    stated, its = ({k: v for k, v in one.problem.items() if k != "about"} for one in (new, old))
    tilted = new.base.tilt is not None or old.base.tilt is not None
    return unique and (not tilted or new.base == old.base) and same(stated, its) and all(
        _digest(new, role) == _digest(old, role) is not None
        for role in {*new.subject, *old.subject} - {"spec", "witness"})


def _digest(certificate: Certificate, role: str) -> str | None:
    return certificate.subject[role].sha256 if role in certificate.subject else None


def _far(certificate: Certificate) -> bool:
    """Whether its solution is too far to count; one of before V62 does not say how far it may be, so it is."""
    problem, distance = certificate.problem, certificate.base.distance
    if not _near(problem) or distance is None or ("within" in problem and problem["within"] is None):
        return False
    within, length = problem.get("within", 0.0), problem.get("weights_length", 0.0)
    numbers = is_number(within, 0.0) and is_number(length, 0.0)
    return not numbers or Fraction(distance) > Fraction(within) * Fraction(length)


def _near(problem: Json) -> bool:
    """Whether the claims are about a solution near the weights; so of any word that is not known."""
    return {str(base): base.near for base in Base}.get(str(problem.get("base")), True)
