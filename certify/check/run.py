"""The order of checking a certificate, and what comes of it; the first bad step ends it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from certify.check.claims import check_asked, check_claims
from certify.check.reading.arrays import Array
from certify.check.reading.certificate import Base, Certificate, Claim, Witness, array_names, read_certificate
from certify.check.reading.files import Places, check_named, read_bytes, read_file
from certify.check.reading.spec import Gate, check_promise, read_spec
from certify.check.reading.subject import Problem, build_problem, describe
from certify.check.systems.point import Ladder
from certify.check.table import witnessed
from certify.check.verdicts import Outcome, answers, evaluate, overall, thresholds
from certify.format.canonical import Json, same, show
from certify.format.refusal import Invalid

if TYPE_CHECKING:
    from certify.check.choices.allowed import Allowed, Choices
    from certify.check.over_time import OverTime
    from certify.check.systems.nearness import Nearness

Tell = Callable[[str], None]
Afford = Callable[..., None]
OPTIONAL = ("radius", "reparameterised", "names", "count", "within", "weights_length")
"""Members of the problem that certificates written before they existed lack: they claim nothing, or false is meant."""


class Usage(Exception):  # noqa: N818 — a wrong command line is not a verdict on the certificate
    """The command line asks for something that cannot be done."""


@dataclass(frozen=True)
class Result:
    """A certificate that checked, under the thresholds that were used.

    Attributes:
        outcomes: one for each claim and threshold.
        verdict, gates: over all outcomes.
        source: where the thresholds come from, in words.
        near: base `nearby`: how far the solution is, and may be.
        files, over: path and digest of every file, by role; gates over time, None where there is none.
        chosen: what the certificate chose that the spec does not say; None for nothing.
    """

    certificate: Certificate
    outcomes: tuple[Outcome, ...]
    verdict: str
    gates: str
    source: str
    near: Nearness | None = None
    files: tuple[tuple[str, str, str], ...] = ()
    over: OverTime | None = None
    chosen: Choices | None = None


def check(
    path: Path, given: dict[str, Path | None], asked: Sequence[Gate] = (), tell: Tell = lambda _: None,
    within: float | None = None, baseline: Path | None = None, allowed: Allowed | None = None,
    afford: Afford = lambda *_: None,
) -> Result:
    """Check a certificate against the original files, in the order of proofs/certificate-format.md.

    Args:
        path, given: the certificate, and the paths of its files by role; None for the recorded ones.
        asked: thresholds that replace those of the spec.
        tell: called with a line of progress.
        within: base `nearby`: the share of the length of the weights that counts, instead of the spec's.
        baseline: what gates over time compare with; None: they are not checked.
        allowed: what the certificate may choose, beside the spec.
        afford: called before anything is derived, and before a longer way; raises where that would take too much.
    """
    certificate = read_certificate(read_bytes(path, "certificate file"), f"certificate file {show(str(path))}")
    if "suppressed" in certificate.top:
        import_module("certify.check.reading.optional.suppressed").check_suppressed(certificate.top["suppressed"])
    for gate in asked:
        if not any(answers(claim, gate) for claim in certificate.claims):
            raise Usage(f"--{gate.side} {gate.quantity}: the certificate has no claim on {gate.quantity}")
        check_promise(gate, f"--{gate.side}")
    places = Places(certificate.subject, path.parent, given)
    contents = {"spec": read_file(places, "spec")}
    spec = read_spec(contents["spec"])
    check_named(places, spec)
    contents |= {role: read_file(places, role) for role in certificate.subject if role != "spec"}
    tell("the bytes of all files are the ones it binds")
    merge = certificate.problem.get("merge_duplicates")
    if not isinstance(merge, bool):
        raise Invalid("problem.merge_duplicates", show(merge), "true or false is needed")
    problem = build_problem(spec, contents["model"], contents["data"], merge, contents.get("graph"),
                            contents.get("change"), contents.get("reference"), contents.get("evaluation"))
    near = (import_module("certify.check.systems.nearness").nearness(spec, problem, certificate.base.distance)
            if problem.nearby else None)
    if within is not None and near is None:
        raise Usage("--within: the certificate has base given, whose solution is the weights themselves")
    timed = import_module("certify.check.over_time") if any(gate.over_time for gate in spec.gates) else None
    _compare(certificate.problem, describe(problem, spec, merge) | ({} if near is None else near.members) | (
        {} if timed is None else timed.arrays(spec)))
    if (spec.evaluation or spec.functionals) is not None:
        import_module("certify.check.reading.label_rules").check_counted(spec, problem, asked)
    tell(f"the problem is the spec's: {problem.equations} equations, {problem.parameters} parameters")
    check_asked(certificate.claims, spec)
    claims = tuple(witnessed(claim, problem) for claim in certificate.claims)
    afford(problem, claims, True)
    ladder, solved, side = _solution(certificate.base, claims, problem, contents.get("witness"), tell, afford)
    # a certificate of before V62 lacks the member, and states what the ends alone give: what is printed does not
    owned = near is not None and near.far and "within" in certificate.problem
    outcomes = check_claims(claims, spec, ladder, certificate.base if solved else None, side, owned)
    verdict, gates = overall(outcomes)
    for member, stated, found in (("verdict", certificate.verdict, verdict), ("gates", certificate.gates, gates)):
        if stated != found:
            raise Invalid(member, f"{show(stated)} is stated", f"the claims give {show(found)}")
    near = near if near is None or within is None else replace(near, within=within)
    far, over, chosen = near is not None and near.far, None, None
    if "over_time" in certificate.top or timed is not None:
        over = import_module("certify.check.over_time").check_over_time(certificate, spec.gates, claims, far, baseline)
    if (merge and problem.groups) or certificate.base.tilt is not None or allowed is not None:
        chosen = import_module("certify.check.choices.allowed").chosen(certificate.base, claims, problem, allowed)
    unsure = far or (chosen is not None and bool(chosen.unasked))
    used = tuple(evaluate(*pair, unsure) for pair in thresholds(claims, spec.gates, asked))
    source = "the command line" if asked else "the digest-bound spec" if spec.gates else "none"
    if asked and any(outcome.gate not in asked and outcome.gate is not None for outcome in used):
        source = "the command line and the digest-bound spec"
    files = tuple((role, str(places.found[role]), record.sha256) for role, record in certificate.subject.items())
    return Result(certificate, used, *overall(used), source, near, files, over, chosen)


def _solution(
    base: Base, claims: Sequence[Claim[Witness]], problem: Problem, witness: bytes | None, tell: Tell,
    afford: Afford,
) -> tuple[Ladder, bool, Mapping[str, Array]]:
    """V7 and V19: the evidence at the solution, whether one is proved, and the arrays of the side file."""

    def side() -> Mapping[str, Array]:
        if witness is None and not problem.nearby and not any(array_names(claim.witness) for claim in claims):
            return {}  # nothing could need one
        from certify.check.reading.side import read_side
        found = read_side(claims, base, problem, witness)
        if any(x in name for name in found for x in (".pair_tree.", ".softmax_", ".by_choice.", ".box")):
            afford(problem, claims, True, found)
        return found

    if not problem.solutions.by_row or problem.nearby:
        from certify.check.solution import solution

        return solution(base, claims, problem, side, tell, lambda: afford(problem, claims, False))
    from certify.check.systems.base import check_base

    ladder = Ladder(problem, tell)
    check_base(base, ladder)
    return ladder, base.distance is not None, side()


def _compare(stated: Json, found: Json) -> None:
    """V6: the member `problem` is the one the files give, member by member."""
    for name in sorted(stated.keys() | found.keys()):
        if name in OPTIONAL and name not in stated:
            continue
        if name not in stated or name not in found:
            raise Invalid(f"problem.{name}", "it is there" if name in stated else "it is missing",
                          f"the members are {', '.join(sorted(found))}")
        if not same(stated[name], found[name]):
            raise Invalid(f"problem.{name}", f"{show(stated[name])} is stated",
                          f"spec, model and data give {show(found[name])}")
