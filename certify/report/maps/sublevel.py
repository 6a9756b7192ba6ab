"""The sublevel map in words: the weights whose training loss is at or below a level."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from certify.certificate.schema import Claim, Problem
from certify.report.digits import Number, as_given, count, upper_end
from certify.report.maps.interpolation import not_found
from certify.report.maps.solution_map import (
    Described,
    Examined,
    Point,
    SolutionMap,
    Terms,
    average_loss,
    loss_facts,
    nothing,
)
from certify.report.phrases.parameters import PARAMETERS
from certify.report.statements import Entry, Phrase, say


def _loss(claims: Sequence[Claim]) -> Number | None:
    """The training loss at the given weights as the claims bound it from above."""
    values = [h.value for claim in claims for h in claim.hypotheses if h.name == "loss" and h.holds]
    numbers = [value for value in values if isinstance(value, int | float)]
    return upper_end(min(numbers)) if numbers else None


def _given(at: Examined) -> Described:
    problem, claims = at.problem, at.claims
    loss = _loss(claims)
    entries = [] if loss is None else [Entry("training loss of the given weights", say("at most {v}", v=loss))]
    if problem.level is None:
        text = "The level is the training loss of the given weights themselves. They lie on the boundary of the "
        text += "solution set, at distance 0, and neither targets nor features are shifted."
        return (say(text),), tuple(entries)
    entries.append(Entry("level", say("{v}", v=as_given(problem.level))))
    if not any(h.name == "interior" and h.holds for claim in claims for h in claim.hypotheses):
        return (say("Whether the given weights belong to the solution set was not decided."),), tuple(entries)
    text = "The given weights belong to the solution set as they are, inside it: their training loss is below the "
    return (say(text + "level. Neither targets nor features are shifted."),), tuple(entries)


class Sublevel(SolutionMap):
    """Weights with a training loss at or below the level."""

    points = {"given": Point(False, "", "the given weights", "", "", "", nothing, _given)}
    closest = kind = "weights with a training loss at or below the level"
    one, other = "has a training loss of at most today’s for the one", "has such a loss for the other"
    followers = "weights with today’s training loss"

    def solution(self, problem: Problem) -> str:
        """What a claim says to exist."""
        row = PARAMETERS[problem.parameter]
        return f"{row.kept_by} whose training loss {row.under} is no higher than today’s"

    def meaning(self, at: Examined) -> tuple[str, Mapping[str, Phrase | str]]:
        """What the training loss is."""
        today = " Today’s is at most {today}." if at.problem.level is None else ""
        loss = _loss(at.claims)
        return f"{average_loss(at.problem, 'all weights and biases')}{today} ", {
            "today": "" if loss is None else say("{v}", v=loss)}

    def facts(self, problem: Problem) -> Terms:
        """The inequality, for a table."""
        level = "the training loss of the given weights" if problem.level is None else as_given(problem.level).text
        return [
            ("solution map", f"{problem.map}: one inequality, training loss ≤ level, in {count(problem.parameters)} "
             "parameters"),
            ("level", level),
            *loss_facts(problem),
        ]

    def terms(self) -> Terms:
        """The terms that only a report on a level uses."""
        return [
            ("level", "the training loss that must not be exceeded"),
            ("solution map S (sublevel)", "the set of all weights whose training loss is at or below the level, as it "
             "depends on the training data"),
        ]

    def scope(self, problem: Problem, quantities: Collection[str], near: bool, found: bool) -> Terms:
        """What is not claimed of weights below the level."""
        low = "weights with so low a training loss"
        return not_found(self.point(problem), f"{low} exist", low) if near else []
