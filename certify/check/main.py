"""`certify check`: the command line, and what is printed. What is checked, and in which order, says `run`."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO

from certify.check.kernel import CHANCE
from certify.check.limits.held import Limits, TooLarge, end_with, hold, object_of, supervise
from certify.check.limits.numbers import number_of, seconds_of, size_of
from certify.check.reading.certificate import QUANTITIES, RANGES, Number
from certify.check.reading.files import DIGITS, read_bytes
from certify.check.reading.spec import Gate
from certify.check.run import Result, Tell, Usage, check
from certify.check.verdicts import EXIT, INTERRUPTED, INVALID, Outcome, exit_status
from certify.format.canonical import FORMAT, Json, show
from certify.format.refusal import Invalid

if TYPE_CHECKING:
    from certify.check.choices.allowed import Allowed
    from certify.check.systems.nearness import Nearness

ROLES = ("spec", "model", "graph", "data", "labels", "reference", "change", "evaluation", "witness")
SHARES, ALIVE = "certify.check.limits.shares", "certify.check.limits.alive"
CHOICES = ("merge_duplicates", "weight_tilt", "max_tilt", "least_radius_u", "least_radius_w")
STORED = b'"format":"certify-rows/1"'
"""What is in certificates about rows on disk, and in no other: a quote in a text is escaped."""

CHANGES = {"count": None, "radius": None, "relative": None, "norm": 2, "rows": "all", "layer": "all", "scale": None,
           "grouped": None, "fresh": None, "pairs": None, "relabelled": None, "direction": None, "class_weight": None,
           "row_weights": None, "normalization": None}
"""What a spec says of the changes besides their parameter and set, and what stands there where it says nothing: also
what the rows that are left count after them."""

WORDS = {"critical": "critical point", "interpolation": "solution"}


def main(argv: Sequence[str] | None = None, supervised: bool = False) -> int:
    """Run `certify check` and return its exit status.

    0: no gate of severity fail failed or is open; 3: one failed; 4: one is open, or there is no gate and nothing was
    proved, or a limit was reached; 2: invalid, or a wrong command line; 130: interrupted.

    Args:
        argv: of the command line.
        supervised: whether another process ends this one when its time is up.
    """
    arguments = sys.argv[1:] if argv is None else list(argv)
    as_json = "--json" in arguments
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    start = time.perf_counter()
    try:
        options = _parser().parse_args(arguments)
        limits = Limits(options.seconds, options.memory, options.jobs)
        if limits and not supervised:
            return supervise(arguments, limits)
        if supervised:
            end_with(os.getppid())
        hold(limits)

        def tell(line: str) -> None:
            if not options.quiet:
                print(f"{time.perf_counter() - start:6.1f} s  {line}", file=sys.stderr, flush=True)

        with (nullcontext() if options.quiet else import_module(ALIVE).alive(tell),
              import_module(SHARES).among(options.jobs) if options.jobs > 1 else nullcontext()):
            if about_stored(options.certificate):
                return int(import_module("certify.check.stored.main").main(options, limits, tell))
            result, drawn = _checked(options, tell, limits)
        if options.baseline is not None and result.over is None:
            raise Usage("--baseline: the spec has no gate with max_increase or max_decrease")
    except Usage as error:
        print(f"certify check: {error}", file=sys.stderr)
        return INVALID
    except Invalid as error:
        _print(f"invalid {error}", {"format": FORMAT, "verdict": "invalid", "where": error.where,
                                    "claimed": error.claimed, "found": error.found}, as_json)
        return INVALID
    except TooLarge as error:
        _print(f"inconclusive {error}", object_of(str(error)), as_json)
        return EXIT["open"]
    except MemoryError:
        if supervised:
            words = "the memory that --memory allows was not enough, and nothing is known of the certificate"
            _print(f"inconclusive {words}", object_of(words), as_json)
            return EXIT["open"]
        print("certify check: out of memory", file=sys.stderr)
        return INVALID
    except KeyboardInterrupt:
        print("certify check: interrupted", file=sys.stderr)
        return INTERRUPTED
    caution = "" if result.near is None else result.near.caution()
    for line in (*(() if options.quiet else _notes(result)), *([caution] if caution else [])):
        say(line, sys.stderr)
    found = _object(result) | {"soundness": {"mode": "probes", "bounds": drawn, "error": "2^-64"} if drawn else
                               {"mode": "exact"}}
    if options.trusted:
        from certify.check import trusted

        found["trusted"] = trusted.members(trusted.rings())
    _print(line_of(result, len(drawn)), found, as_json)
    if options.trusted and not as_json:
        print(trusted.table(trusted.rings()), flush=True)
    over = 0 if result.over is None else worst(result.over.status, EXIT["open" if _unasked(result) else "met"])
    return worst(exit_status(result.outcomes), over)


def about_stored(path: Path) -> bool:
    """Whether a certificate is about rows on disk: canonical JSON says so in these bytes."""
    inside = path / "certificate.json"
    return STORED in read_bytes(path, "certificate file", f"; check {show(str(inside))}" if inside.is_file() else "")


def _checked(options: argparse.Namespace, tell: Tell, limits: Limits) -> tuple[Result, list[str]]:
    """The certificate checked, and what random probes decided of it."""
    given, drawn = {role: getattr(options, role) for role in ROLES}, list[str]()
    token = CHANCE.set(None if options.exact else drawn)
    try:
        return check(options.certificate, given, [*options.max, *options.min], tell, options.within, options.baseline,
                     _allowed(options), limits.afford(tell) if limits or not options.quiet else lambda *_: None), drawn
    finally:
        CHANCE.reset(token)


def worst(*statuses: int) -> int:
    """The status that counts of several: 3, then 4, then 0.

    >>> worst(0, 4), worst(4, 3), worst(0, 0)
    (4, 3, 0)
    """
    return next((status for status in (EXIT["failed"], EXIT["open"]) if status in statuses), EXIT["met"])


def _notes(result: Result) -> list[str]:
    """What it is about and held against: thresholds, files with the first digits of their digests."""
    files = ", ".join(f"{role} {path} {digest[:DIGITS]}" for role, path, digest in result.files)
    about = result.certificate.problem.get("about")
    more = import_module("certify.check.origin").lines(about, result.files) if about else []
    suppressed = ["stated and not heeded: suppressions of gates, which certify check counts all the same"]
    more += suppressed if "suppressed" in result.certificate.top else []
    return [f"thresholds from {result.source}", f"files: {files}", *more]


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
        parser.add_argument(f"--{side}", metavar="QUANTITY=VALUE", action="append", default=[], type=threshold_of(side),
                            help=f"{side}imum to hold the claim against, instead of the spec's gates on it")
    parser.add_argument("--within", metavar="SHARE", type=_positive,
                        help="base nearby: how far the solution may be from the weights, as a share of their length, "
                             "instead of the spec's (default 1e-6)")
    for flag, may in (("merge-duplicates", "equal rows may count as one"),
                      ("weight-tilt", "the loss may be tilted in weight space")):
        parser.add_argument(f"--{flag}", action="store_true", help=f"{may}, which the certificate alone says")
    parser.add_argument("--max-tilt", metavar="LENGTH", type=_positive,
                        help="how long a tilt of the loss may be; a longer one decides nothing")
    for name in ("u", "w"):
        parser.add_argument(f"--least-radius-{name}", metavar="LENGTH", type=_positive,
                            help=f"aubin: how large radius_{name} has to be; a smaller one decides nothing")
    parser.add_argument("--baseline", type=Path, metavar="CERT",
                        help="the certificate that gates over time compare with; without it they are not checked")
    parser.add_argument("--exact", action="store_true",
                        help="nothing by random probes, which decide about large matrices and are wrong with a "
                             "probability below 2^-64; takes longer")
    parser.add_argument("--seconds", metavar="S", type=seconds_of,
                        help="how long the check may take: one that takes longer is refused by an estimate, or ended, "
                             "and both are inconclusive")
    parser.add_argument("--memory", metavar="SIZE", type=size_of,
                        help="how much memory it may take, as 4GB: the same")
    parser.add_argument("--jobs", metavar="N", type=lambda text: import_module(SHARES).jobs_of(text), default=1,
                        help="processes that share predictions under changed rows (default 1; -1: all processors)")
    parser.add_argument("--trusted", action="store_true",
                        help="after the verdict the files of certify that it rests on, with their lines")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress on stderr")
    return parser


def _allowed(options: argparse.Namespace) -> Allowed | None:
    """What the caller lets the certificate choose; None where nothing is said."""
    said = [getattr(options, name) for name in CHOICES]
    found: Allowed | None = import_module("certify.check.choices.allowed").Allowed(*said) if any(said) else None
    return found


def threshold_of(side: str) -> Callable[[str], Gate]:
    """What reads the value of `--max` or `--min`."""
    def parse(text: str) -> Gate:
        quantity, equals, value = text.partition("=")
        if not equals or quantity not in QUANTITIES:
            raise argparse.ArgumentTypeError(f"{text!r} is not QUANTITY=VALUE with {', '.join(QUANTITIES)}")
        threshold, labels = number_of(value), import_module("certify.format.labels")
        counted = quantity in (labels.STABLE, labels.CORRECT)
        if threshold is None:
            how = "; write how many predictions, a share is read by certify audit alone" if counted else ""
            raise argparse.ArgumentTypeError(f"{value!r} is not a finite number{how}")
        if counted and not threshold.is_integer():
            raise argparse.ArgumentTypeError(f"{value!r} predictions, which are whole ones; write how many: a share of "
                                             "them is read by certify audit alone, as 95%")
        return Gate(quantity, side, threshold)

    return parse


def _positive(text: str) -> float:
    value = number_of(text)
    if value is None or not value > 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a finite number above 0")
    return value


def _print(line: str, value: Json, as_json: bool) -> None:
    """The verdict line on stdout, or the object there and the line on stderr."""
    if as_json:
        print(json.dumps(value, allow_nan=False))
    say(line, sys.stderr if as_json else sys.stdout)


def say(line: str, stream: TextIO) -> None:
    """One line; what cannot be printed of names in it is left out."""
    print("".join(c if c.isprintable() else "?" for c in line), file=stream, flush=True)


def line_of(result: Result, drawn: int = 0) -> str:
    """The verdict with every claim, its threshold and its proved ends, on one line; first those that decided it.

    Of the bounds so many as were `drawn` rest on random probes.
    """
    deciding_first = sorted(result.outcomes, key=lambda outcome: outcome.verdict != result.verdict)
    parts = [_words(outcome, result.certificate.problem) for outcome in deciding_first]
    more = [changes_words(result.certificate.problem), *_about(result), *(() if result.over is None else
            result.over.lines)]
    refuted = [outcome.gate for outcome in result.outcomes if outcome.verdict == "refuted"]
    warned = refuted and all(gate is not None and gate.severity == "warn" for gate in refuted)
    only = "; refuted by a warn gate only" if warned else ""
    by_chance = f"; {drawn} bounds by random probes, wrong with a probability below 2^-64" if drawn else ""
    return f"{result.verdict} {'; '.join(parts + more)} [thresholds: {result.source}{only}{by_chance}]"


def changes_words(problem: Json) -> str:
    """Which changes the claims are about, in the words of the spec, which has been compared with the certificate.

    >>> changes_words({"parameter": "deletions", "set": "sparse", "count": 2, "norm": 2, "rows": "all"})
    'changes: deletions, sparse, count 2'
    """
    said = [f"{key} {show(problem[key], 60)}" for key, usual in CHANGES.items() if problem.get(key, usual) != usual]
    return ", ".join([f"changes: {problem['parameter']}", str(problem["set"]), *said])


def _about(result: Result) -> list[str]:
    """What the certificate chose, and where the solution is that its claims are about."""
    near = [] if result.near is None else [_where(result.near, WORDS[str(result.certificate.problem["map"])])]
    return [*(() if result.chosen is None else result.chosen.lines), *near]


def _unasked(result: Result) -> list[str]:
    """What the certificate chose and nobody asked for."""
    return [] if result.chosen is None else [*result.chosen.unasked]


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


def _words(outcome: Outcome, problem: Json) -> str:
    claim = outcome.claim
    proved = proved_words(claim.quantity, claim.lower, claim.upper, claim.witness.scope(claim, problem))
    if claim.witness.infinite is not None:
        proved = "infinite: rows {} and {} are equal".format(*claim.witness.infinite)
    name = claim.quantity if outcome.gate is None else f"{outcome.gate} {outcome.state}"
    warn = ", warning only" if outcome.gate is not None and outcome.gate.severity == "warn" else ""
    return f"{name} ({proved}{warn})"


def proved_words(quantity: str, lower: Number | None, upper: Number | None, scope: str) -> str:
    """The proved ends of a quantity, in words."""
    low = ("-∞" if RANGES.get(quantity) else "0") if lower is None else repr(lower)
    ends = f"proved in [{low}, {'∞' if upper is None else repr(upper)}]{scope}"
    return "nothing proved" if lower is None and upper is None else ends


def _object(result: Result) -> Json:
    """The same as one JSON object, with the members that `certify run --json` has."""
    claims, near = [], result.near
    about = "; ".join(_about(result))
    for outcome in result.outcomes:
        claim, gate = outcome.claim, outcome.gate
        words = "" if outcome.verdict == "certified" else _words(outcome, result.certificate.problem)
        entry: Json = {
            "quantity": claim.quantity, "theorem": claim.theorem, "rigour": claim.rigour, "verdict": outcome.verdict,
            "gate": outcome.state, "lower": claim.lower, "upper": claim.upper, "unit": claim.unit,
            "reason": "; ".join(filter(None, (words, about))) if words else "",  # never what the certificate says
        }
        claims.append(entry if gate is None else entry | {gate.side: gate.value, "severity": gate.severity})
    base = result.certificate.base
    return {"format": FORMAT, "verdict": result.verdict, "gates": result.gates, "claims": claims,
            "base": {"residual": base.residual, "distance": base.distance} | (
                {} if base.tilt is None else {"tilt": base.tilt, "shift_norm": base.shift_norm}) | (
                {} if near is None else near.members),
            "changes": changes_words(result.certificate.problem).removeprefix("changes: "),
            "thresholds": result.source, "unasked": _unasked(result),
            **({} if result.over is None else {"over_time": result.over.members}),
            "files": {role: {"path": path, "sha256": digest} for role, path, digest in result.files}}
