"""`certify check`: the order of checking, the command line, and what is printed."""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO

from certify.check.claims import check_claims
from certify.check.reading.arrays import Array
from certify.check.reading.canonical import Json, same, show
from certify.check.reading.certificate import FORMAT, QUANTITIES, Certificate, read_certificate
from certify.check.reading.files import DIGITS, Places, check_named, read_bytes, read_file
from certify.check.reading.label_rules import QUANTITY as LABELS
from certify.check.reading.label_rules import check_counted, check_promise, meaning
from certify.check.reading.refusal import Invalid, Usage
from certify.check.reading.side import read_side
from certify.check.reading.spec import Gate, Spec, read_spec
from certify.check.reading.spec_parts import number_of
from certify.check.reading.subject import Problem, build_problem, describe
from certify.check.systems.base import check_base
from certify.check.systems.point import Ladder
from certify.check.verdicts import INTERRUPTED, INVALID, Outcome, evaluate, exit_status, overall, thresholds

if TYPE_CHECKING:
    from certify.check.systems.nearness import Nearness

Tell = Callable[[str], None]
ROLES = ("spec", "model", "graph", "data", "reference", "change", "evaluation", "witness")
OPTIONAL = ("radius", "reparameterised", "names", "count", "within", "weights_length")
"""Members of the problem that certificates written before they existed lack: they claim nothing, or false is meant."""
WORDS = {"critical": "critical point", "interpolation": "solution"}


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
    side = read_side(certificate, problem, witness)
    if critical == "Q6":
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


def main(argv: Sequence[str] | None = None) -> int:
    """Run `certify check` and return its exit status.

    0: no gate of severity fail failed or is open; 3: one failed; 4: one is open, or there is no gate and nothing was
    proved; 2: invalid, or a wrong command line; 130: interrupted.
    """
    arguments = sys.argv[1:] if argv is None else list(argv)
    as_json = "--json" in arguments
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    start = time.perf_counter()
    try:
        options = _parser().parse_args(arguments)
        given = {role: getattr(options, role) for role in ROLES}

        def tell(line: str) -> None:
            if not options.quiet:
                print(f"{time.perf_counter() - start:6.1f} s  {line}", file=sys.stderr, flush=True)

        result = check(options.certificate, given, [*options.max, *options.min], tell, options.within)
    except Usage as error:
        print(f"certify check: {error}", file=sys.stderr)
        return INVALID
    except Invalid as error:
        _print(f"invalid {error}", {"format": FORMAT, "verdict": "invalid", "where": error.where,
                                    "claimed": error.claimed, "found": error.found}, as_json)
        return INVALID
    except MemoryError:
        print("certify check: out of memory", file=sys.stderr)
        return INVALID
    except KeyboardInterrupt:
        print("certify check: interrupted", file=sys.stderr)
        return INTERRUPTED
    if not options.quiet:
        for line in _notes(result):
            _say(line, sys.stderr)
    found = _object(result)
    if options.trusted:
        from certify.check import trusted

        found["trusted"] = trusted.members(trusted.rings())
    _print(line_of(result), found, as_json)
    if options.trusted and not as_json:
        print(trusted.table(trusted.rings()), flush=True)
    return exit_status(result.outcomes)


def _notes(result: Result) -> list[str]:
    """What it is about and held against: thresholds, files with the first digits of their digests, a caution."""
    files = ", ".join(f"{role} {path} {digest[:DIGITS]}" for role, path, digest in result.files)
    caution = "" if result.near is None else result.near.caution()
    return [f"thresholds from {result.source}", f"files: {files}", *([caution] if caution else [])]


class _Parser(argparse.ArgumentParser):
    """An argument parser that raises instead of leaving the program."""

    def error(self, message: str) -> NoReturn:
        """Raise `Usage` with the message."""
        raise Usage(f"{message} (see certify check --help)")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="certify check", allow_abbrev=False,
                     description="Re-derive every claim of a certificate from the original files.")
    parser.add_argument("certificate", type=Path, metavar="CERT", help="certificate.json")
    for role in ROLES:
        parser.add_argument(f"--{role}", type=Path, metavar="FILE",
                            help=f"the {role} file (default: the recorded path, or its name beside the certificate)")
    for side in ("max", "min"):
        parser.add_argument(f"--{side}", metavar="QUANTITY=VALUE", action="append", default=[], type=_threshold(side),
                            help=f"{side}imum to hold the claim against, instead of the spec's gates on it")
    parser.add_argument("--within", metavar="SHARE", type=_share,
                        help="base nearby: how far the solution may be from the weights, as a share of their length, "
                             "instead of the spec's (default 1e-6)")
    parser.add_argument("--trusted", action="store_true",
                        help="after the verdict the files of certify that it rests on, with their lines")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress on stderr")
    return parser


def _threshold(side: str) -> Callable[[str], Gate]:
    def parse(text: str) -> Gate:
        quantity, equals, value = text.partition("=")
        if not equals or quantity not in QUANTITIES:
            raise argparse.ArgumentTypeError(f"{text!r} is not QUANTITY=VALUE with {', '.join(QUANTITIES)}")
        threshold = number_of(value)
        if threshold is None:
            raise argparse.ArgumentTypeError(f"{value!r} is not a finite number")
        return Gate(quantity, side, threshold)

    return parse


def _share(text: str) -> float:
    value = number_of(text)
    if value is None or not value > 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a finite number above 0")
    return value


def _print(line: str, value: Json, as_json: bool) -> None:
    """The verdict line on stdout, or the object there and the line on stderr."""
    if as_json:
        print(json.dumps(value, allow_nan=False))
    _say(line, sys.stderr if as_json else sys.stdout)


def _say(line: str, stream: TextIO) -> None:
    """One line; what cannot be printed of names in it is left out."""
    print("".join(c if c.isprintable() else "?" for c in line), file=stream, flush=True)


def line_of(result: Result) -> str:
    """The verdict with every claim, its threshold and its proved ends, on one line; first those that decided it."""
    deciding_first = sorted(result.outcomes, key=lambda outcome: outcome.verdict != result.verdict)
    problem = result.certificate.problem
    label = meaning(problem["outputs"], problem.get("threshold"))
    parts = [_words(outcome, label) for outcome in deciding_first]
    more = ["equal rows count as one"] if result.certificate.problem["merge_duplicates"] else []
    base = result.certificate.base
    if result.near is not None:
        more.append(_where(result.near, WORDS[str(result.certificate.problem["map"])]))
    if base.tilt is not None:  # as merged rows a choice that is part of the claim, and not in the spec
        where = "through the outputs" if base.tilt == "output" else "in weight space"
        more.append(f"of the loss tilted {where} by at most {base.shift_norm!r}")
    refuted = [outcome.gate for outcome in result.outcomes if outcome.verdict == "refuted"]
    warned = refuted and all(gate is not None and gate.severity == "warn" for gate in refuted)
    only = "; refuted by a warn gate only" if warned else ""
    return f"{result.verdict} {'; '.join(parts + more)} [thresholds: {result.source}{only}]"


def _where(near: Nearness, kind: str) -> str:
    """Where the solution is that the claims are about, and what to do where it is too far for them to count."""
    if near.distance is None:
        return f"no exact {kind} proved nearby"
    share = f", {near.share} of their length" if near.share else ""
    words = f"at an exact {kind} within {near.distance!r} of the given weights{share}"
    if not near.far:
        return words
    return (f"{words}: too far, at most {near.within!r} of it counts (solution.within in the spec, or --within), so "
            f"the ends are about that {kind}, not about these weights")


def _words(outcome: Outcome, label: str) -> str:
    claim = outcome.claim
    if claim.equal_rows is not None:
        proved = f"infinite: rows {claim.equal_rows[0]} and {claim.equal_rows[1]} are equal"
    elif claim.lower is None and claim.upper is None:
        proved = "nothing proved"
    else:
        low = "0" if claim.lower is None else repr(claim.lower)
        proved = f"proved in [{low}, {'∞' if claim.upper is None else repr(claim.upper)}]"
        if claim.radius_u is not None:  # what the upper end is about is in the certificate, not in the spec
            proved += f" for data changes up to {claim.radius_u!r}, weights within {claim.radius_w!r}"
        if claim.theorem == "P2":  # likewise
            proved += f" for all weights within {claim.reach!r}"
        agreed = next((h.value for h in claim.hypotheses if h.name == "agreement"), 0)  # derived; unstated is unproved
        if claim.theorem == "P1" and claim.row_upper is not None and agreed != len(claim.row_upper):
            proved += f" at the nearest solution, others nearby agree at {agreed:.0f} of {len(claim.row_upper)} rows"
        if claim.quantity == LABELS:
            proved += f", label: {label}"
    name = claim.quantity if outcome.gate is None else f"{outcome.gate} {outcome.state}"
    warn = ", warning only" if outcome.gate is not None and outcome.gate.severity == "warn" else ""
    return f"{name} ({proved}{warn})"


def _object(result: Result) -> Json:
    """The same as one JSON object, with the members that `certify run --json` has."""
    claims, near = [], result.near
    far = near if near is not None and near.far else None
    for outcome in result.outcomes:
        claim, gate = outcome.claim, outcome.gate
        entry: Json = {
            "quantity": claim.quantity, "theorem": claim.theorem, "rigour": claim.rigour, "verdict": outcome.verdict,
            "gate": outcome.state, "lower": claim.lower, "upper": claim.upper, "unit": claim.unit,
            "reason": claim.reason if far is None else _where(far, WORDS[str(result.certificate.problem["map"])]),
        }
        claims.append(entry if gate is None else entry | {gate.side: gate.value, "severity": gate.severity})
    base = result.certificate.base
    return {"format": FORMAT, "verdict": result.verdict, "gates": result.gates, "claims": claims,
            "base": {"residual": base.residual, "distance": base.distance} | (
                {} if base.tilt is None else {"tilt": base.tilt, "shift_norm": base.shift_norm}) | (
                {} if near is None else near.members),
            "thresholds": result.source,
            "files": {role: {"path": path, "sha256": digest} for role, path, digest in result.files}}
