"""The order of checking a certificate, and what comes of it; the first bad step ends it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from certify.check.claims import check_claims
from certify.check.reading.arrays import Array
from certify.check.reading.certificate import Certificate, read_certificate
from certify.check.reading.files import Places, check_named, read_bytes, read_file
from certify.check.reading.spec import Gate, Spec, check_promise, read_spec
from certify.check.reading.subject import Problem, build_problem, describe
from certify.check.systems.base import check_base
from certify.check.systems.point import Ladder
from certify.check.verdicts import Outcome, evaluate, overall, thresholds
from certify.format.canonical import Json, same, show
from certify.format.refusal import Invalid

if TYPE_CHECKING:
    from certify.check.systems.nearness import Nearness

Tell = Callable[[str], None]
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
        files: path and digest of every file, by role.
    """

    certificate: Certificate
    outcomes: tuple[Outcome, ...]
    verdict: str
    gates: str
    source: str
    near: Nearness | None = None
    files: tuple[tuple[str, str, str], ...] = ()


def check(
    path: Path, given: dict[str, Path | None], asked: Sequence[Gate] = (), tell: Tell = lambda _: None,
    within: float | None = None,
) -> Result:
    """Check a certificate against the original files.

    The order is that of proofs/certificate-format.md; the first bad step ends it.

    Args:
        path: the certificate.
        given: paths of spec, model, data and witness; None for the recorded ones.
        asked: thresholds that replace those of the spec.
        tell: called with a line of progress.
        within: base `nearby`: the share of the length of the weights that counts, instead of the spec's.

    Raises:
        Invalid: a byte, a member or a claim does not check.
        Usage: a threshold on a quantity the certificate has no claim about, or `within` with base `given`.
    """
    certificate = read_certificate(read_bytes(path, "certificate file"), f"certificate file {show(str(path))}")
    for gate in asked:
        if gate.quantity not in {claim.quantity for claim in certificate.claims}:
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
    near = _nearness(spec, problem, certificate.base.distance)
    if within is not None and near is None:
        raise Usage("--within: the certificate has base given, whose solution is the weights themselves")
    _compare(certificate.problem, describe(problem, spec, merge) | ({} if near is None else near.members))
    if spec.evaluation is not None:
        from certify.check.reading.label_rules import check_counted

        check_counted(spec, problem, asked)
    tell(f"the problem is the spec's: {problem.equations} equations, {problem.parameters} parameters")
    ladder, solved, side = _solution(certificate, problem, contents.get("witness"), tell)
    # a certificate of before V62 lacks the member, and states what the ends alone give: what is printed does not
    owned = near is not None and near.far and "within" in certificate.problem
    outcomes = check_claims(certificate.claims, spec, ladder, certificate.base if solved else None, side, owned)
    verdict, gates = overall(outcomes)
    for member, stated, found in (("verdict", certificate.verdict, verdict), ("gates", certificate.gates, gates)):
        if stated != found:
            raise Invalid(member, f"{show(stated)} is stated", f"the claims give {show(found)}")
    near = near if near is None or within is None else replace(near, within=within)
    far = near is not None and near.far
    used = tuple(evaluate(*pair, far) for pair in thresholds(certificate.claims, spec.gates, asked))
    source = "the command line" if asked else "the digest-bound spec" if spec.gates else "none"
    if asked and any(outcome.gate not in asked and outcome.gate is not None for outcome in used):
        source = "the command line and the digest-bound spec"
    files = tuple((role, str(places.found[role]), record.sha256) for role, record in certificate.subject.items())
    return Result(certificate, used, *overall(used), source, near, files)


def _nearness(spec: Spec, problem: Problem, distance: float | None) -> Nearness | None:
    if problem.base != "nearby":
        return None
    from certify.check.systems.nearness import nearness

    return nearness(spec, problem, distance)


def _solution(
    certificate: Certificate, problem: Problem, witness: bytes | None, tell: Tell,
) -> tuple[Ladder, bool, Mapping[str, Array]]:
    """V7 and V19: the base point, the evidence there, whether a solution is proved, and the arrays of the side file."""
    base, ladder = certificate.base, Ladder(problem, tell, tilt=certificate.base.tilt)
    critical = ""
    if problem.map == "critical":
        from certify.check.systems.critical_base import case_of, check_critical_base

        critical = case_of(certificate.claims, problem)
        check_critical_base(base, ladder, critical)
    else:
        check_base(base, ladder)
    solved = base.distance is not None and (not critical or problem.base == "nearby" or base.tilt is not None)
    side = _side(certificate, problem, witness)
    if critical == "convex" and base.distance is not None and not problem.bias_decay:
        from certify.check.theorems.head.rows.base import check_free

        check_free(base.distance, ladder, [claim.array for claim in certificate.claims], side)
    if critical == "convex":
        tell(f"the one solution lies within {base.distance!r}" if solved else "no solution is stated")
    elif problem.base == "nearby" and base.distance is not None:
        from certify.check.systems.nearby import interpolating, solve

        if critical and critical != "M5a":
            from certify.check.systems.critical_nearby import critical_point, rungs

            centre, known = solve(problem, base, side, critical_point)
            ladder = Ladder(problem, tell, centre, known, rungs=rungs(known))
        else:
            ladder = Ladder(problem, tell, solve(problem, base, side, interpolating)[0])
        tell("an exact solution lies within the stated distance")
    return ladder, solved, side


def _side(certificate: Certificate, problem: Problem, data: bytes | None) -> Mapping[str, Array]:
    """The arrays of the side file; none where there is no file, and nothing that could need one."""
    named = any((claim.array, claim.constants) != (None, None) for claim in certificate.claims)
    if data is None and not named and problem.base != "nearby":
        return {}
    from certify.check.reading.side import read_side

    return read_side(certificate, problem, data)


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
