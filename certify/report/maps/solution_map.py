"""What a report has to know of a solution map, and of the point at which it is examined."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from certify.certificate.schema import Base, Claim, Problem, RowWeights
from certify.report.digits import as_given
from certify.report.phrases.losses import LOSSES
from certify.report.phrases.parameters import PARAMETERS
from certify.report.statements import Entry, Phrase, prose

Terms = list[tuple[str, str]]
Described = tuple[tuple[Phrase, ...], tuple[Entry, ...]]


@dataclass(frozen=True)
class Examined:
    """What is known of the point examined.

    Attributes:
        base: the member `base` of the certificate.
        problem: the problem.
        claims: the claims at that point.
        only: whether it is proved to be the only solution there is.
    """

    base: Base
    problem: Problem
    claims: Sequence[Claim]
    only: bool = False


@dataclass(frozen=True)
class Point:
    """The point examined: the given weights, or a solution near them.

    Attributes:
        nearby: whether it is a solution near the given weights.
        origin: the point, as the place from which a distance is counted; empty where the parameter says it.
        others: the point, as the one to which others lie close.
        may: what follows "may adjust" in the subtitle.
        place: where a theorem was applied, if not at the weights in the file.
        means: what its solution fits, or a sentence on its loss.
        lead: what has to be known before the claims are read; nothing for the weights as they are.
        describe: the point in words, and its distances as lines of a table.
    """

    nearby: bool
    origin: str
    others: str
    may: str
    place: str
    means: str
    lead: Callable[[Examined], Phrase]
    describe: Callable[[Examined], Described]


class SolutionMap(ABC):
    """A solution map in words.

    Attributes:
        points: the point examined, by the word of its base.
        exist: what solutions do, in the number of :meth:`solution`.
        lie: the same for "lie".
        closest: the solution next to a point, as a noun.
        kind: a solution, without its article.
        no_upper: what is said where no upper end of a modulus was proved.
        one, other: what a solution for one change of the data does, and one for another.
        followers: solutions, as those that follow a change of the data.
        other_layers: how a factor changes where every layer is free.
        every_change: whether claims at a size hold for every change of it, proved or not.
    """

    points: Mapping[str, Point]
    exist: str = "exist"
    lie: str = "lie"
    closest: str
    kind: str
    no_upper: str = "No upper end was proved."
    one: str = "fits the one exactly"
    other: str = "fits the other exactly"
    followers: str = "exact fits"
    other_layers: str = "can only be the same or smaller."
    every_change: bool = False

    def point(self, problem: Problem) -> Point:
        """The point at which a problem is examined."""
        return self.points[problem.base]

    def origin(self, problem: Problem) -> str:
        """The point, as the place from which a distance is counted."""
        return self.point(problem).origin or PARAMETERS[problem.parameter].own_weights

    @abstractmethod
    def solution(self, problem: Problem) -> str:
        """What a claim says to exist."""

    def nearest(self, problem: Problem) -> str:
        """That the nearest solution lies somewhere."""
        return f"the nearest {self.solution(problem)} {self.lie}"

    def unbounded(self, problem: Problem, origin: str) -> str:
        """What is said where neither end of a modulus was proved."""
        return f"no bound was proved on how far from {origin} {self.nearest(problem)}."

    @abstractmethod
    def meaning(self, at: Examined) -> tuple[str, Mapping[str, Phrase | str]]:
        """What a solution means, as a template and its parts."""

    @abstractmethod
    def facts(self, problem: Problem) -> Terms:
        """The solution map, and what defines it, for a table."""

    @abstractmethod
    def terms(self) -> Terms:
        """The terms that only a report on this map uses."""

    def late_terms(self) -> Terms:
        """Terms that only a report on this map uses, at the end of the glossary."""
        return []

    @abstractmethod
    def scope(self, problem: Problem, quantities: Collection[str], near: bool, found: bool) -> Terms:
        """What is not claimed.

        Args:
            problem: the problem.
            quantities: what the claims bound.
            near: whether some are about the solution nearest to the point examined.
            found: whether the point examined is known to exist.
        """


def nothing(_: Examined) -> Phrase:
    """Nothing has to be known before."""
    return ()


def average_loss(problem: Problem, weights: str) -> str:
    """The training loss in words; `weights` are those of the weight decay."""
    decay = ""
    if problem.weight_decay:
        of = "the weights alone; biases carry no weight decay" if problem.bias_decay is False else weights
        decay = f", plus {as_given(problem.weight_decay).text}/2 times the squared length of {of}"
    average = f"the average over all training rows of {LOSSES[problem.loss].meaning}"
    if problem.row_weights is not None:
        average += f", each times the weight that its row carries (from {_range(problem.row_weights)})"
        decay += (". A row keeps its weight whatever happens: neither another label nor how many rows each label has "
                  "changes it, as a fit with class weights anew would")
    if isinstance(problem.class_weight, list):
        average += f", where a row counts by the label that it has ({_by_label(problem.class_weight)})"
        decay += ". A row that gets another label counts as one of that label, as a fit anew would count it"
    elif problem.class_weight is not None:
        average += (", where a row counts the more the fewer rows of its label there are, so that those of every label "
                    "count the same together")
        decay += ". What rows count follows the rows that are left and the labels that they then have"
    return f"“Training loss” means: {average}{PARAMETERS[problem.parameter].weighted}{decay}."


def loss_facts(problem: Problem) -> Terms:
    """The loss and the weight decay, for a table."""
    loss = LOSSES[problem.loss]
    decay = as_given(problem.weight_decay).text if problem.weight_decay else "none"
    decay += "; none of the biases" if problem.bias_decay is False else ""
    own = problem.row_weights
    carried = [] if own is None else [("weights of rows", f"{prose(own.by)} in the data, from {_range(own)}")]
    if isinstance(problem.class_weight, list):
        carried = [("weights of rows", f"by the label that a row has: {_by_label(problem.class_weight)}")]
    elif problem.class_weight is not None:
        carried = [("weights of rows", "balanced: those of every label count the same together, whichever are left")]
    return [("loss of a row", f"{loss.name}: {loss.meaning}"), *carried, ("weight decay", decay)]


def _by_label(weights: Sequence[float]) -> str:
    """What a row of every label counts, in their order."""
    return ", ".join(as_given(x).text for x in weights)


def _range(weights: RowWeights) -> str:
    """From the least of the weights of rows to the largest."""
    return f"{as_given(weights.least).text} to {as_given(weights.largest).text}"
