"""`certify check`: the order of checking, the command line, and what is printed."""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from certify.check.claims import check_claims
from certify.check.reading.canonical import Json, same, show
from certify.check.reading.certificate import FORMAT, QUANTITIES, Certificate, read_certificate
from certify.check.reading.files import read_bytes, read_subject
from certify.check.reading.refusal import Invalid, Usage
from certify.check.reading.side import read_side
from certify.check.reading.spec import Gate, read_spec
from certify.check.reading.spec_parts import number_of
from certify.check.reading.subject import build_problem, describe
from certify.check.systems.base import check_base
from certify.check.systems.point import Ladder
from certify.check.verdicts import EXIT, INTERRUPTED, INVALID, Outcome, evaluate, overall, thresholds

Tell = Callable[[str], None]
ROLES = ("spec", "model", "graph", "data", "reference", "change", "evaluation", "witness")
OPTIONAL = ("radius", "reparameterised", "names", "count")
"""Members of the problem that certificates written before they existed lack: they claim nothing, or false is meant."""


@dataclass(frozen=True)
class Result:
    """A certificate that checked, under the thresholds that were used.

    Attributes:
        outcomes: one for each claim and threshold.
        verdict, gates: over all outcomes.
        source: where the thresholds come from, in words.
    """

    certificate: Certificate
    outcomes: tuple[Outcome, ...]
    verdict: str
    gates: str
    source: str


def check(
    path: Path, given: dict[str, Path | None], asked: Sequence[Gate] = (), tell: Tell = lambda _: None,
) -> Result:
    """Check a certificate against the original files.

    The order is that of proofs/certificate-format.md; the first bad step ends it.

    Args:
        path: the certificate.
        given: paths of spec, model, data and witness; None for the recorded ones.
        asked: thresholds that replace those of the spec.
        tell: called with a line of progress.

    Raises:
        Invalid: a byte, a member or a claim does not check.
        Usage: a threshold on a quantity the certificate has no claim about.
    """
    certificate = read_certificate(read_bytes(path, "certificate file"), f"certificate file {show(str(path))}")
    for gate in asked:
        if gate.quantity not in {claim.quantity for claim in certificate.claims}:
            raise Usage(f"--{gate.side} {gate.quantity}: the certificate has no claim on {gate.quantity}")
    contents = read_subject(certificate.subject, path.parent, given)
    tell("the bytes of all files are the ones it binds")
    merge = certificate.problem.get("merge_duplicates")
    if not isinstance(merge, bool):
        raise Invalid("problem.merge_duplicates", show(merge), "true or false is needed")
    spec = read_spec(contents["spec"])
    problem = build_problem(spec, contents["model"], contents["data"], merge, contents.get("graph"),
                            contents.get("change"), contents.get("reference"), contents.get("evaluation"))
    _compare(certificate.problem, describe(problem, spec, merge))
    tell(f"the problem is the spec's: {problem.equations} equations, {problem.parameters} parameters")
    base, ladder = certificate.base, Ladder(problem, tell, tilt=certificate.base.tilt)
    critical = ""
    if problem.map == "critical":
        from certify.check.systems.critical_base import case_of, check_critical_base

        critical = case_of(certificate.claims, problem)
        check_critical_base(base, ladder, critical)
    else:
        check_base(base, ladder)
    side = read_side(certificate, problem, contents.get("witness"))
    if critical == "Q6":
        tell("the one solution lies within the stated distance")
    elif problem.base == "nearby" and base.distance is not None:
        from certify.check.systems.nearby import interpolating, solve

        if critical and critical != "M5a":
            from certify.check.systems.critical_nearby import critical_point, rungs

            centre, known = solve(problem, base, side, critical_point)
            ladder = Ladder(problem, tell, centre, known, rungs=rungs(known))
        else:
            ladder = Ladder(problem, tell, solve(problem, base, side, interpolating)[0])
        tell("an exact solution lies within the stated distance")
    solved = base.distance is not None and (not critical or problem.base == "nearby" or base.tilt is not None)
    outcomes = check_claims(certificate.claims, spec, ladder, base if solved else None, side)
    verdict, gates = overall(outcomes)
    for member, stated, found in (("verdict", certificate.verdict, verdict), ("gates", certificate.gates, gates)):
        if stated != found:
            raise Invalid(member, f"{show(stated)} is stated", f"the claims give {show(found)}")
    used = tuple(evaluate(*pair) for pair in thresholds(certificate.claims, spec.gates, asked))
    source = "the command line" if asked else "the digest-bound spec" if spec.gates else "none"
    if asked and any(outcome.gate not in asked and outcome.gate is not None for outcome in used):
        source = "the command line and the digest-bound spec"
    return Result(certificate, used, *overall(used), source)


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

    0: no gate of severity fail failed or is open; 3: one failed; 4: one is open; 2: invalid, or a wrong command
    line; 130: interrupted.
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

        result = check(options.certificate, given, [*options.max, *options.min], tell)
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
        print(f"thresholds from {result.source}", file=sys.stderr)
    found = _object(result)
    if options.trusted:
        from certify.check import trusted

        found["trusted"] = trusted.members(trusted.rings())
    _print(line_of(result), found, as_json)
    if options.trusted and not as_json:
        print(trusted.table(trusted.rings()), flush=True)
    return EXIT[result.gates]


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


def _print(line: str, value: Json, as_json: bool) -> None:
    """The verdict line on stdout, or the object there and the line on stderr."""
    if as_json:
        print(json.dumps(value, allow_nan=False))
    line = "".join(c if c.isprintable() else "?" for c in line)
    print(line, file=sys.stderr if as_json else sys.stdout, flush=True)


def line_of(result: Result) -> str:
    """The verdict with every claim, its threshold and its proved ends, on one line; first those that decided it."""
    deciding_first = sorted(result.outcomes, key=lambda outcome: outcome.verdict != result.verdict)
    parts = [_words(outcome) for outcome in deciding_first]
    more = ["equal rows count as one"] if result.certificate.problem["merge_duplicates"] else []
    base = result.certificate.base
    if base.tilt is not None:  # as merged rows a choice that is part of the claim, and not in the spec
        where = "through the outputs" if base.tilt == "output" else "in weight space"
        more.append(f"of the loss tilted {where} by at most {base.shift_norm!r}")
    return f"{result.verdict} {'; '.join(parts + more)} [thresholds: {result.source}]"


def _words(outcome: Outcome) -> str:
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
    name = claim.quantity if outcome.gate is None else f"{outcome.gate} {outcome.state}"
    warn = ", warning only" if outcome.gate is not None and outcome.gate.severity == "warn" else ""
    return f"{name} ({proved}{warn})"


def _object(result: Result) -> Json:
    """The same as one JSON object, with the members that `certify run --json` has."""
    claims = []
    for outcome in result.outcomes:
        claim, gate = outcome.claim, outcome.gate
        entry: Json = {
            "quantity": claim.quantity, "theorem": claim.theorem, "rigour": claim.rigour, "verdict": outcome.verdict,
            "gate": outcome.state, "lower": claim.lower, "upper": claim.upper, "unit": claim.unit,
            "reason": claim.reason,
        }
        claims.append(entry if gate is None else entry | {gate.side: gate.value, "severity": gate.severity})
    base = result.certificate.base
    return {"format": FORMAT, "verdict": result.verdict, "gates": result.gates, "claims": claims,
            "base": {"residual": base.residual, "distance": base.distance} | (
                {} if base.tilt is None else {"tilt": base.tilt, "shift_norm": base.shift_norm}),
            "thresholds": result.source}
