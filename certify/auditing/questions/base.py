"""A question: what people call it, when it can be asked, and the spec that asks it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Final

from certify.auditing.questions.thresholds import Threshold
from certify.auditing.ranked.left_out import Ranking
from certify.auditing.shown.flipped import already, example
from certify.auditing.shown.owners import Owners
from certify.auditing.subject import START, Subject
from certify.format.digits import at_least, at_most
from certify.format.labels import COUNTED
from certify.format.quantities import CORRECT_PREDICTIONS, DISTANCE, PREDICTION_CHANGE, STABLE_PREDICTIONS
from certify.problem.bound import Bound
from certify.problem.problem import Problem
from certify.problem.progress import Progress
from certify.prove.changed.amounts import Off
from certify.prove.changed.shares import Share

Claim = Mapping[str, Any]
"""A claim of a certificate."""

SMALL: Final = 1e-3
"""A threshold for a quantity of which nothing is known yet."""

USED: Final = ("delete", "relabel", "rows", "prediction", "noise", "level", "groups", "targets_off")
"""Members of the options that some questions are about, and others not."""


@dataclass(frozen=True)
class Options:
    """What somebody says of the questions.

    Attributes:
        delete, relabel: how many rows are left out, or get another label.
        shares: of all rows, in place of such numbers; none once the number of rows is known.
        rows: these very rows, which are left out.
        noise: features that may be off, by name or number, each with the amount that has to be harmless, or None;
            empty: all of them alike.
        level: the training loss up to which noise is asked about; None: a tenth more than today's,
            or a hundredth of the loss of a constant prediction more, where that is more.
        seconds: for each question.
        named: whether somebody asked these questions by name, so that one without an answer counts as open.
        prediction: the number of the one evaluation row that is asked about, or None.
        given: which of `delete` and `relabel` somebody gave apart from the phrases, be it the number that is the
            default.
        thresholds: that somebody gave.
        groups: whether somebody said whose each row is.
        many: how many of these groups are left out.
        targets_off: by how much every target may be off; None: nobody said.
        read: phrases that were understood, each with the slug of the question that it was taken for.
    """

    delete: int = 1
    relabel: int = 1
    rows: tuple[int, ...] = ()
    noise: tuple[tuple[str | int, float | None], ...] = ()
    level: float | None = None
    seconds: float = 60.0
    named: bool = False
    prediction: int | None = None
    shares: tuple[Share, ...] = ()
    given: frozenset[str] = frozenset()
    thresholds: tuple[Threshold, ...] = ()
    groups: bool = False
    many: int = 1
    targets_off: Off | None = None
    read: tuple[tuple[str, str], ...] = ()

    @property
    def said(self) -> frozenset[str]:
        """The members that somebody gave, and that some question has to use.

        >>> sorted(Options(relabel=20, level=0.5, given=frozenset({"delete"})).said)
        ['delete', 'level', 'relabel']
        """
        unsaid = Options()
        return self.given | {one.option for one in self.shares} | {
            name for name in USED if getattr(self, name) != getattr(unsaid, name)}

    def of(self, option: str) -> Any:
        """What was said of one of them: rows, a number of rows or a share."""
        return next((one for one in self.shares if one.option == option), getattr(self, option))


@dataclass(frozen=True)
class Wanted:
    """A quantity that a spec asks about, and from which side it is bounded.

    Attributes:
        quantity: as a gate names it.
        side: ``"min"`` or ``"max"``.
        threshold: what somebody asked for; None: what is proved becomes the threshold.
    """

    quantity: str
    side: str
    threshold: float | None = None


@dataclass(frozen=True)
class Asked:
    """A question about one subject, as a spec.

    Attributes:
        tables: of the spec, without the gates.
        wanted: its quantities.
    """

    tables: Mapping[str, Mapping[str, Any]]
    wanted: Sequence[Wanted]

    @property
    def stated(self) -> dict[str, Mapping[str, Any]]:
        """The tables without what parts two labels, where no quantity counts labels: a spec has no use for it then."""
        if any(one.quantity in COUNTED for one in self.wanted):
            return dict(self.tables)
        return {name: {key: entry for key, entry in table.items() if (name, key) != ("evaluation", "threshold")}
                for name, table in self.tables.items()}


class Question(ABC):
    """One kind of question.

    Attributes:
        slug: of its folder.
        words: what people call it; the first is what `--ask` takes as it is.
        besides: other words that may stand in a phrase about it.
        option: which of the options says how many rows it is about, or which ones; "" where none does.
        ranks_first: whether a ranking of rows is the answer, and not only beside one.
        files: that :meth:`narrowed` writes beside the spec.
        holds_alone: whether thresholds hold this one alone where an option asks it, as they are about its amount.
    """

    slug: ClassVar[str]
    words: ClassVar[tuple[str, ...]]
    besides: ClassVar[tuple[str, ...]] = ()
    option: ClassVar[str] = ""
    ranks_first: ClassVar[bool] = False
    files: ClassVar[tuple[str, ...]] = ()
    holds_alone: ClassVar[bool] = False

    @property
    def uses(self) -> tuple[str, ...]:
        """The members of the options that it is about, of :data:`USED`."""
        return (self.option,) if self.option else ()

    @property
    def counts(self) -> tuple[str, ...]:
        """The members of the options that say how many rows, or which ones: a phrase may give them once."""
        return (self.option,) if self.option else ()

    def unprompted(self, options: Options) -> bool:
        """Whether an audit asks it without being told to."""
        return True

    def demanded(self, options: Options) -> bool:
        """Whether somebody asked for an answer to it, by name or by what they gave for it alone."""
        return options.named

    def misnamed(self, subject: Subject, options: Options) -> str:
        """Which rows or features that somebody named are not there; "" where all are."""
        return ""

    def claims(self, phrase: str) -> bool:
        """Whether a phrase can be about this question alone, whatever else stands in it."""
        return False

    def meant(self, options: Options) -> str:
        """The slug of the question that this one becomes with what else was said."""
        return self.slug

    def rest(self, phrase: str) -> str:
        """A phrase without what :meth:`heard` reads in it."""
        return phrase

    def heard(self, phrase: str, options: Options) -> Options:
        """The options with what a phrase says of it, e.g. a number of rows.

        Raises:
            InputError: a number that is none.
        """
        return options

    def cure(self, words: Sequence[str]) -> str:
        """What to do where words stand in a phrase of which nothing is made."""
        return "say it without, or ask for each question with an --ask of its own"

    def assumed(self, subject: Subject, options: Options) -> str:
        """What is taken that nobody said and that its name does not say; "" where there is nothing of it."""
        return ""

    @abstractmethod
    def sentence(self, subject: Subject, options: Options) -> str:
        """The question in a sentence."""

    @abstractmethod
    def against(self, subject: Subject, options: Options) -> str:
        """Why it cannot be asked of the subject, and what to do; "" where it can."""

    @abstractmethod
    def asked(self, subject: Subject, options: Options) -> Asked:
        """The spec that asks it."""

    def narrowed(self, subject: Subject, options: Options) -> Subject:
        """What the question is about of the subject: all of it, or a part that is written to a file of its own."""
        return subject

    def instead(self, subject: Subject, options: Options, bounds: Mapping[str, Bound]) -> Asked | None:
        """Another spec, where what the first one asks is left open; None: it stands."""
        return None

    def ranking(self, subject: Subject, options: Options, problem: Problem, seconds: float, tell: Progress,
                ) -> Ranking | str | None:
        """The training rows by what hangs on each, or why they are not ranked; None where the question names none.

        Args:
            subject: what it is about.
            options: of the question.
            problem: of its spec.
            seconds: time.
            tell: told the stage and the fraction done.
        """
        return None

    def tabled(self, subject: Subject, certificate: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The rows of a claim that has both ends of each, as `--json` has a ranking; None where none has."""
        return None

    def ranked(self, subject: Subject, options: Options, ranking: Ranking, certificate: Mapping[str, Any]) -> str:
        """What a ranking says, in a sentence; "" where the claims of the certificate say it."""
        return ""

    def needs_ranking(self, certificate: Mapping[str, Any]) -> bool:
        """Whether no claim of the certificate answers it, so that it is open where rows are not ranked."""
        return False

    def doubt(self, subject: Subject, options: Options, certificate: Mapping[str, Any]) -> str:
        """Why a proved claim does not answer the question, though it is true; "" where it does."""
        return ""

    @abstractmethod
    def answer(self, subject: Subject, options: Options, claim: Claim) -> str:
        """What a claim of the certificate says, in a sentence."""


def evaluation(subject: Subject) -> dict[str, Any]:
    """The table `evaluation`, with the threshold of its labels."""
    table = dict(subject.tables["evaluation"])
    if not subject.right or subject.logarithmic:
        table.pop("targets", None)
    return table | ({} if subject.threshold is None else {"threshold": subject.threshold})


def of_weights(subject: Subject, solution: Mapping[str, Any], change: Mapping[str, Any],
               ) -> dict[str, Mapping[str, Any]]:
    """The tables of a spec about the mean training loss at these weights, without weight decay."""
    return {"model": subject.tables["model"], "data": subject.tables["data"], "training": {"loss": subject.loss},
            "solution": solution, "perturbation": change}


def of_head(subject: Subject, change: Mapping[str, Any], fewer: bool = True) -> dict[str, Mapping[str, Any]]:
    """The tables of a spec about the one minimum of the last layer after a change of whole rows.

    Args:
        subject: what it is about.
        change: the table `perturbation`.
        fewer: whether rows are left out.
    """
    kept = {"weights": subject.weighing} if subject.weighing and not subject.anew else {}
    data = {**subject.tables["data"], **kept}
    return {"model": subject.tables["model"], "data": data, "training": subject.training(fewer),
            "solution": {"map": "critical", "base": "nearby", **subject.last}, "perturbation": change,
            "evaluation": evaluation(subject)}


def wanted(subject: Subject) -> list[Wanted]:
    """What is asked about predictions under changes of rows: labels that stay, or how far outputs go."""
    if not subject.classifies:
        return [Wanted("prediction_change", "max")]
    found = [Wanted("stable_predictions", "min")]
    return found + ([Wanted("correct_predictions", "min")] if subject.right and not subject.logarithmic else [])


def rows_word(subject: Subject, count: int = 0) -> str:
    """What the evaluation rows are, in words, where there are so many.

    Args:
        subject: what it is about.
        count: 1 where there is one.
    """
    word = "prediction" if count == 1 else "predictions"
    return f"{word} for the training rows" if subject.own else word


def of_rows(subject: Subject, claim: Claim, change: str, owners: Owners | None = None) -> str:
    """What a claim about whole rows says.

    Args:
        subject: what it is about.
        claim: of the certificate.
        change: what happens to rows, e.g. ``"whichever 2 training rows are left out"``.
        owners: whose each row is, where groups of them change.
    """
    return stay(subject, claim, change, owners) if claim["quantity"] == STABLE_PREDICTIONS.name else SAYINGS[
        claim["quantity"]](subject, claim, change)


def stay(subject: Subject, claim: Claim, change: str, owners: Owners | None = None) -> str:
    """Which predictions stay; a change that flips one is told by whose its rows are where groups of them change."""
    low, high = _ends(subject, claim)
    flipped, N = subject.points - high, subject.points
    parts = [f"{low} of {N} {rows_word(subject, N)} proved to stay, {change}"]
    if flipped:
        parts.append(f"{flipped} {'flip' if flipped > 1 else 'flips'}{already(claim)}{example(claim, owners)}")
    parts.append(f"{high - low} undecided" if high > low else "none is left undecided")
    return "; ".join(parts)


def _right(subject: Subject, claim: Claim, change: str) -> str:
    (low, high), N = _ends(subject, claim), subject.points
    ends = f"{low}" if low == high else f"{low} to {high}"
    share = math.floor(1000 * low / N) / 10  # what is proved is never rounded up
    stay = "is right and stays right" if N == 1 else "are right and stay right"
    return f"{ends} of {N} {rows_word(subject, N)} {stay}, {change} ({share:.1f} % proved)"


def _ends(subject: Subject, claim: Claim) -> tuple[int, int]:
    """Both ends of a count of predictions."""
    return int(claim["lower"] or 0), int(subject.points if claim["upper"] is None else claim["upper"])


def _outputs(subject: Subject, claim: Claim, change: str) -> str:
    low, high = claim["lower"], claim["upper"]
    if high is None:
        return f"how far {subject.outputs} may change from {START}, {change}, is open{_reached(low)}"
    return (f"for none of these rows {'do' if subject.network.widths[-1] > 1 else 'does'} {subject.outputs} change by "
            f"more than {at_most(high, 4)} from {START}, {change}{_reached(low)}")


def _weights(subject: Subject, claim: Claim, change: str) -> str:
    low, high = claim["lower"], claim["upper"]
    if high is None:
        return f"how far the weights go from {START}, {change}, is open{_reached(low)}"
    return f"the weights go no further than {at_most(high, 4)} from {START}, {change}{_reached(low)}"


def _reached(low: float | None) -> str:
    return f"; {at_least(low, 4)} is reached" if low else ""


SAYINGS: Final[Mapping[str, Callable[[Subject, Claim, str], str]]] = MappingProxyType({
    CORRECT_PREDICTIONS.name: _right, PREDICTION_CHANGE.name: _outputs,
    DISTANCE.name: _weights})
"""By quantity, but for predictions that stay: what a claim about whole rows says."""
