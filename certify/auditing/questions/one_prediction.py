"""Which training rows matter most to one prediction, and does one of them alone flip it?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Final

import numpy as np

from certify.auditing.questions.base import Asked, Claim, Options, Question, Wanted, of_head
from certify.auditing.questions.which_rows import DECIDE
from certify.auditing.ranked.left_out import Ranking, ranking
from certify.auditing.ranked.sentences import flips, most
from certify.auditing.subject import START, Subject
from certify.certificate.audit_folder import PREDICTION
from certify.certificate.write import write_together
from certify.format.digits import at_least, at_most
from certify.format.errors import InputError
from certify.format.quantities import STABLE_PREDICTIONS
from certify.problem.bound import Bound
from certify.problem.problem import Problem
from certify.problem.progress import Progress

NUMBER: Final = r"\b(?:prediction|output)\s*(?:number\s|no\.?\s|#)?\s*([0-9]{1,9})\b(?![.%])"

MANY: Final = r"\bhow many\b"


class OnePrediction(Question):
    """Every row is left out by itself: what that does to one prediction, and whether it gets another label."""

    slug = "one-prediction"
    words: ClassVar[tuple[str, ...]] = (
        "which rows matter for this prediction", "which rows matter to this prediction", "one prediction",
        "this prediction", "which rows flip this prediction", "influence on this prediction",
        "most influential for this prediction")
    besides = DECIDE
    option = "prediction"
    ranks_first = True
    files = (PREDICTION,)

    def sentence(self, subject: Subject, options: Options) -> str:
        """The question in a sentence."""
        return f"which training rows matter most to prediction {options.prediction}"

    def against(self, subject: Subject, options: Options) -> str:
        """Why it cannot be asked."""
        if options.prediction is None:
            return "no prediction is named: say which with --prediction NUMBER"
        return subject.against_head

    def misnamed(self, subject: Subject, options: Options) -> str:
        """An evaluation row that is not there."""
        return no_such(subject, options.prediction)

    def unprompted(self, options: Options) -> bool:
        """Where a prediction is named."""
        return options.prediction is not None

    def demanded(self, options: Options) -> bool:
        """Likewise."""
        return options.named or options.prediction is not None

    def claims(self, phrase: str) -> bool:
        """A phrase with the number of a prediction is about that one alone; how many rows it survives is another."""
        return re.search(NUMBER, phrase.lower()) is not None and re.search(MANY, phrase.lower()) is None

    def rest(self, phrase: str) -> str:
        """Without the number of the prediction."""
        return re.sub(NUMBER, "", phrase.lower(), count=1)

    def heard(self, phrase: str, options: Options) -> Options:
        """The number of the prediction, unless it is known.

        Raises:
            InputError: another one than was named before.
        """
        found = re.search(NUMBER, phrase.lower())
        if found is None or options.prediction == int(found[1]):
            return options
        if options.prediction is not None:
            raise InputError(f"--ask {phrase!r}", f"prediction {options.prediction} was named before",
                             "ask for each in an audit of its own, with another folder")
        return replace(options, prediction=int(found[1]))

    def narrowed(self, subject: Subject, options: Options) -> Subject:
        """The one evaluation row, in a file of its own."""
        assert options.prediction is not None
        return alone(subject, options.prediction)

    def asked(self, subject: Subject, options: Options) -> Asked:
        """The spec: any one row left out, with that one evaluation row."""
        change = {"parameter": "deletions", "set": "sparse", "count": 1}
        stays = [Wanted("stable_predictions", "min")] if subject.classifies else []
        return Asked(of_head(subject, change), [*stays, Wanted("prediction_change", "max")])

    def instead(self, subject: Subject, options: Options, bounds: Mapping[str, Bound]) -> Asked | None:
        """Whether its label stays alone, where no claim says how far its outputs go."""
        asked = self.asked(subject, options)
        if bounds["prediction_change"].upper is not None or len(asked.wanted) == 1:
            return None
        return Asked(asked.tables, asked.wanted[:1])

    def ranking(self, subject: Subject, options: Options, problem: Problem, seconds: float, tell: Progress,
                ) -> Ranking | str | None:
        """Every row left out by itself."""
        found = ranking(problem, 0, subject.classifies, seconds, tell)
        return found if isinstance(found, str) else found.renumbered(options.prediction or 0)

    def ranked(self, subject: Subject, options: Options, ranking: Ranking, certificate: Mapping[str, Any]) -> str:
        """The row that matters most, and rows that flip it."""
        said = flips(subject, ranking)
        return f"{most(subject, ranking)}; {said}" if said else most(subject, ranking)

    def needs_ranking(self, certificate: Mapping[str, Any]) -> bool:
        """Always: claims say what happens to the prediction, and not which rows matter."""
        return True

    def answer(self, subject: Subject, options: Options, claim: Claim) -> str:
        """A claim in words."""
        name, change = f"prediction {options.prediction}", f"whichever training row is left out {subject.again}"
        low, high = claim["lower"], claim["upper"]
        if claim["quantity"] == STABLE_PREDICTIONS.name:
            if low:
                return f"{name} keeps its label, {change}"
            if high is None or high > 0:
                return f"whether {name} keeps its label, {change}, is open"
            rows = [row for row in claim["witness"].get("changed") or [] if row >= 0]
            return f"{name} gets another label when training row {rows[0]} is left out {subject.again}" if rows else (
                f"{name} gets another label with no change at all: the minimum of the stated loss gives it another one")
        if high is None:
            return f"how far {_outputs(subject)} of {name} change, {change}, is open"
        reached = f"; {at_least(low, 4)} is reached" if low else ""
        return (f"{_outputs(subject)} of {name} change by no more than {at_most(high, 4)} from {START}, {change}"
                f"{reached}")


def no_such(subject: Subject, prediction: int | None) -> str:
    """That there is no evaluation row of that number; "" where there is, or none is named."""
    if prediction is None or prediction < subject.points:
        return ""
    return f"there is no prediction {prediction}: they are numbered from 0 to {subject.points - 1}"


def alone(subject: Subject, prediction: int) -> Subject:
    """The subject with one evaluation row, which is written to a file of its own."""
    from safetensors.numpy import save

    path = subject.root / PREDICTION
    row = np.ascontiguousarray(subject.to_predict[prediction : prediction + 1])
    subject.root.mkdir(parents=True, exist_ok=True)
    write_together({path: save({"X": row})})
    tables = {**subject.tables, "evaluation": {"file": PREDICTION, "features": "X"}}
    return replace(subject, tables=tables, evaluated=row, points=1, own=False, right=False)


def _outputs(subject: Subject) -> str:
    """What changes, in words."""
    if subject.network.widths[-1] > 1:
        return "the outputs together (root of the sum of squares)"
    return "the outputs, logarithms of what is predicted," if subject.logarithmic else "the outputs"
