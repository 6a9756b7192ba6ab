"""`certify check` of a certificate about rows on disk: what is printed, and the exit status."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable
from decimal import ROUND_CEILING, Context, Decimal
from pathlib import PurePath

from certify.check.kernel import CHANCE
from certify.check.limits.cost import Cost
from certify.check.limits.held import Limits, TooLarge
from certify.check.main import say
from certify.check.reading.certificate import Claim, Witness
from certify.check.reading.files import DIGITS, read_bytes
from certify.check.reading.spec import Gate, check_promise
from certify.check.run import Usage
from certify.check.stored.comparison.blocks import HELD
from certify.check.stored.comparison.entries import LONGEST
from certify.check.stored.comparison.found import FEW
from certify.check.stored.deletions import KEPT
from certify.check.stored.ground import AT_ONCE
from certify.check.stored.labels import EACH, ROOM
from certify.check.stored.run import Checked, check
from certify.check.stored.some import EACH as EACH_KEPT
from certify.check.stored.stated import Stated
from certify.check.verdicts import Outcome, evaluate, exit_status, overall
from certify.format.canonical import Json
from certify.format.stored import FORMAT, NAMED, QUANTITY, ROLES, WITNESS, change_words

FOREIGN = ("within", "baseline", "merge_duplicates", "weight_tilt", "max_tilt", "least_radius_u", "least_radius_w",
           "spec", "graph", "reference", "change")
"""Options that mean nothing of such a certificate."""

DIGITS_SAID = 2
"""Digits of a distance, rounded up."""

UNIT = "evaluation rows (label: the one that the given weights give)"


def main(options: argparse.Namespace, limits: Limits, tell: Callable[[str], None]) -> int:
    """Check the certificate, print its verdict, and return the exit status.

    Raises:
        Invalid, Usage, TooLarge: what is printed elsewhere.
    """
    given = next((name for name in FOREIGN if getattr(options, name)), None)
    if given is not None:
        raise Usage(f"--{given.replace('_', '-')}: the certificate is about rows on disk, of which this says nothing")
    gates: list[Gate] = [*options.max, *options.min]
    drawn = list[str]()
    token = CHANCE.set(None if options.exact else drawn)
    try:
        data = read_bytes(options.certificate, "certificate file")

        def afford(stated: Stated) -> None:
            if options.witness and WITNESS not in stated.subject:
                raise Usage("--witness: the certificate has no witness file")
            _afford(stated, gates, limits, tell)

        places = {role: getattr(options, role) for role in (*ROLES, WITNESS)}
        found = check(options.certificate, data, places, tell, afford)
    finally:
        CHANCE.reset(token)
    outcomes = outcomes_of(found.stated, gates)
    if not options.quiet:
        files = ", ".join(f"{role} {path} {digest[:DIGITS]}" for role, path, digest in found.files)
        say(f"files: {files}", sys.stderr)
    line, entry = line_of(found, outcomes, len(drawn)), _object(found, outcomes, drawn)
    trusted = _trusted() if options.trusted else None
    if options.json:
        print(json.dumps(entry if trusted is None else entry | {"trusted": trusted[0]}, allow_nan=False))
    say(line, sys.stderr if options.json else sys.stdout)
    if trusted is not None and not options.json:
        print(trusted[1])
    sys.stdout.flush()
    return exit_status(outcomes)


def outcomes_of(stated: Stated, gates: list[Gate]) -> list[Outcome]:
    """What becomes of the count that is proved, under each threshold of the caller."""
    lower, upper = stated.ends
    nothing = lower == 0 and upper == stated.evaluation_rows
    claim = Claim(where="claim", quantity=QUANTITY, theorem=stated.theorem, rigour="proved", verdict="",
                  lower=None if nothing else lower, upper=None if nothing else upper, unit=UNIT, gate=None, reason="",
                  hypotheses=(), rows=(), row_lower=(), row_upper=(), witness=Witness())
    asked: list[Gate | None] = [*gates] or [None]
    return [evaluate(claim, gate) for gate in asked]


def line_of(found: Checked, outcomes: list[Outcome], drawn: int) -> str:
    """The verdict on one line, with all that the count depends on."""
    stated = found.stated
    lower, upper = stated.ends
    model = next(f"{PurePath(path).name} {digest[:DIGITS]}" for role, path, digest in found.files if role == "model")
    gates = [f"{outcome.gate} {outcome.state}" for outcome in outcomes if outcome.gate is not None]
    decay = {True: "an intercept without penalty", False: "an intercept with the penalty", None: "no intercept"}
    chance = f"; {drawn} bounds by random probes, wrong with a probability below 2^-64" if drawn else ""
    near = "" if found.near is None else f", {near_words(found.near)}"
    flips = len(stated.flips)
    already = f"; {found.already} of {flips} that flip have another label before any change" if flips else ""
    return (f"{overall(outcomes)[0]} {', '.join(gates) or QUANTITY} (proved in [{lower}, {upper}] of "
            f"{stated.evaluation_rows} evaluation rows, {change_words(stated.change, stated.count, stated.rows)}; "
            f"{stated.loss} loss, penalty {stated.penalty!r}, {decay[stated.free]}, {stated.classes} classes; "
            f"a label is the one that the weights in {model} give{near}{already}) "
            f"[thresholds: {'the command line' if gates else 'none'}{chance}]")


def near_words(near: float) -> str:
    """How far weights are from the minimum, in digits that are no less than what is proved.

    >>> near_words(1.04405e-3)
    'which are within 1.1e-3 of the minimum by their length'
    >>> near_words(math.inf)
    'of which no distance from the minimum is proved'
    """
    if not math.isfinite(near):
        return "of which no distance from the minimum is proved"
    digits = Context(prec=DIGITS_SAID, rounding=ROUND_CEILING).plus(Decimal(near))
    return f"which are within {digits:.{DIGITS_SAID - 1}e} of the minimum by their length"


def _object(found: Checked, outcomes: list[Outcome], drawn: list[str]) -> Json:
    """The same as one JSON object."""
    stated, claims = found.stated, []
    for outcome in outcomes:
        claim, gate = outcome.claim, outcome.gate
        entry: Json = {"quantity": claim.quantity, "theorem": claim.theorem, "rigour": claim.rigour,
                       "verdict": outcome.verdict, "gate": outcome.state, "lower": claim.lower, "upper": claim.upper,
                       "unit": claim.unit, "reason": ""}
        claims.append(entry if gate is None else entry | {gate.side: gate.value, "severity": gate.severity})
    verdict, gates = overall(outcomes)
    return {"format": FORMAT, "verdict": verdict, "gates": gates, "claims": claims,
            "problem": {"loss": stated.loss, "penalty": stated.penalty, "intercept": stated.intercept,
                        "change": stated.change, "count": stated.count, "rows": stated.rows,
                        "columns": stated.columns, "evaluation_rows": stated.evaluation_rows,
                        "classes": stated.classes},
            "stays": list(stated.stays), "flips": list(stated.flips), "already": found.already,
            **({} if found.near is None else {"near": found.near if math.isfinite(found.near) else None}),
            "thresholds": "the command line" if any(outcome.gate for outcome in outcomes) else "none",
            "files": {role: {"path": path, "sha256": digest} for role, path, digest in found.files},
            "soundness": {"mode": "probes", "bounds": drawn, "error": "2^-64"} if drawn else {"mode": "exact"}}


def _afford(stated: Stated, gates: list[Gate], limits: Limits, tell: Callable[[str], None]) -> None:
    """Refuse thresholds that no count could miss or meet, and a check that would take more than is allowed."""
    for gate in gates:
        if gate.quantity != QUANTITY:
            raise Usage(f"--{gate.side} {gate.quantity}: the certificate has no claim on {gate.quantity}")
        check_promise(gate, f"--{gate.side}")
        if gate.value > stated.evaluation_rows or (gate.side == "max" and gate.value >= stated.evaluation_rows):
            raise Usage(f"--{gate.side} {gate.quantity}: there are {stated.evaluation_rows} evaluation rows")
    cost = COSTS[stated.loss](stated)
    tell(f"at most about {cost} on one core, by the sizes alone")
    for flag, needed, allowed in (("--seconds", cost.seconds, limits.seconds),
                                  ("--memory", cost.megabytes * 1e6, limits.memory)):
        if allowed is not None and needed > allowed:
            raise TooLarge(f"nothing was checked: it would take up to about {cost}, more than {flag} allows; raise it, "
                           "or check where there is more")


def cost_of(stated: Stated) -> Cost:
    """About what it takes if every evaluation row is left for the influences of all training rows.

    Readings hold the largest influences of as many evaluation rows as fit: those of every class and sign with labels,
    and with deletions all that are looked at.
    """
    c, m = float(stated.classes), float(stated.count)
    n, p, N = float(stated.rows), float(stated.columns + 1), float(stated.evaluation_rows)
    seconds = 1.0 + n * p * 1.2e-6 + n * p * p / 1.1e9 + N * p * (2e-6 + p / 3e8) + N * n * (p / 2.4e9 + 2.5e-7)
    seconds += n * c * p * 1e-8 + N * c * 1e-5
    entries = 0.0
    more = float(NAMED[stated.theorem])  # residuals and leverages, and a second reading of what the first leaves
    kept = min(n, KEPT[1][1] * m + KEPT[1][2])
    room, looked = (N * EACH_KEPT * kept, N * c * kept * 3e-6) if more else (N * EACH * 4 * m * c, N * c * m * 2e-6)
    seconds += 2 * room / ROOM * n * p * 1.2e-6 + looked
    seconds += more * (n * p * 2e-6 + n * p * p / 1.1e9 + N * n * (p / 2.4e9 + 1e-6) + n * c * (p * 1e-8 + 1e-6))
    if more and 1 < m <= FEW:  # rows may have to be compared: their entries with long ones, and steps of a comparison
        L = min(n, LONGEST)
        seconds += n * p * 2.4e-6 + n * L * (p / 1.1e9 + 3e-7) + L * p * (2e-6 + p / 3e8) + 1.4e-3 * n + 8e-2 * L
        named = float(sum(map(len, stated.changed or ())))
        seconds += named * p * (1.0 / HELD * n * p * 1.2e-6 + p / 3e8)
        # as many products as a part has numbers, or a row for each long one; rows that are named
        entries = 1.6e-4 * max(AT_ONCE, L) + 8e-6 * max(min(HELD, named * p), m * p)
    held = entries + 200.0 + 1.5e-3 * p * p + 1.2e-5 * N * p + 2e-4 * n + c * (1e-3 * N + 3e-4 * p)
    return Cost(seconds, held + more * (300.0 + 1e-4 * n * c + (m > 1) * (250.0 + 1e-4 * n)))


def cost_by_lengths(stated: Stated) -> Cost:
    """About what it takes if every evaluation row is left for the influences of all training rows, three times.

    The first reading has bounds of most lengths, the last one features in all their bits, where less does not do. Of
    every evaluation row the largest influences are held, as many as rows may change, and sorted with those of a block.
    """
    n, p, N, m = float(stated.rows), float(stated.columns + 1), float(stated.evaluation_rows), float(stated.count)
    named = float(sum(map(len, stated.changed or ())))
    reading = n * (p * 1.0e-6 + p * p / 1.1e9 + 4e-5) + N * n * (p / 1e9 + 5e-7 + m * 1.6e-10) + named * 1e-5
    seconds = 1.0 + n * p * 1.0e-6 + 3 * reading + p**3 * 8e-8 + N * p * (2e-6 + p / 3e8)
    return Cost(seconds, 200.0 + 1e-3 * p * p + 5e-5 * N * p + 2e-4 * n + 8e-5 * N * m + 5e-4 * named)


COSTS: dict[str, Callable[[Stated], Cost]] = {"squared": cost_of, "logistic": cost_by_lengths}
"""By the loss: about what a check takes."""


def _trusted() -> tuple[Json, str]:
    from certify.check import trusted

    rings = trusted.rings()
    return trusted.members(rings), trusted.table(rings)
