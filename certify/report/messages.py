"""What `certify run` says about a certificate: one verdict line, advice, one JSON object."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from certify.format.digits import at_least, at_most, enclosure, shortest
from certify.format.labels import COUNTED, label_meaning
from certify.format.quantities import QUANTITIES
from certify.format.words import Base, Loss, Map, Set
from certify.problem.fit import recorded
from certify.prove.gates import gates_of
from certify.report.cautions import cautions, distant
from certify.report.maps import MAPS
from certify.report.normalization import fixed_note
from certify.report.phrases.decisions.asked_changes import asked_changes
from certify.report.phrases.decisions.beside import CLAIMS, about, another_point, beside_minimum, ended_of, share_of
from certify.report.phrases.decisions.over_time import over_time_advice, over_time_lines
from certify.report.phrases.decisions.stands_before import before_note
from certify.report.phrases.decisions.suppressed import suppressed_lines
from certify.report.phrases.rescaling import rescaling_note
from certify.spec.vocabulary import CHECKED, DATA_FORMATS, MODEL_FORMATS
from certify.systems.head.nearness import ANOTHER

if TYPE_CHECKING:
    from certify.prove.stability import Stability

Json = Mapping[str, Any]

FOLDED = ("reparameterised: the claim is about the folded parameters (rounded to float64), not about those of the "
          "network before export")

SIZED = {"first_order_distance", "distance", "stable_predictions", "correct_predictions", "tolerated_changes",
         "functional", "prediction_change", "first_order_prediction_change"}
"""Quantities that use the radius of the spec."""


def verdict_line(certificate: Json, reason: bool = False) -> str:
    """The verdict with every claim, its threshold and its proved ends, on one line; first those that decided it.

    Args:
        certificate: the content of ``certificate.json``.
        reason: whether to add the first reason of a verdict other than certified: where :func:`advice` is not printed.
    """
    problem, base = certificate["problem"], certificate["base"]
    claims = sorted(certificate["claims"], key=lambda claim: bool(claim["verdict"] != certificate["verdict"]))
    parts = [*(claim_line(claim, problem) for claim in claims), f"changes: {asked_changes(problem)}"]
    if Base(problem["base"]).near:
        parts.append(_nearby(problem, base["distance"]))
    if another_point(certificate) and any(claim["verdict"] != "inconclusive" for claim in claims):
        parts.append(CLAIMS)
    if base.get("tilt") and base.get("shift_norm") is not None:
        parts.append(f"loss tilted {'through the outputs' if base['tilt'] == 'output' else 'in weight space'} by "
                     f"{at_most(base['shift_norm'], 3)}")
    if problem["merge_duplicates"]:
        parts.append("equal rows count as one")
    parts += over_time_lines(certificate)
    gated = "over_time" in certificate or any(claim["gate"] for claim in claims)
    gates = f" [gates {gates_of(certificate)}{_warned(certificate)}]" if gated else ""
    parts += suppressed_lines(certificate)
    why = next((f": {c['reason']}" for c in claims if reason and c["verdict"] != "certified" and c["reason"]), "")
    return f"{certificate['verdict']} {'; '.join(parts)}{gates}{why}"


def _warned(certificate: Json) -> str:
    """That what is refuted failed gates of severity warn alone, which do not count."""
    refuted = [claim["gate"] for claim in certificate["claims"] if claim["verdict"] == "refuted"]
    if not refuted or any(gate is None or gate["severity"] == "fail" for gate in refuted):
        return ""
    return ", refuted by a warn gate only"


def _nearby(problem: Json, distance: float | None) -> str:
    """Where the solution is: how far from the given weights, as a share of their length, and what share counts.

    >>> _nearby({"map": "critical", "within": 1e-6, "weights_length": 2.0}, 1.5)
    'at an exact critical point within 1.5, 0.75 of the length of the given weights (at most 1e-06 counts)'
    >>> _nearby({"map": "interpolation"}, 2e-7)
    'at an exact solution within 2e-7'
    """
    kind = Map(problem["map"]).solution
    if distance is None:
        return f"no exact {kind} proved nearby"
    said, share = f"at an exact {kind} within {at_most(distance, 3)}", share_of(problem, distance)
    if share is not None:
        said += f", {at_most(share, 3)} of the length of the given weights"
    most, length = problem.get("within"), problem.get("weights_length")
    far = None not in (most, length) and Fraction(distance) > Fraction(most) * Fraction(length)
    return f"{said} (at most {most!r} counts)" if far else said


def claim_line(claim: Json, problem: Json) -> str:
    """One claim: its quantity, threshold and what became of it, and both ends with how they are known."""
    gate = claim["gate"]
    threshold = None if gate is None else gate.get("max", gate.get("min"))
    equal = claim["witness"].get("equal_rows")
    if equal:
        ends = f"{claim['rigour']} infinite: rows {equal[0]} and {equal[1]} are equal"
    elif claim["lower"] is None and claim["upper"] is None:
        ends = "no bound proved"
    elif claim["theorem"] == "M6" and problem["level"] is not None and (claim["lower"], claim["upper"]) == (0, 0):
        ends = f"{claim['rigour']} 0: the level lies above the loss"
    else:
        ends = f"{claim['rigour']} in {enclosure(claim['lower'], claim['upper'], threshold)}"
        if claim["witness"].get("radius_u") is not None:
            u, w = (at_least(claim["witness"][key], 4) for key in ("radius_u", "radius_w"))
            ends += f" for data changes up to {u}, weights within {w}"
        if claim["theorem"] == "P2" and claim["witness"].get("reach") is not None:
            ends += f" for all weights within {claim['witness']['reach']!r}"  # no rounding suits both fits and labels
        if claim["theorem"] == "S14":
            ends += f" in the ball of radius {problem['window']!r}"
        ends += _of_nearest(claim, problem)
        if claim["quantity"] in COUNTED:
            of = problem.get("functionals") is not None
            ends += f", {'' if of else 'label: '}{label_meaning(problem['outputs'], problem.get('threshold'), of)}"
    if gate is None:
        return f"{claim['quantity']} {ends}"
    state = gate["state"]
    if state == "met" and claim["rigour"] != "proved":
        state = f"met ({claim['rigour']})"
    warning = ", a warning only" if gate["severity"] == "warn" else ""
    return f"{claim['quantity']} {'≤' if 'max' in gate else '≥'} {threshold!r} {state} ({ends}{warning})"


def _of_nearest(claim: Json, problem: Json) -> str:
    """That a change of predictions is the nearest solution's, where others nearby are not proved to agree with it."""
    agreed = next((h["value"] for h in claim["hypotheses"] if h["name"] == "agreement"), None)
    rows = problem.get("evaluation_rows")
    if claim["upper"] is None or agreed is None or agreed == rows:
        return ""
    kind = MAPS[problem["map"]].kind
    return f" at the nearest {kind}, others nearby proved to agree at {agreed} of {rows} evaluation rows"


MERGED = "equal rows count as one, which the spec does not say: certify check --merge-duplicates decides it"


def advice(certificate: Json) -> list[str]:
    """For every claim that is not certified how far off, what blocked it, what would decide it; then what to know."""
    lines = (
        f"{claim['verdict']} {claim['quantity']}: {claim['reason']}"
        for claim in certificate["claims"] if claim["verdict"] != "certified" and claim["reason"]
    )
    lines = (*lines, *over_time_advice(certificate))
    files = {role: certificate["subject"][role]["path"] for role in CHECKED}
    folded = FOLDED if certificate["problem"].get("reparameterised") else ""
    asked = {claim["quantity"] for claim in certificate["claims"]}
    notes = [folded, rewritten(certificate), fixed_note(certificate["problem"], asked), unused_radius(certificate),
             rescaling_note(certificate), before_note(certificate["problem"]),
             MERGED if certificate["problem"]["merge_duplicates"] and certificate["problem"]["groups"] else "",
             *(f"certify check {words}" for words in unchecked(files))]
    cautioned = (f"caution: {words}" for words in cautions_of(certificate))
    return [*dict.fromkeys(lines), *cautioned, *(f"note: {words}" for words in notes if words)]


def rewritten(certificate: Json) -> str:
    """That the model was written once more, so that checkers can read it; empty where it was not.

    >>> rewritten({"environment": {}})
    ''
    """
    given = certificate["environment"].get("read_from")
    if not isinstance(given, dict) or "path" not in given.get("model", {}):
        return ""
    now = {role: certificate["subject"][role]["path"] for role in ("model", "spec")}
    return (f"the parameters of {given['model']['path']} are written as {now['model']}, and the spec that names it as "
            f"{now['spec']}: the certificate is about these, and certify check reads them")


def cautions_of(certificate: Json) -> list[str]:
    """What speaks against reading a claim as one about the weights in the file; said even where little is said."""
    far = distant(certificate["base"], certificate["claims"]) or _far_head(certificate)
    return [far] if far else []


def remembered(certificate: Json) -> str:
    """How well the network as understood fits its data, which only the reader can judge; "" where nothing is kept.

    >>> remembered({"environment": {}})
    ''
    """
    found = recorded(certificate["environment"].get("fit"))
    return "" if found is None else found.sentence()


BOUND: Final = "a bound, and no distance: they may be nearer"
ALL_ROWS: Final = "Are these all the rows, and no others, that they were fitted to?"
"""What a reader has to know, and to ask, of a minimum beside the given weights."""


def _far_head(certificate: Json) -> str:
    """That the one solution of a head is not near the given weights, in words; empty where it is.

    >>> _far_head({"problem": {"within": None, "weights_length": 2.0}, "base": {"distance": 1.0}})[:45]
    'the one solution is proved only within 0.5 of'
    >>> _far_head({"problem": {"within": None, "weights_length": 2.0}, "base": {"distance": 0.0625}})[:52]
    'the claims are about the exact minimum of the stated'
    """
    share = share_of(certificate["problem"], certificate["base"]["distance"])
    if share is None or not beside_minimum(certificate):
        return ""
    on = "train the last layer on" if "graph" in certificate["problem"] else "`certify polish SPEC` trains on to it"
    known = any(certificate["problem"].get(weights) is not None for weights in ("row_weights", "class_weight"))
    if share <= ANOTHER:
        loss = certificate["problem"].get("loss")
        solved = loss is not None and Loss(loss).least_squares
        why = (f"A fit in closed form, such as Ridge, ends at it: was the penalty another? Else {on}." if solved else
               "Solvers stop a little short: to come nearer, fit with a smaller tolerance (scikit-learn: tol=1e-8); or "
               f"{on}.")
        weights = "" if known else " If rows carried weights in training, name these ([data] weights, --weights)."
        return ("the claims are about the exact minimum of the stated loss on these rows; the weights in the file are "
                f"within {at_most(share, 3)} of their length of it ({BOUND}). {why}{weights} {ALL_ROWS}")
    if ended_of(certificate):
        return (f"the one solution is proved only within {at_most(share, 3)} of the length of the given weights "
                f"({BOUND}). They keep the rule by which their solver ends, which is coarse beside this penalty: fits "
                "to other rows or with other sample weights may keep it, too, and a smaller tol comes nearer. The "
                f"claims are about that solution. {ALL_ROWS}")
    ways = f"{on[0].upper() if on[0] != '`' else on[0]}{on[1:]}" if known else (
        f"If rows carried weights in training, name these ([data] weights, --weights); else {on}")
    return (f"the one solution is proved only within {at_most(share, 3)} of the length of the given weights ({BOUND}). "
            f"The claims are about that solution, and not about the weights in the file. {ALL_ROWS} "
            f"{ways}")


def unused_radius(certificate: Json) -> str:
    """That the spec's radius is not used, in words; empty where the spec gives none.

    >>> unused_radius({"problem": {"radius": 0.5}, "claims": [{"quantity": "persistence_radius"}]})
    'perturbation.radius = 0.5 is not used: persistence_radius finds the radius, whatever the spec says'
    """
    radius = certificate["problem"].get("radius")
    if radius is None:
        return ""
    asked = list(dict.fromkeys(claim["quantity"] for claim in certificate["claims"]))
    if SIZED & set(asked) and Set(certificate["problem"].get("set", Set.TOTAL)).sized:
        return ""
    if SIZED & set(asked):
        return f"perturbation.radius = {radius!r} is not used: the change in the file is taken as it is"
    limits = [quantity for quantity in asked if "level" not in QUANTITIES[quantity].needs]
    verbs = "is a limit and says" if len(limits) == 1 else "are limits and say"
    why = [f"{' and '.join(limits)} {verbs} nothing about changes of that size"] if limits else []
    if len(limits) < len(asked):
        why.append("persistence_radius finds the radius, whatever the spec says")
    return f"perturbation.radius = {radius!r} is not used: {'; '.join(why)}"


def unchecked(files: Mapping[str, str]) -> list[str]:
    """What the checker does not read of the formats that `run` reads, in words that follow "the checker".

    Args:
        files: paths of model and data, by role.

    >>> unchecked({"model": "a/net.PT", "data": "a/d.csv"})
    ['does not read .pt; save the model as .safetensors and run again for a certificate that can be checked']
    """
    endings = {role: PurePosixPath(path).suffix.lower() for role, path in files.items()}
    return [
        f"does not read {ending}; save the {role} as {' or '.join(CHECKED[role])} and run again for a certificate that "
        "can be checked" for role, ending in endings.items()
        if ending in (*MODEL_FORMATS, *DATA_FORMATS) and ending not in CHECKED[role]
    ]


def run_object(certificate: Json) -> dict[str, Any]:
    """The JSON object of `certify run --json` (its members are a contract with other tools)."""
    return {
        "format": certificate["format"],
        "verdict": certificate["verdict"],
        "gates": gates_of(certificate),
        "claims": [_claim_object(claim) | _methods(certificate, claim) for claim in certificate["claims"]],
        "base": {key: certificate["base"][key] for key in ("residual", "distance")} | _nearness(certificate["problem"]),
        "changes": asked_changes(certificate["problem"]),
        "cautions": cautions_of(certificate),
        **about(another_point(certificate)),
    } | {member: certificate[member] for member in ("over_time", "suppressed") if member in certificate}


def _nearness(problem: Json) -> dict[str, Any]:
    """The share of their length within which of the free weights a solution counts, and that length."""
    return {key: problem[key] for key in ("within", "weights_length") if key in problem}


def methods_of(certificate: Json, quantity: str) -> list[str]:
    """What each method left open of a quantity, as a run keeps it beside the machine: a free member, so anybody's.

    >>> methods_of({"environment": {"methods": {"a": ["tried box: 1 prediction stays open"]}}}, "a")
    ['tried box: 1 prediction stays open']
    >>> methods_of({"environment": {"methods": 3}}, "a")
    []
    """
    kept = certificate.get("environment", {}).get("methods")
    lines = kept.get(quantity) if isinstance(kept, Mapping) else None
    return [line for line in lines if isinstance(line, str)] if isinstance(lines, list) else []


def _methods(certificate: Json, claim: Json) -> dict[str, Any]:
    lines = methods_of(certificate, claim["quantity"])
    return {"methods": lines} if lines else {}


def _claim_object(claim: Json) -> dict[str, Any]:
    gate = claim["gate"]
    members = ("quantity", "theorem", "rigour", "verdict", "lower", "upper", "unit", "reason")
    result = {key: claim[key] for key in members} | {"gate": None if gate is None else gate["state"]}
    if gate is not None:
        result |= {key: gate[key] for key in ("max", "min", "severity") if key in gate}
    return result


def estimate_line(document: Json) -> str:
    """The estimate with every gate, on one line; it never speaks of a proof."""
    parts = [_estimated(claim) for claim in document["claims"]]
    system = document["result"]["system"]
    if system["damping"]:
        without = "" if system["undamped"] is None else f" ({shortest(system['undamped'])} without it)"
        parts.append(f"damping {shortest(system['damping'])}{' chosen' if system['chosen'] else ''}{without}")
    if document["result"]["failure"]:
        parts.insert(0, "failed")
    gates = f" [gates {document['gates']}]" if any(claim["gate"] for claim in document["claims"]) else ""
    return f"estimated {'; '.join(parts)}{gates}"


def _estimated(claim: Json) -> str:
    gate, value = claim["gate"], claim["upper"]
    threshold = None if gate is None else gate.get("max", gate.get("min"))
    shown = f"{claim['quantity']} {'not finite' if value is None else shortest(value, threshold)}"
    if gate is None:
        return shown
    state = "open" if gate["state"] == "open" else f"{gate['state']} (estimated)"
    warning = ", a warning only" if gate["severity"] == "warn" else ""
    return f"{shown} {'≤' if 'max' in gate else '≥'} {threshold!r} {state}{warning}"


def estimate_advice(document: Json) -> list[str]:
    """For every gate that is not met, why; what speaks against the estimate; how it was solved."""
    lines = [
        f"{claim['gate']['state']} {claim['quantity']}: {claim['reason']}"
        for claim in document["claims"] if claim["gate"] and claim["gate"]["state"] != "met"
    ]
    against = [f"caution: {words}" for words in cautions(document)]
    if document["result"]["failure"]:
        lines = [f"failed: {document['result']['failure']}; do not use these weights", *lines]
    e = document["result"]["evidence"]
    original, before, after = (shortest(e[key]) if e[key] is not None else "not finite"
                               for key in ("loss_original", "loss_before", "loss_after"))
    losses = f"note: mean loss of the moved rows {original} before the change, {before} after it, {after} with the new"
    return [*dict.fromkeys(lines), *against, f"{losses} weights",
            f"note: {document['result']['status']}; nothing here is proved"]


def estimate_object(document: Json) -> dict[str, Any]:
    """The JSON object of `certify estimate --json`: the members of that of `run`, and what was measured."""
    result = document["result"]
    evidence = {key: value for key, value in result["evidence"].items() if key != "validity"}
    return run_object(document) | {
        "format": "certify/1", "rigour": "estimated", "status": result["status"], "failure": result["failure"],
        "system": result["system"], "evidence": evidence,
        "cost": result["cost"], "cautions": cautions(document),
    }


def stability_lines(found: Stability) -> list[str]:
    """A line a solution, and one that sums them up.

    Args:
        found: from :func:`certify.stability`.
    """
    lines = ["solution    weights moved by   exact solution within   modulus (proved)"]
    for k, m in enumerate(found.members):
        lower, upper = m.modulus.lower, m.modulus.upper
        ends = f"[{lower:.8g}, {upper:.8g}]" if lower is not None and upper is not None else m.modulus.reason
        near = "none proved" if m.distance is None else f"{m.distance:.1e}"
        name = "given" if k == 0 else str(k)
        lines.append(f"{name:<9} {m.moved:>18.6g}   {near:>21}   {ends}")
    best, worst = found.most_stable, found.least_stable
    if best is None or worst is None:
        return [*lines, f"inconclusive: no modulus was proved at any of {len(found.members)} solutions"]
    places = [found.members.index(m) for m in (best, worst)]
    most, least = ("the given weights" if k == 0 else f"solution {k}" for k in places)
    return [*lines, f"{len(found.proved)} of {len(found.members)} proved; most stable: {most} (modulus at most "
                    f"{best.modulus.upper:.8g}); least stable: {least} (at least {worst.modulus.lower:.8g})"]
