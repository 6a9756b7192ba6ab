"""Which training rows matter most?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from certify.auditing.questions.base import (
    Asked,
    Claim,
    Options,
    Question,
    Wanted,
    of_head,
    of_rows,
    of_weights,
    wanted,
)
from certify.auditing.ranked.left_out import Ranking, ranking
from certify.auditing.ranked.named import of_moduli
from certify.auditing.ranked.sentences import most, surely
from certify.auditing.subject import START, Subject
from certify.format.digits import at_least, at_most
from certify.format.quantities import (
    CORRECT_PREDICTIONS,
    DISTANCE,
    PREDICTION_CHANGE,
    SAMPLE_MODULUS,
    STABLE_PREDICTIONS,
)
from certify.format.words import Loss
from certify.network.graph.graph import GraphNetwork
from certify.network.loss.losses import loss_named
from certify.network.network import Network
from certify.problem.bound import Bound
from certify.problem.problem import Problem
from certify.problem.progress import Progress

MATTERS: Final[Mapping[str, str]] = MappingProxyType({
    PREDICTION_CHANGE.name: "an output for these rows", DISTANCE.name: "the weights"})
"""By quantity: to what a row matters that is left out."""

APART: Final = 10.0
"""How many times the lower end an upper end may be for a claim to say more than a ranking."""

COUNTS: Final = (STABLE_PREDICTIONS.name, CORRECT_PREDICTIONS.name)

DECIDE: Final = ("decide", "decides", "decided", "drive", "drives", "determine", "determines", "affect", "affects",
                 "cause", "causes", "caused", "explain", "explains", "most")
"""What rows do that matter."""

LEFT_OUT: Final[Mapping[str, Any]] = MappingProxyType({"parameter": "deletions", "set": "sparse", "count": 1})
"""Any one row."""

STEEP: Final = 1e6
"""How many times its own length the weights may have to move, by the numbers, when the features of a row move by
theirs: more is the rounding of a gradient that is 0."""


class WhichRows(Question):
    """The row whose absence changes an output or the weights most; without weight decay, the one whose noise does."""

    slug = "which-rows"
    words = ("which rows matter", "which rows", "influence", "influential", "matter", "outlier", "important")
    besides = DECIDE

    def meant(self, options: Options) -> str:
        """The question about one prediction, where one is named."""
        return self.slug if options.prediction is None else "one-prediction"

    def sentence(self, subject: Subject, options: Options) -> str:
        """The question in a sentence."""
        return "which training rows matter most"

    def against(self, subject: Subject, options: Options) -> str:
        """Why it cannot be asked."""
        if not subject.against_head:
            return ""
        if subject.y is None and subject.labels is None:
            return subject.against_head
        if isinstance(subject.network, GraphNetwork) and subject.network.discrete:
            return "its rows are whole numbers, which do not move, and without a head no row is left out"
        known = not Loss(subject.loss).of_heads
        return "" if known else f"without weight decay it is not known of the loss {subject.loss}"

    def asked(self, subject: Subject, options: Options) -> Asked:
        """The spec."""
        if not subject.against_head:
            return Asked(of_head(subject, LEFT_OUT),
                         [Wanted("prediction_change", "max"), Wanted("distance", "max")])
        return Asked(of_weights(subject, {"map": "sublevel"}, {"parameter": "features", "set": "total"}),
                     [Wanted("sample_modulus", "max")])

    def instead(self, subject: Subject, options: Options, bounds: Mapping[str, Bound]) -> Asked | None:
        """Which predictions stay, where no claim says how far outputs go: rows that flip them are named there."""
        if subject.against_head or not subject.classifies or any(one.upper is not None for one in bounds.values()):
            return None
        return Asked(of_head(subject, LEFT_OUT), wanted(subject))

    def ranking(self, subject: Subject, options: Options, problem: Problem, seconds: float, tell: Progress,
                ) -> Ranking | str | None:
        """Every row left out by itself."""
        if subject.against_head:
            return None
        return ranking(problem, None, subject.classifies, seconds, tell)

    def tabled(self, subject: Subject, certificate: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """How much small moves of each row by itself may move the weights."""
        return next((of_moduli(subject, claim) for claim in certificate["claims"]
                     if claim["quantity"] == SAMPLE_MODULUS.name and claim.get("row_lower")), None)

    def ranked(self, subject: Subject, options: Options, ranking: Ranking, certificate: Mapping[str, Any]) -> str:
        """The first row, unless a claim names it with ends that are near each other."""
        claimed = any(claim["quantity"] == PREDICTION_CHANGE.name and claim["upper"] is not None
                      and claim["upper"] <= APART * (claim["lower"] or 0.0) for claim in certificate["claims"])
        return "" if claimed else most(subject, ranking)

    def needs_ranking(self, certificate: Mapping[str, Any]) -> bool:
        """Where its claims are about predictions, as outputs and weights are left open."""
        return all(claim["quantity"] in COUNTS for claim in certificate["claims"])

    def doubt(self, subject: Subject, options: Options, certificate: Mapping[str, Any]) -> str:
        """That rows count by rounding alone."""
        for claim in certificate["claims"]:
            if claim["quantity"] == SAMPLE_MODULUS.name and (claim["lower"] or 0.0) > STEEP * _ratio(subject):
                return ("the weights are at the least loss there is, where no others hold it: what rows count is "
                        "rounding; a penalty (--weight-decay), or training with one, gives rows an influence")
        return ""

    def answer(self, subject: Subject, options: Options, claim: Claim) -> str:
        """A claim in words."""
        if claim["quantity"] in COUNTS:
            return of_rows(subject, claim, f"whichever training row is left out {subject.again}")
        low, high = claim["lower"], claim["upper"]
        if high is None:
            what = MATTERS.get(claim["quantity"])
            return (f"which rows matter most{f' to {what}' if what else ''} is open"
                    + (f"; one counts {at_least(low, 4)}" if low else ""))
        row = _row(claim)
        named = f"training row {row}" if row is not None else "one training row"
        how = surely(low, _rest(claim)) if low else ""
        sure = f"matters {how}" if how else "may matter most"
        what = MATTERS.get(claim["quantity"])
        if what is None:
            return (f"{named} {sure}: weights may have to move up to {at_most(high, 4)} for each unit that its "
                    f"features move, as far as small moves go, to hold the {subject.mean_loss.rstrip(',')}")
        if not low:
            return (f"no training row's absence changes {what} by more than {at_most(high, 4)} from {START}, when it "
                    f"is left out {subject.again}")
        moved, verb, it = _moved(subject, claim["quantity"])
        return (f"{named} {sure} to {what}: when it is left out {subject.again} {moved} {verb} by at least "
                f"{at_least(low, 4)} from {START}, and no row's absence moves {it} by more than {at_most(high, 4)}")


def _moved(subject: Subject, quantity: str) -> tuple[str, str, str]:
    """What moves, in what unit, with its verb, and what it is called after that."""
    if quantity == DISTANCE.name:
        return "the weights (root of the sum of squares)", "move", "them"
    several = subject.network.widths[-1] > 1
    unit = loss_named(subject.loss).unit
    what = f"{subject.outputs} ({unit})" if unit else subject.outputs
    return (what, "move", "them") if several else (what, "moves", "one")


def _ratio(subject: Subject) -> float:
    """Length of the weights for each unit of a row's."""
    rows = float(np.sqrt((subject.X**2).reshape(subject.n, -1).sum(axis=1).mean()))
    if not isinstance(subject.network, Network):
        return float("inf")
    length = math.sqrt(sum(float((W**2).sum()) for W in subject.network.weights))
    return length / rows if rows > 0 else float("inf")


def _rest(claim: Claim) -> float:
    """The most that any row counts but the one that is named, where the claim has ends of each; else that any does."""
    if not claim.get("row_upper"):
        return float(claim["upper"])
    row = _row(claim)
    return max((math.inf if high is None else float(high)
                for other, high in zip(claim["rows"], claim["row_upper"], strict=True) if other != row), default=0.0)


def _row(claim: Claim) -> int | None:
    """The row that reaches the lower end: the one that was found, or of all rows the one that counts most."""
    if claim.get("row_lower"):
        ends = [-1.0 if low is None else float(low) for low in claim["row_lower"]]
        return int(claim["rows"][ends.index(max(ends))])
    found = claim["witness"].get("changed")
    return int(found[0]) if isinstance(found, list) and found else None
