"""Verdicts and gate states (V16, V17), from ends that were re-derived and thresholds of the caller or the spec."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from certify.check.reading.certificate import RANGES, Claim, Witness
from certify.check.reading.spec import Gate

EXIT = {"met": 0, "failed": 3, "open": 4}
INVALID, INTERRUPTED = 2, 130


@dataclass(frozen=True)
class Outcome:
    """What became of one claim under one threshold; None, and no state, where there is no threshold."""

    claim: Claim[Witness]
    gate: Gate | None
    verdict: str
    state: str | None


def evaluate(claim: Claim[Witness], gate: Gate | None, far: bool = False) -> Outcome:
    """Hold the proved ends of a claim against a threshold; equal rows prove that the modulus is infinite (V16).

    Where the solution is `far` from the given weights nothing is decided (V62).
    """
    low = math.inf if claim.witness.infinite is not None else -math.inf if claim.lower is None else claim.lower
    high = math.inf if claim.upper is None else claim.upper
    if gate is None:
        holds, fails = high < math.inf, low == math.inf
    elif gate.side == "max":
        holds, fails = high <= gate.value, low > gate.value
    else:
        holds, fails = low >= gate.value, high < gate.value
    verdict = "inconclusive" if far else "certified" if holds else "refuted" if fails else "inconclusive"
    state = {"certified": "met", "refuted": "failed", "inconclusive": "open"}[verdict]
    return Outcome(claim, gate, verdict, None if gate is None else state)


def overall(outcomes: Iterable[Outcome]) -> tuple[str, str]:
    """The verdict over all claims, and the state of all gates of severity `fail` (V17)."""
    outcomes = tuple(outcomes)
    verdicts = {outcome.verdict for outcome in outcomes}
    states = {outcome.state for outcome in outcomes if outcome.gate is not None and outcome.gate.severity == "fail"}
    verdict = next((v for v in ("refuted", "inconclusive") if v in verdicts), "certified")
    return verdict, next((s for s in ("failed", "open") if s in states), "met")


def exit_status(outcomes: Iterable[Outcome]) -> int:
    """3 if a gate of severity `fail` failed, else 4 if one is open; without a gate 4 if nothing was proved; else 0."""
    outcomes = tuple(outcomes)
    if all(outcome.gate is None and outcome.verdict == "inconclusive" for outcome in outcomes):
        return EXIT["open"]
    return EXIT[overall(outcomes)[1]]


def thresholds(
    claims: Iterable[Claim[Witness]], gates: Iterable[Gate], asked: Iterable[Gate],
) -> list[tuple[Claim[Witness], Gate | None]]:
    """Pair claims with the thresholds to be used: those asked for replace all of the spec on the same quantity.

    There is a claim for each gate of the spec, in its order; or there are claims without gates.
    """
    claims, gates, asked = tuple(claims), tuple(gates), tuple(asked)
    own: tuple[Gate | None, ...] = tuple(gate if gate.side else None for gate in gates) or (None,) * len(claims)
    pairs = [pair for pair in zip(claims, own, strict=True) if not any(answers(pair[0], gate) for gate in asked)]
    for gate in asked:
        pairs.append((next(claim for claim in claims if answers(claim, gate)), gate))
    return pairs


def answers(claim: Claim[object], gate: Gate) -> bool:
    """Whether a claim is about what a threshold bounds: of a range it is the end of the side of its own gate."""
    return claim.quantity == gate.quantity and (not RANGES[gate.quantity] or gate.side in (claim.gate or {}))
