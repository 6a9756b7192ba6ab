"""Verdicts: from proved ends and a threshold to a verdict, a state, and an exit status. No tolerance anywhere."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from certify.format.words import Rigour, Severity, State, Verdict


@dataclass(frozen=True)
class Threshold:
    """`quantity ≤ value` (side `max`) or `quantity ≥ value` (side `min`).

    Attributes:
        rigour: the least that counts.
        severity: a threshold of severity `warn` never changes the exit status.
        rationale: why this threshold.
    """

    quantity: str
    side: str
    value: float
    rigour: Rigour = Rigour.PROVED
    severity: Severity = Severity.FAIL
    rationale: str | None = None

    def __str__(self) -> str:
        return f"{self.quantity} {'≤' if self.side == 'max' else '≥'} {self.value!r}"


def judge(
    lower: float | None, upper: float | None, threshold: Threshold | None, rigour: Rigour = Rigour.PROVED,
    infinite: bool = False,
) -> tuple[Verdict, State | None]:
    """The verdict on a claim, and the state of its threshold (None where there is none).

    With `max`: certified if `upper ≤ max`, refuted if `lower > max`; with `min` mirrored; without a threshold
    certified if there is an upper end, refuted if the quantity is infinite. Both ask for proved ends; the threshold
    itself asks only for the rigour it names.

    Args:
        lower, upper: the ends; None where there is none.
        threshold: the threshold.
        rigour: how the ends are known.
        infinite: whether the quantity is proved to be infinite.

    >>> [str(judge(1.9, 2.1, Threshold("modulus", "max", m))[0]) for m in (2.1, 2.0, 1.8)]
    ['certified', 'inconclusive', 'refuted']
    >>> judge(1.9, math.nan, Threshold("modulus", "max", 2.1))[0] is Verdict.INCONCLUSIVE
    True
    """
    low = math.inf if infinite else -math.inf if lower is None else lower
    high = math.inf if upper is None else upper
    if threshold is None:
        holds, fails = high < math.inf, low == math.inf
    elif threshold.side == "max":
        holds, fails = high <= threshold.value, low > threshold.value
    else:
        holds, fails = low >= threshold.value, high < threshold.value
    proved = rigour is Rigour.PROVED
    verdict = (Verdict.CERTIFIED if proved and holds else Verdict.REFUTED if proved and fails
               else Verdict.INCONCLUSIVE)
    if threshold is None:
        return verdict, None
    counts = rigour.at_least(threshold.rigour)
    return verdict, State.MET if counts and holds else State.FAILED if counts and fails else State.OPEN


def overall(outcomes: Iterable[tuple[Verdict, State | None, Severity]]) -> tuple[Verdict, State]:
    """The verdict over all claims, and the state of all thresholds of severity `fail`.

    >>> found = overall([(Verdict.CERTIFIED, State.MET, Severity.FAIL), (Verdict.REFUTED, State.FAILED, Severity.WARN)])
    >>> [str(word) for word in found]
    ['refuted', 'met']
    """
    outcomes = tuple(outcomes)
    verdicts = {verdict for verdict, _, _ in outcomes}
    states = {state for _, state, severity in outcomes if severity is Severity.FAIL}
    verdict = next((v for v in (Verdict.REFUTED, Verdict.INCONCLUSIVE) if v in verdicts), Verdict.CERTIFIED)
    return verdict, next((s for s in (State.FAILED, State.OPEN) if s in states), State.MET)
